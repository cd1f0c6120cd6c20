/* SPDX-License-Identifier: MIT */
#include "render/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/collate.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "hemera/course.h"
#include "published/texts.h"
#include "render/page.h"

#define NOON INT64_C(1773572400000) /* 2026-03-15 12:00 in Berlin */
#define CHANGED_MS INT64_C(1767225661999)
#define OUT_MAX (1 << 20)

static struct texts *texts_de, *texts_en;

static int load(struct texts **ret_texts, const char *language)
{
	const char *source = getenv("top_srcdir");
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/templates/texts.%s.json", source ? source : ".", language);
	CLEANUP(buf_done) struct buf text = BUF_INIT(OUT_MAX);

	if (file_read_path(path, &text, NULL) < 0)
		return -1;
	return texts_parse(ret_texts, "Academy", path, buf_text(&text), text.length, NULL);
}

static int set_up(void **state)
{
	(void)state;
	if (time_zone_set("Europe/Berlin") < 0 || collate_prepare(NULL) < 0)
		return -1;
	return load(&texts_de, "de") < 0 || load(&texts_en, "en") < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	texts_free(texts_de);
	texts_free(texts_en);
	return 0;
}

/* 8 to 9 December 2026. */
static struct course course_of(const char *id, const char *title)
{
	return (struct course){ .id = id,
		.title = title,
		.slug = "fuehrung",
		.level = "INTERMEDIATE",
		.start_date = "2026-12-07T23:00:00.000Z",
		.end_date = "2026-12-08T23:00:00.000Z",
		.participant_count = 3 };
}

/* ---- the rules of RFC 5545 ---- */

/* Lines of at most 75 octets with CRLF, each of them UTF-8 without control characters; unfolds them,
 * each followed by '\n'. Every backslash escapes a character that needs it, and no such character is
 * unescaped. */
static void check_lines(const char *label, const struct buf *calendar, struct buf *unfolded)
{
	const char *at = buf_text(calendar), *end = at + calendar->length;

	if (buf_overflowed(calendar) || strlen(at) != calendar->length)
		fail_msg("%s: NUL, or too long", label);
	while (at < end) {
		const char *line_end = strstr(at, "\r\n"), *start = at;

		if (!line_end)
			fail_msg("%s: the last line has no end", label);
		if (line_end - at > 75)
			fail_msg("%s: a line of %td octets", label, line_end - at);
		if (line_end == at)
			fail_msg("%s: an empty line", label);
		while (at < line_end) {
			int32_t character = utf8_next(&at, line_end);

			if (utf8_is_control(character) && character != '\t') /* UTF8_NONE, too */
				fail_msg("%s: U+%04X or no UTF-8 in \"%.*s\"", label, (unsigned)character,
					(int)(line_end - start), start);
		}
		if (*start == ' ' || *start == '\t') {
			assert_true(unfolded->length > 0);
			buf_truncate(unfolded, unfolded->length - 1);
			start++;
		}
		buf_append(unfolded, start, (size_t)(line_end - start));
		buf_append_char(unfolded, '\n');
		at = line_end + 2;
	}
}

static bool is_text_value(const char *name)
{
	return strncmp(name, "SUMMARY:", 8) == 0 || strncmp(name, "DESCRIPTION:", 12) == 0 ||
	       strncmp(name, "NAME:", 5) == 0 || strncmp(name, "X-WR-CALNAME:", 13) == 0;
}

/* Each line is NAME[;VALUE=DATE]:value, and text is escaped. */
static void check_content(const char *label, const char *line)
{
	static const char *const names[] = { "BEGIN", "END", "VERSION", "PRODID", "CALSCALE", "NAME",
		"X-WR-CALNAME", "UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "URL",
		"TRANSP", "TZID", "TZOFFSETFROM", "TZOFFSETTO" };
	size_t length = strcspn(line, ":;\n"), i = 0;

	while (i < ARRAY_SIZE(names) && (strlen(names[i]) != length || strncmp(names[i], line, length) != 0))
		i++;
	if (i == ARRAY_SIZE(names) || line[length] == '\n')
		fail_msg("%s: an unknown property: %.60s", label, line);
	if (!is_text_value(line))
		return;
	for (const char *at = line + length + 1; *at != '\n'; at++) {
		if (*at == '\\' && strchr("\\;,n", at[1]))
			at++;
		else if (strchr("\\;,", *at))
			fail_msg("%s: not escaped: %.60s", label, at);
	}
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static void check_event(const char *label, const char *event)
{
	static const char *const needed[] = { "\nUID:", "\nDTSTAMP:", "\nDTSTART;VALUE=DATE:",
		"\nDTEND;VALUE=DATE:", "\nSUMMARY:", "\nDESCRIPTION:", "\nTRANSP:TRANSPARENT\n" };
	const char *first = strstr(event, "\nDTSTART;VALUE=DATE:"),
		   *last = strstr(event, "\nDTEND;VALUE=DATE:");
	unsigned year, month, day, hour, minute, second;
	int length = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (count_of(event, needed[i]) != 1)
			fail_msg("%s: %u times %s", label, count_of(event, needed[i]), needed[i] + 1);
	if (count_of(event, "\nURL:") > 1)
		fail_msg("%s: two URLs", label);
	if (sscanf(strstr(event, "\nDTSTAMP:"), "\nDTSTAMP:%4u%2u%2uT%2u%2u%2uZ%n", &year, &month, &day,
		    &hour, &minute, &second, &length) != 6 ||
		length != (int)strlen("\nDTSTAMP:20260315T110000Z"))
		fail_msg("%s: %.30s", label, strstr(event, "\nDTSTAMP:"));
	first = strchr(first, ':') + 1;
	last = strchr(last, ':') + 1;
	if (strspn(first, "0123456789") != 8 || strspn(last, "0123456789") != 8 ||
		memcmp(first, last, 8) >= 0)
		fail_msg("%s: from %.8s until before %.8s", label, first, last);
}

/* Asserts the rules that hold for every calendar; *unfolded gets its lines, each followed by '\n'. */
static void check_calendar(const char *label, const struct feed *feed, struct buf *unfolded)
{
	static const char begin[] = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:", end[] = "\nEND:VCALENDAR\n";
	CLEANUP(buf_done) struct buf calendar = BUF_INIT(OUT_MAX);
	const char *text, *event;
	unsigned events;

	feed_calendar(&calendar, feed);
	check_lines(label, &calendar, unfolded);
	text = buf_text(unfolded);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		check_content(label, line);
	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("%s: begins with %.60s", label, text);
	if (strcmp(text + unfolded->length - strlen(end), end) != 0)
		fail_msg("%s: no end", label);
	events = count_of(text, "\nBEGIN:VEVENT\n");
	if (count_of(text, "\nEND:VEVENT\n") != events ||
		count_of(text, "\nBEGIN:") != (events ? events : 2) ||
		count_of(text, "\nEND:") != (events ? events : 2) + 1)
		fail_msg("%s: components are not what they should be: %s", label, text);
	event = text;
	while ((event = strstr(event, "BEGIN:VEVENT\n")) != NULL) {
		CLEANUP(mem_freep)
		char *one = mem_strndup(event, (size_t)(strstr(event, "END:VEVENT\n") - event));
		CLEANUP(mem_freep)
		char *uid = mem_strndup(strstr(one, "\nUID:"), strcspn(strstr(one, "UID:"), "\n") + 2);

		check_event(label, one);
		if (count_of(text, uid) != 1)
			fail_msg("%s: two events with %s", label, uid);
		event++;
	}
}

/* The value of the first property of that name ("SUMMARY:") in unfolded lines; owned, NULL: none. */
static char *value_of(const struct buf *unfolded, const char *name)
{
	CLEANUP(mem_freep) char *begin = mem_printf("\n%s", name);
	const char *found = strstr(buf_text(unfolded), begin);

	return found ? mem_strndup(found + strlen(begin), strcspn(found + strlen(begin), "\n")) : NULL;
}

static void assert_value(
	const char *label, const struct buf *unfolded, const char *name, const char *expected)
{
	CLEANUP(mem_freep) char *value = value_of(unfolded, name);

	if (!expected != !value || (expected && strcmp(value, expected) != 0))
		fail_msg("%s: %s%s instead of %s", label, name, value ? value : " is missing",
			expected ? expected : "none");
}

static const struct page_site academy = { .name = "Academy" };
static const int64_t changed[] = { CHANGED_MS, CHANGED_MS + 1000, CHANGED_MS + 2000, CHANGED_MS, CHANGED_MS,
	CHANGED_MS };

static struct feed feed_of(const struct page_home_row *row)
{
	return (struct feed){ &academy, texts_de, row, changed, 1 };
}

/* ---- courses.ics ---- */

static void a_course_is_an_event_of_whole_days(void **state)
{
	const struct course course = course_of("c1", "Führung, klar; und \\gut");
	const struct page_home_row row = { &course, NULL };
	const struct page_site site = { .name = "Hemera Academy",
		.course_url = "https://academy.example/{lang}/courses/{id}" };
	const struct feed feed = { &site, texts_de, &row, changed, 1 };
	CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

	(void)state;
	check_calendar("one course", &feed, &unfolded);
	assert_string_equal(buf_text(&unfolded),
		"BEGIN:VCALENDAR\n"
		"VERSION:2.0\n"
		"PRODID:-//aither//aither//EN\n"
		"CALSCALE:GREGORIAN\n"
		"NAME:Hemera Academy\n"
		"X-WR-CALNAME:Hemera Academy\n"
		"BEGIN:VEVENT\n"
		"UID:d0f631ca1ddba8db3bcfcb9e057cdc98d0379f1bee00e75a545147a27dadd982\n"
		"DTSTAMP:20260101T000101Z\n"
		"DTSTART;VALUE=DATE:20261208\n"
		"DTEND;VALUE=DATE:20261210\n"
		"SUMMARY:Führung\\, klar\\; und \\\\gut\n"
		"DESCRIPTION:Niveau: Fortgeschritten\\nTeilnehmende: 3\n"
		"URL:https://academy.example/de/courses/c1\n"
		"TRANSP:TRANSPARENT\n"
		"END:VEVENT\n"
		"END:VCALENDAR\n");
}

static void an_event_ends_before_the_day_behind_its_last(void **state)
{
	static const struct {
		const char *label, *start, *end, *first, *behind;
	} rows[] = {
		{ "two days", "2026-12-07T23:00:00.000Z", "2026-12-08T23:00:00.000Z", "20261208",
			"20261210" },
		{ "no end", "2026-12-07T23:00:00.000Z", NULL, "20261208", "20261209" },
		{ "the same day", "2026-12-07T23:00:00.000Z", "2026-12-08T22:59:59.999Z", "20261208",
			"20261209" },
		{ "the end is before the start", "2026-12-07T23:00:00.000Z", "2026-12-01T23:00:00.000Z",
			"20261208", "20261209" },
		{ "over the end of a month", "2026-03-29T22:00:00.000Z", "2026-03-30T22:00:00.000Z",
			"20260330", "20260401" },
		{ "over the end of a year", "2026-12-30T23:00:00.000Z", "2026-12-30T23:00:00.000Z",
			"20261231", "20270101" },
		{ "a leap day", "2028-02-27T23:00:00.000Z", NULL, "20280228", "20280229" },
		{ "none in 2100", "2100-02-27T23:00:00.000Z", NULL, "21000228", "21000301" },
		{ "the clock is put forward", "2026-03-27T23:00:00.000Z", "2026-03-28T23:00:00.000Z",
			"20260328", "20260330" },
		{ "the clock is put back", "2026-10-23T22:00:00.000Z", "2026-10-24T22:00:00.000Z", "20261024",
			"20261026" },
		{ "the first day of all", "0001-01-01T00:00:00.000Z", NULL, "00010101", "00010102" },
		{ "the last day of all", "9999-12-31T23:30:00.000Z", "9999-12-31T23:30:00.000Z", "99991230",
			"99991231" },
		{ "all days", "0001-01-01T00:00:00.000Z", "9999-12-31T00:00:00.000Z", "00010101",
			"99991231" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct course course = course_of("c1", "T");
		const struct page_home_row row = { &course, NULL };
		const struct feed feed = feed_of(&row);
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

		course.start_date = rows[i].start;
		course.end_date = rows[i].end;
		check_calendar(rows[i].label, &feed, &unfolded);
		assert_value(rows[i].label, &unfolded, "DTSTART;VALUE=DATE:", rows[i].first);
		assert_value(rows[i].label, &unfolded, "DTEND;VALUE=DATE:", rows[i].behind);
	}
}

/* 8 December begins at another moment in other time zones. */
static void days_are_those_of_the_sites_zone(void **state)
{
	static const struct {
		const char *zone, *first, *behind;
	} rows[] = {
		{ "UTC", "20261207", "20261209" },
		{ "America/Los_Angeles", "20261207", "20261209" },
		{ "Asia/Tokyo", "20261208", "20261210" },
		{ "Pacific/Kiritimati", "20261208", "20261210" },
	};
	struct course early = course_of("c2", "T");
	const struct course course = course_of("c1", "T");
	const struct page_home_row row = { &course, NULL }, early_row = { &early, NULL };
	const struct feed feed = feed_of(&row), early_feed = feed_of(&early_row);

	(void)state;
	early.start_date = early.end_date = "0001-01-01T00:00:00.000Z"; /* 31 December of the year 0 */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);
		CLEANUP(buf_done) struct buf early_unfolded = BUF_INIT(OUT_MAX);

		assert_int_equal(time_zone_set(rows[i].zone), 0);
		check_calendar(rows[i].zone, &feed, &unfolded);
		assert_value(rows[i].zone, &unfolded, "DTSTART;VALUE=DATE:", rows[i].first);
		assert_value(rows[i].zone, &unfolded, "DTEND;VALUE=DATE:", rows[i].behind);
		check_calendar(rows[i].zone, &early_feed, &early_unfolded);
		assert_value(rows[i].zone, &early_unfolded, "DTSTART;VALUE=DATE:", "00010101");
	}
	assert_int_equal(time_zone_set("Europe/Berlin"), 0);
}

static void hostile_titles_stay_in_their_line(void **state)
{
	static const struct {
		const char *label, *title, *summary;
	} rows[] = {
		{ "CRLF", "A\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:B",
			"A\\nEND:VEVENT\\nBEGIN:VEVENT\\nSUMMARY:B" },
		{ "LF, CR", "A\nB\rC\n\rD", "A\\nB\\nC\\n\\nD" },
		{ "a fold", "A\r\n B", "A\\n B" },
		{ "other ends of lines",
			"A\xc2\x85"
			"B\u2028C\u2029D",
			"A\\nB\\nC\\nD" },
		{ "an escaped end", "A\\nB\\", "A\\\\nB\\\\" },
		{ "control characters",
			"A\x01\x07\x0b\x0c\x1b[31m\x7f\xc2\x9b"
			"B",
			"A[31mB" },
		{ "a tab", "A\tB", "A\tB" },
		{ "separators", "a,b;c:d\"e", "a\\,b\\;c:d\"e" },
		{ "right to left", "\u202eקורס, מתקדם\u202c", "\u202eקורס\\, מתקדם\u202c" },
		{ "no UTF-8", "A\xff\xc3(", "A\ufffd\ufffd(" },
		{ "nothing", "", "(ohne Titel)" },
		{ "white space", " \t\r\n", "(ohne Titel)" },
		{ "invisible", "\u200b\u00ad\ufeff\u2060", "(ohne Titel)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct course course = course_of("c1", rows[i].title);
		const struct page_home_row row = { &course, NULL };
		const struct feed feed = feed_of(&row);
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

		check_calendar(rows[i].label, &feed, &unfolded);
		assert_value(rows[i].label, &unfolded, "SUMMARY:", rows[i].summary);
	}
}

/* Long titles of characters of every length, shifted through the line byte by byte. */
static void lines_are_folded_between_characters(void **state)
{
	static const char *const characters[] = { "x", "ü", "漢", "😀", "\\", "👩‍🔬", " " };
	static const char *const escaped[] = { "x", "ü", "漢", "😀", "\\\\", "👩‍🔬", " " };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
		for (size_t before = 0; before < 80; before++) {
			CLEANUP(buf_done) struct buf title = BUF_INIT(OUT_MAX);
			CLEANUP(buf_done) struct buf summary = BUF_INIT(OUT_MAX);
			CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

			for (size_t n = 0; n < before; n++)
				buf_append_char(&title, 'a');
			buf_append(&summary, title.data, title.length);
			for (size_t n = 0; n < 80; n++) {
				buf_append_text(&title, characters[i]);
				buf_append_text(&summary, escaped[i]);
			}
			buf_append_char(&title, '.'); /* so that the title is not blank */
			buf_append_char(&summary, '.');
			const struct course course = course_of("c1", buf_text(&title));
			const struct page_home_row row = { &course, NULL };
			const struct feed feed = feed_of(&row);

			check_calendar(characters[i], &feed, &unfolded);
			assert_value(characters[i], &unfolded, "SUMMARY:", buf_text(&summary));
		}
	}
}

static void a_line_is_filled_before_it_is_folded(void **state)
{
	CLEANUP(mem_freep) char *title = mem_alloc(COURSE_TITLE_MAX + 1);
	CLEANUP(buf_done) struct buf calendar = BUF_INIT(OUT_MAX);
	CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);
	const struct course course = course_of("c1", title);
	const struct page_home_row row = { &course, NULL };
	const struct feed feed = feed_of(&row);
	unsigned folds;

	(void)state;
	memset(title, 'a', COURSE_TITLE_MAX);
	title[COURSE_TITLE_MAX] = '\0';
	check_calendar("8 KB", &feed, &unfolded);
	assert_value("8 KB", &unfolded, "SUMMARY:", title);
	feed_calendar(&calendar, &feed);
	folds = count_of(buf_text(&calendar), "\r\n a");
	assert_int_equal(folds, (COURSE_TITLE_MAX + strlen("SUMMARY:") - 75 + 73) / 74);
	title[75 - strlen("SUMMARY:")] = '\0';
	buf_clear(&calendar);
	feed_calendar(&calendar, &feed);
	assert_int_equal(count_of(buf_text(&calendar), "\r\n a"), 0);
}

static void the_address_is_that_of_the_course_or_of_its_page(void **state)
{
	static const struct {
		const char *label, *site_url, *page, *url, *expected;
	} rows[] = {
		{ "nothing", NULL, NULL, NULL, NULL },
		{ "the site alone", "https://a.example", NULL, NULL, NULL },
		{ "a page of an unknown site", NULL, "courses/x.html", NULL, NULL },
		{ "a page", "https://a.example", "courses/x.html", NULL, "https://a.example/courses/x.html" },
		{ "both", "https://a.example", "courses/x.html", "https://b.example/x",
			"https://b.example/x" },
		{ "not a text", NULL, NULL, "https://b.example/x;y,z?a=\\", "https://b.example/x;y,z?a=\\" },
		{ "another line", NULL, NULL, "https://b.example/\r\nX:\n", "https://b.example/X:" },
		{ "a long one", NULL, NULL,
			"https://b.example/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/",
			"https://b.example/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct course course = course_of("c1", "T");
		const struct page_home_row row = { &course, rows[i].page };
		const struct page_site site = {
			.name = "A", .url = rows[i].site_url, .course_url = rows[i].url
		};
		const struct feed feed = { &site, texts_de, &row, changed, 1 };
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

		check_calendar(rows[i].label, &feed, &unfolded);
		assert_value(rows[i].label, &unfolded, "URL:", rows[i].expected);
	}
}

static void the_calendar_is_in_the_language_of_the_texts(void **state)
{
	const struct course course = course_of("c1", "");
	const struct page_home_row row = { &course, NULL };
	CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);
	const struct page_site site = { .name = "Kurse & mehr; \"A, B\"",
		.course_url = "https://b.example/?l={lang}" };
	const struct feed feed = { &site, texts_en, &row, changed, 1 };

	(void)state;
	check_calendar("English", &feed, &unfolded);
	assert_value("English", &unfolded, "SUMMARY:", "(untitled)");
	assert_value("English", &unfolded, "DESCRIPTION:", "Level: Intermediate\\nParticipants: 3");
	assert_value("English", &unfolded, "URL:", "https://b.example/?l=en");
	assert_value("English", &unfolded, "NAME:", "Kurse & mehr\\; \"A\\, B\"");
	assert_value("English", &unfolded, "X-WR-CALNAME:", "Kurse & mehr\\; \"A\\, B\"");
}

/* The event keeps its identity when the site is renamed or the course changes. */
static void the_uid_is_made_from_the_id_alone(void **state)
{
	static const struct page_site moved = {
		.name = "B", .url = "https://other.example", .course_url = "https://b.example/{slug}"
	};
	const struct course course = course_of("c1", "T"), other = course_of("c2", "T");
	struct course later = course_of("c1", "Another");
	const struct page_home_row row = { &course, NULL }, later_row = { &later, "courses/a.html" },
				   other_row = { &other, NULL };
	const struct feed feeds[] = { { &academy, texts_de, &row, changed, 1 },
		{ &moved, texts_en, &later_row, changed + 1, 1 },
		{ &academy, texts_de, &other_row, changed, 1 } };
	CLEANUP(mem_freep) char *uids[ARRAY_SIZE(feeds)] = { NULL };

	(void)state;
	later.start_date = "2027-01-01T00:00:00.000Z";
	later.end_date = NULL;
	later.slug = "another";
	for (size_t i = 0; i < ARRAY_SIZE(feeds); i++) {
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

		check_calendar("uid", &feeds[i], &unfolded);
		uids[i] = value_of(&unfolded, "UID:");
	}
	assert_string_equal(uids[0], uids[1]);
	assert_string_not_equal(uids[0], uids[2]);
	free(uids[1]);
	free(uids[2]);
}

static void the_stamp_is_the_time_of_the_last_change(void **state)
{
	static const struct {
		const char *label;
		int64_t changed_ms;
		const char *stamp;
	} rows[] = {
		{ "the beginning", 0, "19700101T000000Z" },
		{ "UTC, not the site's zone", INT64_C(1773572400000), "20260315T110000Z" },
		{ "after 2038", INT64_C(4102444799999), "20991231T235959Z" },
		{ "before all", INT64_MIN, "00010101T000000Z" },
		{ "after all", INT64_MAX, "99991231T235959Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct course course = course_of("c1", "T");
		const struct page_home_row row = { &course, NULL };
		const struct feed feed = { &academy, texts_de, &row, &rows[i].changed_ms, 1 };
		CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);

		check_calendar(rows[i].label, &feed, &unfolded);
		assert_value(rows[i].label, &unfolded, "DTSTAMP:", rows[i].stamp);
	}
}

static void courses_without_a_start_are_left_out(void **state)
{
	struct course courses[] = { course_of("c1", "with"), course_of("c2", "without"),
		course_of("c3", "neither") };
	const struct page_home_row rows[] = { { &courses[1], NULL }, { &courses[0], NULL },
		{ &courses[2], NULL } };
	CLEANUP(buf_done) struct buf unfolded = BUF_INIT(OUT_MAX);
	CLEANUP(buf_done) struct buf none = BUF_INIT(OUT_MAX);
	CLEANUP(buf_done) struct buf empty = BUF_INIT(OUT_MAX);
	struct feed feed = feed_of(rows);

	(void)state;
	courses[1].start_date = courses[2].start_date = courses[2].end_date = NULL;
	feed.count = ARRAY_SIZE(rows);
	check_calendar("one of three", &feed, &unfolded);
	assert_int_equal(count_of(buf_text(&unfolded), "BEGIN:VEVENT"), 1);
	assert_value("one of three", &unfolded, "SUMMARY:", "with");
	assert_value("one of three", &unfolded, "DTSTAMP:", "20260101T000102Z");
	/* Even then a calendar must have a component (RFC 5545, 3.6). */
	courses[0].start_date = NULL;
	check_calendar("none of three", &feed, &none);
	assert_int_equal(count_of(buf_text(&none), "\nBEGIN:VTIMEZONE\n"), 1);
	feed.count = 0;
	check_calendar("no courses", &feed, &empty);
	assert_string_equal(buf_text(&empty), buf_text(&none));
}

/* ---- CourseURL ---- */

static void the_pattern_of_addresses_is_filled_in(void **state)
{
	static const struct {
		const char *label, *pattern, *slug, *expected;
	} rows[] = {
		{ "no pattern", NULL, "a", NULL },
		{ "the id", "https://a.example/courses/{id}", "a", "https://a.example/courses/c-1_Z" },
		{ "the slug", "https://a.example/{slug}/", "fuehrung", "https://a.example/fuehrung/" },
		{ "all, and twice", "https://a.example/{lang}/{id}/{slug}?c={id}", "a.b~c",
			"https://a.example/de/c-1_Z/a.b~c?c=c-1_Z" },
		{ "other braces", "https://a.example/{}{ids}{{id}}", "a",
			"https://a.example/{}{ids}{c-1_Z}" },
		{ "reserved characters", "https://a.example/{slug}", ":/?#[]@!$&'()*+,;=% \"<>\\^`{|}",
			"https://a.example/%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D"
			"%25%20%22%3C%3E%5C%5E%60%7B%7C%7D" },
		{ "UTF-8", "https://a.example/{slug}", "f\u00fc\U0001f600",
			"https://a.example/f%C3%BC%F0%9F%98%80" },
		{ "control characters", "https://a.example/{slug}", "a\r\n\x7f",
			"https://a.example/a%0D%0A%7F" },
		{ "a place in the slug", "https://a.example/{slug}", "{id}", "https://a.example/%7Bid%7D" },
		{ "no slug", "https://a.example/{slug}", "", NULL },
		{ "no slug is needed", "https://a.example/{id}", "", "https://a.example/c-1_Z" },
		{ "this folder", "https://a.example/{slug}", ".", NULL },
		{ "the folder above", "https://a.example/{slug}/{id}", "..", NULL },
		{ "dots", "https://a.example/{slug}", "...", "https://a.example/..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct course one = { .id = "c-1_Z", .title = "T", .slug = rows[i].slug };
		const struct page_site site = { .course_url = rows[i].pattern };
		CLEANUP(mem_freep) char *url = page_course_url(&site, &one, LANGUAGE_DE);

		if (strcmp(url ? url : "none", rows[i].expected ? rows[i].expected : "none") != 0)
			fail_msg("%s: %s", rows[i].label, url ? url : "none");
	}
}

/* ---- courses.json ---- */

static struct json *json_of(const struct feed *feed, int64_t now_ms)
{
	static const struct json_limits limits = { .size_max = OUT_MAX, .depth_max = 4, .node_max = 10000 };
	CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct error err = { 0 };
	struct json *json = NULL;

	feed_json(&out, feed, now_ms);
	if (json_parse(&json, buf_text(&out), out.length, &limits, &err) < 0)
		fail_msg("%s: %s", err.message, buf_text(&out));
	assert_int_equal(buf_text(&out)[out.length - 1], '\n');
	return json;
}

static void courses_have_these_members(void **state)
{
	const struct course course = course_of("c1", "Führung \"A\"\n");
	const struct course bare = { .id = "c2", .title = "\u200b", .slug = "", .level = "BEGINNER" };
	const struct page_home_row rows[] = { { &course, "courses/x.html" }, { &bare, NULL } };
	struct page_site site = { .name = "Academy", .course_url = "https://academy.example/{lang}/{slug}" };
	const struct feed feed = { &site, texts_en, rows, changed, 2 };
	CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);

	(void)state;
	feed_json(&out, &feed, NOON);
	assert_string_equal(buf_text(&out),
		"{\"site\":{\"name\":\"Academy\",\"url\":null},\"courses\":[\n"
		"{\"id\":\"c1\",\"title\":\"Führung \\\"A\\\"\\n\",\"slug\":\"fuehrung\",\"level\":\"INTERMEDIATE\","
		"\"startDate\":\"2026-12-07T23:00:00.000Z\",\"endDate\":\"2026-12-08T23:00:00.000Z\","
		"\"state\":\"upcoming\",\"participantCount\":3,\"url\":\"https://academy.example/en/fuehrung\","
		"\"page\":\"courses/x.html\"},\n"
		"{\"id\":\"c2\",\"title\":null,\"slug\":null,\"level\":\"BEGINNER\",\"startDate\":null,"
		"\"endDate\":null,\"state\":\"undated\",\"participantCount\":0,\"url\":null,\"page\":null}]}\n");
	site.url = "https://a.example";
	CLEANUP(json_freep) struct json *json = json_of(&feed, NOON);
	assert_string_equal(json_string(json_get(json_get(json, "site"), "url")), "https://a.example");
	assert_string_equal(json_string(json_get(json_first(json_get(json, "courses")), "page")),
		"https://a.example/courses/x.html");
}

static void a_site_without_courses_has_an_empty_array(void **state)
{
	const struct feed feed = { &academy, texts_de, NULL, NULL, 0 };
	CLEANUP(json_freep) struct json *json = json_of(&feed, NOON);

	(void)state;
	assert_int_equal(json_type(json_get(json, "courses")), JSON_ARRAY);
	assert_int_equal(json_count(json_get(json, "courses")), 0);
}

/* The order is that of the homepage, see test-page.c. */
static void courses_stand_in_the_homepages_order_with_their_state(void **state)
{
	static const struct course courses[] = {
		{ .id = "1",
			.title = "p",
			.slug = "",
			.level = "BEGINNER",
			.start_date = "2025-01-01T23:00:00.000Z" },
		{ .id = "2", .title = "u", .slug = "", .level = "BEGINNER" },
		{ .id = "3",
			.title = "q",
			.slug = "",
			.level = "BEGINNER",
			.start_date = "2026-03-13T23:00:00.000Z" },
		{ .id = "4",
			.title = "c",
			.slug = "",
			.level = "BEGINNER",
			.start_date = "2026-03-15T23:00:00.000Z" },
		{ .id = "5",
			.title = "b",
			.slug = "",
			.level = "BEGINNER",
			.start_date = "2026-03-14T23:00:00.000Z" },
		{ .id = "6",
			.title = "a",
			.slug = "",
			.level = "BEGINNER",
			.start_date = "2026-03-10T23:00:00.000Z",
			.end_date = "2026-03-14T23:00:00.000Z" },
	};
	static const char expected[] = "6 running\n5 running\n4 upcoming\n2 undated\n3 past\n1 past\n";
	struct page_home_row rows[ARRAY_SIZE(courses)];
	const struct feed feed = { &academy, texts_de, rows, changed, ARRAY_SIZE(rows) };
	CLEANUP(buf_done) struct buf found = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct page_home_row){ &courses[i], NULL };
	CLEANUP(json_freep) struct json *json = json_of(&feed, NOON);
	JSON_FOREACH (course, json_get(json, "courses"))
		buf_printf(&found, "%s %s\n", json_string(json_get(course, "id")),
			json_string(json_get(course, "state")));
	assert_string_equal(buf_text(&found), expected);
}

/* Otherwise every refresh would publish the file again. */
static void the_same_courses_give_the_same_bytes_all_day(void **state)
{
	const struct course one = course_of("c1", "T"), two = course_of("c2", "T");
	const struct page_home_row rows[] = { { &one, NULL }, { &two, NULL } },
				   turned[] = { rows[1], rows[0] };
	const struct feed feed = { &academy, texts_de, rows, changed, 2 },
			  turned_feed = { &academy, texts_de, turned, changed, 2 };
	CLEANUP(buf_done) struct buf first = BUF_INIT(OUT_MAX);
	CLEANUP(buf_done) struct buf second = BUF_INIT(OUT_MAX);

	(void)state;
	feed_json(&first, &feed, NOON);
	feed_json(&second, &turned_feed, NOON + 11 * INT64_C(3600000));
	assert_string_equal(buf_text(&second), buf_text(&first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_course_is_an_event_of_whole_days),
		cmocka_unit_test(an_event_ends_before_the_day_behind_its_last),
		cmocka_unit_test(days_are_those_of_the_sites_zone),
		cmocka_unit_test(hostile_titles_stay_in_their_line),
		cmocka_unit_test(lines_are_folded_between_characters),
		cmocka_unit_test(a_line_is_filled_before_it_is_folded),
		cmocka_unit_test(the_address_is_that_of_the_course_or_of_its_page),
		cmocka_unit_test(the_calendar_is_in_the_language_of_the_texts),
		cmocka_unit_test(the_uid_is_made_from_the_id_alone),
		cmocka_unit_test(the_stamp_is_the_time_of_the_last_change),
		cmocka_unit_test(courses_without_a_start_are_left_out),
		cmocka_unit_test(the_pattern_of_addresses_is_filled_in),
		cmocka_unit_test(courses_have_these_members),
		cmocka_unit_test(a_site_without_courses_has_an_empty_array),
		cmocka_unit_test(courses_stand_in_the_homepages_order_with_their_state),
		cmocka_unit_test(the_same_courses_give_the_same_bytes_all_day),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
