/* SPDX-License-Identifier: MIT */
#include "render/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/collate.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/course.h"
#include "published/texts.h"
#include "render/template.h"

#define DAY_MS 86400000
#define NOON INT64_C(1773572400000) /* 2026-03-15 12:00 in Berlin */

static const struct course course = {
	.id = "c1",
	.title = "Führung",
	.slug = "fuehrung",
	.level = "INTERMEDIATE",
	.start_date = "2026-03-14T23:00:00.000Z",
	.participant_count = 3,
};

static const char participants_text[] =
	"[{\"bookingId\":\"b1\",\"participationId\":\"p1\",\"name\":\"Ada\",\"status\":\"COMPLETE\","
	"\"preparationIntent\":\"x\","
	"\"desiredResults\":\" "
	"\\n\",\"lineManagerProfile\":null,\"preparationCompletedAt\":\"2026-02-01T09:00:00.000Z\"},"
	"{\"bookingId\":\"b2\",\"participationId\":null,\"name\":null,\"status\":\"NONE\","
	"\"preparationIntent\":null,"
	"\"desiredResults\":null,\"lineManagerProfile\":null,\"preparationCompletedAt\":null},"
	"{\"bookingId\":\"b3\",\"participationId\":\"p3\",\"name\":\"Ben\",\"status\":\"PREPARATION\","
	"\"preparationIntent\":\"\","
	"\"desiredResults\":\"y\",\"lineManagerProfile\":\"z\",\"preparationCompletedAt\":null}]";

static const int64_t changed_ms[2] = { 1000, 2000 }; /* when the rows below last changed */

static struct texts *texts_de;

static const struct page_site site = { .name = "Akademie" };
static const struct page_site full_site = {
	.name = "Akademie",
	.url = "https://kurse.example",
	.imprint_url = "/impressum.html",
	.privacy_url = "https://example.org/privacy",
	.course_url = "https://example.org/{lang}/{slug}?id={id}",
	.logo = "/logo.svg",
	.style = "/style.css",
	.page_language = LANGUAGE_EN,
	.is_public = true,
};

static int set_up(void **state)
{
	const char *source = getenv("top_srcdir");
	CLEANUP(mem_freep) char *path = mem_printf("%s/templates/texts.de.json", source ? source : ".");
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

	(void)state;
	if (time_zone_set("Europe/Berlin") < 0 || collate_prepare(NULL) < 0 ||
		file_read_path(path, &text, NULL) < 0)
		return -1;
	return texts_parse(&texts_de, "Akademie", path, buf_text(&text), text.length, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	texts_free(texts_de);
	return 0;
}

/* Participants and the JSON that they borrow their texts from. */
struct sample {
	struct json *array;
	struct participants participants;
};

static void sample_done(struct sample *sample)
{
	participants_done(&sample->participants);
	json_free(sample->array);
}

static struct sample sample_of(const char *text, size_t length)
{
	static const struct json_limits limits = { .size_max = 1 << 20, .depth_max = 10, .node_max = 1000 };
	struct sample sample = { 0 };

	assert_int_equal(json_parse(&sample.array, text, length, &limits, NULL), 0);
	assert_int_equal(participants_from_json(&sample.participants, sample.array, "data", NULL), 0);
	return sample;
}

static struct sample sample_three(void)
{
	return sample_of(participants_text, strlen(participants_text));
}

static void assert_text(const struct json *object, const char *member, const char *expected)
{
	const char *text = json_string(json_get(object, member));

	if (!expected)
		assert_int_equal(json_type(json_get(object, member)), JSON_NULL);
	else if (!text || strcmp(text, expected) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", member, text ? text : "(no text)", expected);
}

static void a_course_has_labels_and_dates_in_words(void **state)
{
	CLEANUP(json_freep) struct json *data = page_course_data(&course, NULL, &site, texts_de, NOON);
	const struct json *object = json_get(data, "course");

	(void)state;
	assert_text(object, "id", "c1");
	assert_text(object, "title", "Führung");
	assert_text(object, "slug", "fuehrung");
	assert_text(object, "level", "INTERMEDIATE");
	assert_text(object, "levelLabel", "Fortgeschritten");
	assert_text(object, "startDate", "2026-03-14T23:00:00.000Z");
	assert_text(object, "startDateText", "15. März 2026");
	assert_text(object, "endDate", NULL);
	assert_text(object, "endDateText", NULL);
	assert_int_equal(json_integer(json_get(object, "participantCount"), -1), 3);
	assert_text(data, "generatedAt", "2026-03-15T11:00:00.000Z");
	assert_text(data, "lang", "de");
	assert_true(json_bool(json_get(data, "participantsPending"), false));
	assert_int_equal(json_count(json_get(data, "participants")), 0);
}

static void participants_have_status_labels_and_their_texts(void **state)
{
	CLEANUP(sample_done) struct sample three = sample_three();
	CLEANUP(json_freep)
	struct json *data = page_course_data(&course, &three.participants, &site, texts_de, 0);
	const struct json *first = json_first(json_get(data, "participants")), *second = json_next(first);

	(void)state;
	assert_false(json_bool(json_get(data, "participantsPending"), true));
	assert_null(json_get(data, "generatedAt"));
	assert_text(first, "name", "Ada");
	assert_text(first, "statusLabel", "Abgeschlossen");
	assert_text(first, "preparationIntent", "x");
	assert_text(first, "desiredResults", "");
	assert_text(first, "lineManagerProfile", NULL);
	assert_true(json_bool(json_get(first, "preparationCompleted"), false));
	assert_null(json_get(first, "bookingId"));
	assert_text(second, "name", NULL);
	assert_text(second, "statusLabel", "Noch nicht begonnen");
	assert_false(json_bool(json_get(second, "preparationCompleted"), true));
}

static void participants_are_grouped_by_status_in_its_order(void **state)
{
	static const char *const expected[] = { "PREPARATION", "COMPLETE", "NONE" };
	CLEANUP(sample_done) struct sample three = sample_three();
	CLEANUP(json_freep)
	struct json *data = page_course_data(&course, &three.participants, &site, texts_de, 0);
	size_t i = 0;

	(void)state;
	JSON_FOREACH (group, json_get(data, "participantsByStatus")) {
		assert_true(i < ARRAY_SIZE(expected));
		assert_string_equal(json_name(group), expected[i++]);
		assert_int_equal(json_count(group), 1);
	}
	assert_int_equal(i, ARRAY_SIZE(expected));
}

#define ADA                                                                            \
	"{\"name\":\"Ada\",\"status\":\"COMPLETE\",\"statusLabel\":\"Abgeschlossen\"," \
	"\"preparationIntent\":\"x\",\"desiredResults\":\"\","                         \
	"\"lineManagerProfile\":null,"                                                 \
	"\"preparationCompletedAt\":\"2026-02-01T09:00:00.000Z\","                     \
	"\"preparationCompleted\":true}"
#define BEN                                                                              \
	"{\"name\":\"Ben\",\"status\":\"PREPARATION\",\"statusLabel\":\"Vorbereitung\"," \
	"\"preparationIntent\":\"\",\"desiredResults\":\"y\","                           \
	"\"lineManagerProfile\":\"z\",\"preparationCompletedAt\":null,"                  \
	"\"preparationCompleted\":false}"
#define NONE                                                                          \
	"{\"name\":null,\"status\":\"NONE\",\"statusLabel\":\"Noch nicht begonnen\"," \
	"\"preparationIntent\":null,\"desiredResults\":null,"                         \
	"\"lineManagerProfile\":null,\"preparationCompletedAt\":null,"                \
	"\"preparationCompleted\":false}"

/* {{#each}} shows the order of the members. */
static void a_page_has_these_data(void **state)
{
	CLEANUP(sample_done) struct sample three = sample_three();
	CLEANUP(json_freep)
	struct json *data = page_course_data(&course, &three.participants, &site, texts_de, NOON);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

	(void)state;
	json_write(&text, data);
	assert_string_equal(buf_text(&text),
		"{\"course\":{\"id\":\"c1\",\"title\":\"Führung\",\"slug\":\"fuehrung\","
		"\"level\":\"INTERMEDIATE\",\"levelLabel\":\"Fortgeschritten\","
		"\"startDate\":\"2026-03-14T23:00:00.000Z\","
		"\"startDateText\":\"15. März 2026\",\"endDate\":null,\"endDateText\":null,"
		"\"participantCount\":3,\"datesText\":\"15. März 2026\",\"url\":null},"
		"\"participantsByStatus\":{"
		"\"PREPARATION\":[" BEN "],\"COMPLETE\":[" ADA "],\"NONE\":[" NONE "]},"
		"\"participants\":[" ADA "," NONE "," BEN "],"
		"\"participantsPending\":false,\"participantsHidden\":false,\"back\":\"/courses/\","
		"\"lang\":\"de\",\"site\":{\"name\":\"Akademie\",\"url\":null,\"imprintURL\":null,"
		"\"privacyURL\":null,\"logo\":null,\"style\":null},"
		"\"generatedAt\":\"2026-03-15T11:00:00.000Z\"}");
}

/* The same for the data of the homepage. */
static void the_homepage_has_these_data(void **state)
{
	const struct page_home_row row = { &course, NULL };
	CLEANUP(json_freep) struct json *data = page_home_data(&row, 1, &site, texts_de, NOON);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

	(void)state;
	json_write(&text, data);
	assert_string_equal(buf_text(&text),
		"{\"lang\":\"de\",\"pageLang\":\"de\",\"site\":{\"name\":\"Akademie\",\"url\":null,\"imprintURL\":null,"
		"\"privacyURL\":null,\"logo\":null,\"style\":null},"
		"\"courseCount\":1,\"current\":[{\"title\":\"Führung\","
		"\"titleMissing\":false,\"level\":\"INTERMEDIATE\","
		"\"levelLabel\":\"Fortgeschritten\",\"startDate\":\"2026-03-14T23:00:00.000Z\","
		"\"startDateText\":\"15. März 2026\",\"endDate\":null,\"endDateText\":null,"
		"\"participantCount\":3,\"datesText\":\"15. März 2026\",\"url\":null,"
		"\"running\":true,\"href\":null}],\"undated\":[],\"past\":[],"
		"\"currentCount\":1,\"next\":null,\"currentMonths\":[]}");
}

static void the_site_is_in_the_data_of_all_pages(void **state)
{
	CLEANUP(json_freep)
	struct json *page = page_course_data(&course, NULL, &full_site, texts_de, NOON),
		    *home = page_home_data(NULL, 0, &full_site, texts_de, NOON);
	const struct json *const pages[] = { page, home };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		const struct json *object = json_get(pages[i], "site");

		assert_text(object, "name", "Akademie");
		assert_text(object, "url", "https://kurse.example");
		assert_text(object, "imprintURL", "/impressum.html");
		assert_text(object, "privacyURL", "https://example.org/privacy");
		assert_text(object, "logo", "/logo.svg");
		assert_text(object, "style", "/style.css");
	}
	assert_text(home, "pageLang", "en");
}

static void a_public_page_has_nothing_of_a_participant(void **state)
{
	CLEANUP(sample_done) struct sample three = sample_three();
	CLEANUP(json_freep)
	struct json *data = page_course_data(&course, &three.participants, &full_site, texts_de, 0);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

	(void)state;
	assert_true(json_bool(json_get(data, "participantsHidden"), false));
	assert_true(json_bool(json_get(data, "participantsPending"), false)); /* for templates of 0.1.0 */
	assert_int_equal(json_type(json_get(data, "participants")), JSON_ARRAY);
	assert_int_equal(json_count(json_get(data, "participants")), 0);
	assert_int_equal(json_count(json_get(data, "participantsByStatus")), 0);
	assert_int_equal(json_integer(json_get(json_get(data, "course"), "participantCount"), -1), 3);
	assert_text(data, "back", "/");
	json_write(&text, data);
	assert_null(strstr(buf_text(&text), "Ada"));
	assert_null(strstr(buf_text(&text), "statusLabel"));
}

static void the_address_of_a_course_is_made_from_the_pattern(void **state)
{
	static const struct {
		const char *name, *pattern, *id, *slug, *expected;
		enum language language;
	} rows[] = {
		{ "none", NULL, "c1", "a", NULL, LANGUAGE_DE },
		{ "id", "https://a.example/{id}", "c1", "a", "https://a.example/c1", LANGUAGE_DE },
		{ "slug twice", "https://a.example/{slug}/{slug}", "c1", "a-b_c.d~e",
			"https://a.example/a-b_c.d~e/a-b_c.d~e", LANGUAGE_DE },
		{ "German", "https://a.example/{lang}/{id}", "c1", "a", "https://a.example/de/c1",
			LANGUAGE_DE },
		{ "English", "https://a.example/{lang}/{id}", "c1", "a", "https://a.example/en/c1",
			LANGUAGE_EN },
		{ "nothing leaves its place", "https://a.example/{id}?x=1", "../?&=#%\"<", "a",
			"https://a.example/..%2F%3F%26%3D%23%25%22%3C?x=1", LANGUAGE_DE },
		{ "UTF-8", "https://a.example/{slug}", "c1", "größe", "https://a.example/gr%C3%B6%C3%9Fe",
			LANGUAGE_DE },
		{ "a value that looks like a mark", "https://a.example/{id}", "{slug}", "a",
			"https://a.example/%7Bslug%7D", LANGUAGE_DE },
		{ "an unknown mark stays", "https://a.example/{other}/{id}", "c1", "a",
			"https://a.example/{other}/c1", LANGUAGE_DE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct page_site with = { .name = "A", .course_url = rows[i].pattern };
		const struct course one = { .id = rows[i].id, .slug = rows[i].slug, .title = "T" };
		CLEANUP(mem_freep) char *url = page_course_url(&with, &one, rows[i].language);

		if (!rows[i].expected ? url != NULL : !url || strcmp(url, rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].name, url ? url : "none");
	}
}

static void a_row_and_a_page_have_their_dates_and_address(void **state)
{
	const struct course two_days = { .id = "c1",
		.title = "T",
		.slug = "t",
		.level = "BEGINNER",
		.start_date = "2026-12-07T23:00:00.000Z",
		.end_date = "2026-12-08T23:00:00.000Z" };
	const struct page_home_row row = { &two_days, NULL };
	CLEANUP(json_freep)
	struct json *page = page_course_data(&two_days, NULL, &full_site, texts_de, NOON),
		    *home = page_home_data(&row, 1, &full_site, texts_de, NOON);
	const struct json *const objects[] = { json_get(page, "course"), json_get(home, "next"),
		json_first(json_get(home, "current")) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		assert_text(objects[i], "datesText", "8.–9. Dezember 2026");
		assert_text(objects[i], "url", "https://example.org/de/t?id=c1");
	}
}

static void fingerprint(const struct course *of, const struct participants *participants, const char *text,
	char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(template_freep) struct template *template = NULL;

	assert_int_equal(template_compile(&template, "t", text, strlen(text), NULL, NULL), 0);
	page_fingerprint(of, participants, &site, template, texts_de, ret_hex);
}

static void the_fingerprint_changes_with_every_member_of_the_course(void **state)
{
	const struct course base = { "c1", "A", "a", "BEGINNER", "2026-03-14T23:00:00.000Z",
		"2026-03-15T23:00:00.000Z", 3, NULL };
	struct course others[] = { base, base, base, base, base, base, base, base, base };
	CLEANUP(sample_done) struct sample three = sample_three();
	char base_hex[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	(void)state;
	others[0].id = "c2";
	others[1].title = "B";
	others[2].slug = "b";
	others[3].level = "ADVANCED";
	others[4].start_date = "2026-03-13T23:00:00.000Z";
	others[5].start_date = NULL;
	others[6].end_date = "2026-03-16T23:00:00.000Z";
	others[7].participant_count = 4;
	others[8].title = "A\",\"x\":\""; /* text that looks like the next member */
	fingerprint(&base, &three.participants, "x", base_hex);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		fingerprint(&others[i], &three.participants, "x", hex);
		if (strcmp(hex, base_hex) == 0)
			fail_msg("row %zu has the same fingerprint", i);
	}
	fingerprint(&base, &three.participants, "x", hex);
	assert_string_equal(hex, base_hex);
	fingerprint(&base, &three.participants, "y", hex);
	assert_string_not_equal(hex, base_hex);
	fingerprint(&base, NULL, "x", hex);
	assert_string_not_equal(hex, base_hex);
}

/* The first participant, with one text replaced by another. */
static struct sample sample_with(const char *text, const char *replacement)
{
	const char *at = strstr(participants_text, text);
	CLEANUP(buf_done) struct buf changed = BUF_INIT(1 << 20);

	assert_non_null(at);
	buf_append(&changed, participants_text, (size_t)(at - participants_text));
	buf_append_text(&changed, replacement);
	buf_append_text(&changed, at + strlen(text));
	return sample_of(buf_text(&changed), changed.length);
}

static void the_fingerprint_changes_exactly_with_what_a_page_shows_of_participants(void **state)
{
	static const struct {
		const char *text, *replacement;
		bool shown;
	} rows[] = {
		{ "\"Ada\"", "\"Eva\"", true },
		{ "\"Ada\"", "null", true },
		{ "COMPLETE", "SUMMARY", true },
		{ "\"preparationIntent\":\"x\"", "\"preparationIntent\":\"y\"", true },
		{ "\"desiredResults\":\" \\n\"", "\"desiredResults\":\"r\"", true },
		{ "\"lineManagerProfile\":null", "\"lineManagerProfile\":\"l\"", true },
		{ "2026-02-01T09", "2026-02-01T10", true },
		{ "\"x\",\"desiredResults\":\" \\n\"", "\"\",\"desiredResults\":\"x\"", true },
		{ "\"desiredResults\":\" \\n\"", "\"desiredResults\":\"\"",
			false }, /* white space counts as empty */
		{ "\"p1\"", "\"p9\"", false },
		{ "\"bookingId\":\"b1\"", "\"imageUrl\":\"u\",\"bookingId\":\"b0\"", false },
	};
	CLEANUP(sample_done) struct sample three = sample_three();
	char base_hex[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	(void)state;
	fingerprint(&course, &three.participants, "x", base_hex);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(sample_done) struct sample other = sample_with(rows[i].text, rows[i].replacement);

		fingerprint(&course, &other.participants, "x", hex);
		if ((strcmp(hex, base_hex) != 0) != rows[i].shown)
			fail_msg("%s -> %s: %s", rows[i].text, rows[i].replacement,
				rows[i].shown ? "the same fingerprint" : "another fingerprint");
	}
}

static void the_fingerprint_changes_with_the_zone_of_dates(void **state)
{
	CLEANUP(sample_done) struct sample late = sample_with("2026-02-01T09", "2026-02-01T22");
	struct course evening = course, undated = course;
	const struct course *const courses[] = { &evening, &undated };

	(void)state;
	evening.start_date = "2026-03-14T22:00:00.000Z"; /* the 15th in Tokyo */
	undated.start_date = undated.end_date = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(courses); i++) {
		char berlin[HASH_HEX_SIZE], tokyo[HASH_HEX_SIZE];

		fingerprint(courses[i], &late.participants, "{{date participants.0.preparationCompletedAt}}",
			berlin);
		assert_int_equal(time_zone_set("Asia/Tokyo"), 0);
		fingerprint(courses[i], &late.participants, "{{date participants.0.preparationCompletedAt}}",
			tokyo);
		assert_int_equal(time_zone_set("Europe/Berlin"), 0);
		assert_string_not_equal(berlin, tokyo);
	}
}

static void the_fingerprint_changes_with_the_site(void **state)
{
	struct page_site others[9];
	CLEANUP(template_freep) struct template *template = NULL;
	char base[HASH_HEX_SIZE], base_home[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];
	const struct page_home_row row = { &course, NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = full_site;
	others[0].name = "Schule";
	others[1].url = NULL;
	others[2].imprint_url = "/privacy";
	others[3].privacy_url = NULL;
	others[4].course_url = "https://example.org/{id}";
	others[5].logo = "/logo.png";
	others[6].style = NULL;
	others[7].page_language = LANGUAGE_DE;
	others[8].is_public = false;
	assert_int_equal(template_compile(&template, "t", "x", 1, NULL, NULL), 0);
	page_fingerprint(&course, NULL, &full_site, template, texts_de, base);
	page_home_fingerprint(&row, changed_ms, 1, &full_site, "t", NOON, base_home);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		page_fingerprint(&course, NULL, &others[i], template, texts_de, hex);
		if (strcmp(hex, base) == 0)
			fail_msg("row %zu: the page has the same fingerprint", i);
		page_home_fingerprint(&row, changed_ms, 1, &others[i], "t", NOON, hex);
		if (strcmp(hex, base_home) == 0)
			fail_msg("row %zu: the homepage has the same fingerprint", i);
	}
}

static void the_homepages_fingerprint_changes_with_what_it_is_made_from(void **state)
{
	const struct course other = { .id = "c2", .title = "T", .level = "BEGINNER", .slug = "t" };
	const struct page_home_row rows[] = { { &course, NULL }, { &other, "courses/t.html" } },
				   linked[] = { { &course, "courses/f.html" }, { &other, "courses/t.html" } };
	char base[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	(void)state;
	page_home_fingerprint(rows, changed_ms, 2, &site, "t", NOON, base);
	page_home_fingerprint(rows, changed_ms, 2, &site, "t", NOON + 60000, hex);
	assert_string_equal(hex, base);
	page_home_fingerprint(rows, changed_ms, 2, &site, "t", NOON + DAY_MS, hex);
	assert_string_not_equal(hex, base);
	page_home_fingerprint(rows, changed_ms, 1, &site, "t", NOON, hex);
	assert_string_not_equal(hex, base);
	page_home_fingerprint(rows, changed_ms, 2, &site, "u", NOON, hex);
	assert_string_not_equal(hex, base);
	page_home_fingerprint(linked, changed_ms, 2, &site, "t", NOON, hex);
	assert_string_not_equal(hex, base);
	page_home_fingerprint(rows, (const int64_t[2]){ 1000, 3000 }, 2, &site, "t", NOON, hex);
	assert_string_not_equal(hex, base);
}

static const char *group_of(const char *start, const char *end, int64_t now_ms)
{
	const struct course one = {
		.id = "c", .title = "T", .level = "BEGINNER", .start_date = start, .end_date = end
	};
	const struct page_home_row row = { &one, NULL };
	CLEANUP(json_freep) struct json *data = page_home_data(&row, 1, &site, texts_de, now_ms);
	static const char *const groups[] = { "current", "undated", "past" };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (json_count(json_get(data, groups[i])) == 1)
			return groups[i];
	}
	return "none";
}

static void a_course_is_past_when_its_last_day_is_over(void **state)
{
	static const struct {
		const char *name, *start, *end;
		const char *now;
		const char *expected;
	} rows[] = {
		{ "its day, late", "2026-03-14T23:00:00.000Z", NULL, "2026-03-15T22:59:59.000Z", "current" },
		{ "the next day begins (winter)", "2026-03-14T23:00:00.000Z", NULL,
			"2026-03-15T23:00:00.000Z", "past" },
		{ "its day, late (summer)", "2026-07-14T22:00:00.000Z", NULL, "2026-07-15T21:59:59.000Z",
			"current" },
		{ "the next day begins (summer)", "2026-07-14T22:00:00.000Z", NULL,
			"2026-07-15T22:00:00.000Z", "past" },
		{ "running", "2026-03-01T23:00:00.000Z", "2026-03-19T23:00:00.000Z",
			"2026-03-15T12:00:00.000Z", "current" },
		{ "the end is before the start", "2026-03-19T23:00:00.000Z", "2026-03-01T23:00:00.000Z",
			"2026-03-15T12:00:00.000Z", "current" },
		{ "no dates", NULL, NULL, "2026-03-15T12:00:00.000Z", "undated" },
		{ "an end to come, no start", NULL, "2026-03-19T23:00:00.000Z", "2026-03-15T12:00:00.000Z",
			"undated" },
		{ "an end gone by, no start", NULL, "2026-03-01T23:00:00.000Z", "2026-03-15T12:00:00.000Z",
			"past" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t now_ms = 0;

		assert_int_equal(time_parse(rows[i].now, &now_ms), 0);
		if (strcmp(group_of(rows[i].start, rows[i].end, now_ms), rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].name, group_of(rows[i].start, rows[i].end, now_ms));
	}
}

static void assert_titles(const struct json *group, const char *expected)
{
	CLEANUP(buf_done) struct buf titles = BUF_INIT(1000);

	JSON_FOREACH (row, group)
		buf_append_text(&titles, json_string(json_get(row, "title")));
	assert_string_equal(buf_text(&titles), expected);
}

static void titles_of_one_day_are_in_the_order_of_a_dictionary(void **state)
{
	static const char *const titles[] = { "Zug", "Öffentliche Rede", "anfangen", "Zeichnen", "apfel",
		"Straße", "Äpfel", "Übung", "Strasse", "Apfel" };
	struct course courses[ARRAY_SIZE(titles)];
	struct page_home_row rows[ARRAY_SIZE(titles)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
		courses[i] = (struct course){ .id = "c",
			.title = titles[i],
			.level = "BEGINNER",
			.start_date = "2026-06-01T22:00:00.000Z" };
		rows[i] = (struct page_home_row){ &courses[i], NULL };
	}
	CLEANUP(json_freep) struct json *data = page_home_data(rows, ARRAY_SIZE(rows), &site, texts_de, NOON);
	assert_titles(json_get(data, "current"),
		"anfangenApfelapfelÄpfelÖffentliche RedeStrasseStraßeÜbungZeichnenZug");
}

static void the_homepage_has_courses_in_a_fixed_order(void **state)
{
	static const struct course courses[] = {
		{ "1", "d", "d", "BEGINNER", "2026-06-01T22:00:00.000Z", NULL, 1, NULL },
		{ "2", "p", "p", "BEGINNER", "2025-01-01T23:00:00.000Z", NULL, 2, NULL },
		{ "3", "c", "c", "BEGINNER", "2026-06-01T22:00:00.000Z", NULL, 3, NULL },
		{ "4", "q", "q", "ADVANCED", "2025-05-01T22:00:00.000Z", NULL, 4, NULL },
		{ "5", " \u00ad\u200b", "u", "ADVANCED", NULL, NULL, 5, NULL },
		{ "6", "a", "a", "BEGINNER", "2026-04-01T22:00:00.000Z", NULL, 6, NULL },
	};
	struct page_home_row rows[ARRAY_SIZE(courses)];

	for (size_t i = 0; i < ARRAY_SIZE(courses); i++)
		rows[i] = (struct page_home_row){ &courses[i], i == 4 ? "courses/u.html" : NULL };
	CLEANUP(json_freep) struct json *data = page_home_data(rows, ARRAY_SIZE(rows), &site, texts_de, NOON);
	const struct json *untitled = json_first(json_get(data, "undated"));

	(void)state;
	assert_titles(json_get(data, "current"), "acd");
	assert_titles(json_get(data, "past"), "qp");
	assert_titles(json_get(data, "undated"), "");
	assert_int_equal(json_integer(json_get(data, "courseCount"), -1), 6);
	assert_int_equal(json_integer(json_get(data, "currentCount"), -1), 4);
	assert_text(json_get(data, "next"), "title", "a");
	assert_true(json_bool(json_get(untitled, "titleMissing"), false));
	assert_text(untitled, "href", "courses/u.html?lang=de");
	assert_text(untitled, "levelLabel", "Masterclass");
	assert_text(json_first(json_get(data, "current")), "startDateText", "2. April 2026");
	assert_text(json_first(json_get(data, "current")), "href", NULL);
}

/* The months in which courses start; running courses come first, in the present month. */
static void many_current_courses_are_grouped_by_month(void **state)
{
	static const char *const starts[] = {
		"2026-01-10T23:00:00.000Z", /* running */
		"2026-03-14T23:00:00.000Z", /* today */
		"2026-03-20T23:00:00.000Z",
		"2026-03-31T21:59:59.000Z", /* 31 March in Berlin */
		"2026-03-31T22:00:00.000Z", /* 1 April */
		"2026-04-02T22:00:00.000Z",
		"2026-12-31T22:59:59.000Z",
		"2026-12-31T23:00:00.000Z", /* 1 January 2027 */
		"2027-03-01T23:00:00.000Z", /* another March */
		"2027-03-02T23:00:00.000Z",
		"2027-03-03T23:00:00.000Z",
		"2027-03-04T23:00:00.000Z",
	};
	static const struct {
		const char *label, *titles;
	} expected[] = { { "März 2026", "ABCD" }, { "April 2026", "EF" }, { "Dezember 2026", "G" },
		{ "Januar 2027", "H" }, { "März 2027", "IJKL" } };
	static const char titles[][2] = { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L" };
	struct course courses[ARRAY_SIZE(starts)];
	struct page_home_row rows[ARRAY_SIZE(starts)];
	size_t i = 0;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(starts); k++) {
		courses[k] = (struct course){ .id = titles[k],
			.title = titles[k],
			.slug = "s",
			.level = "BEGINNER",
			.start_date = starts[k],
			.end_date = k == 0 ? "2026-06-01T22:00:00.000Z" : NULL };
		rows[k] = (struct page_home_row){ &courses[k], NULL };
	}
	CLEANUP(json_freep) struct json *data = page_home_data(rows, ARRAY_SIZE(rows), &site, texts_de, NOON);
	JSON_FOREACH (month, json_get(data, "currentMonths")) {
		assert_true(i < ARRAY_SIZE(expected));
		assert_text(month, "label", expected[i].label);
		assert_titles(json_get(month, "courses"), expected[i++].titles);
	}
	assert_int_equal(i, ARRAY_SIZE(expected));
	assert_text(json_get(data, "next"), "title", "C");
	/* Eleven courses can be seen at a glance. */
	CLEANUP(json_freep) struct json *fewer = page_home_data(rows, 11, &site, texts_de, NOON);
	assert_int_equal(json_type(json_get(fewer, "currentMonths")), JSON_ARRAY);
	assert_int_equal(json_count(json_get(fewer, "currentMonths")), 0);
}

static void courses_that_have_begun_are_running_and_the_next_one_is_to_come(void **state)
{
	static const struct {
		const char *name, *start, *end, *next;
		bool running;
	} rows[] = {
		{ "since last week", "2026-03-08T23:00:00.000Z", "2026-03-19T23:00:00.000Z", "later", true },
		{ "today", "2026-03-14T23:00:00.000Z", NULL, "later", true },
		{ "today, at a later hour", "2026-03-15T18:00:00.000Z", NULL, "later", true },
		{ "tomorrow", "2026-03-15T23:00:00.000Z", NULL, "tomorrow", false },
	};
	static const struct course later = { .id = "z",
		.title = "later",
		.slug = "z",
		.level = "BEGINNER",
		.start_date = "2026-04-15T23:00:00.000Z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct course one = { .id = "a",
			.title = rows[i].name,
			.slug = "a",
			.level = "BEGINNER",
			.start_date = rows[i].start,
			.end_date = rows[i].end };
		const struct page_home_row both[] = { { &later, NULL }, { &one, NULL } };
		CLEANUP(json_freep) struct json *data = page_home_data(both, 2, &site, texts_de, NOON);
		const struct json *first = json_first(json_get(data, "current"));

		assert_text(first, "title", rows[i].name);
		if (json_bool(json_get(first, "running"), !rows[i].running) != rows[i].running)
			fail_msg("%s: running", rows[i].name);
		assert_text(json_get(data, "next"), "title", rows[i].next);
	}
}

/* Hemera's order changes from call to call; it must not change the page. */
static void the_order_of_courses_that_look_alike_is_fixed(void **state)
{
	static const struct course a = { "1", "T", "a", "BEGINNER", "2026-06-01T22:00:00.000Z", NULL, 1,
		NULL },
				   b = { "2", "T", "b", "BEGINNER", "2026-06-01T22:00:00.000Z", NULL, 2,
					   NULL };
	const struct page_home_row rows[] = { { &a, NULL }, { &b, NULL } },
				   turned[] = { { &b, NULL }, { &a, NULL } };
	CLEANUP(json_freep) struct json *data = page_home_data(rows, 2, &site, texts_de, NOON);
	CLEANUP(json_freep) struct json *turned_data = page_home_data(turned, 2, &site, texts_de, NOON);
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000);
	CLEANUP(buf_done) struct buf turned_text = BUF_INIT(10000);

	(void)state;
	json_write(&text, data);
	json_write(&turned_text, turned_data);
	assert_string_equal(buf_text(&turned_text), buf_text(&text));
	assert_non_null(strstr(buf_text(&text), "\"participantCount\":1"));
}

static void a_homepage_without_courses_has_empty_groups(void **state)
{
	CLEANUP(json_freep) struct json *data = page_home_data(NULL, 0, &site, texts_de, NOON);

	(void)state;
	assert_int_equal(json_integer(json_get(data, "courseCount"), -1), 0);
	assert_int_equal(json_type(json_get(data, "current")), JSON_ARRAY);
	assert_int_equal(json_count(json_get(data, "past")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_course_has_labels_and_dates_in_words),
		cmocka_unit_test(participants_have_status_labels_and_their_texts),
		cmocka_unit_test(participants_are_grouped_by_status_in_its_order),
		cmocka_unit_test(a_page_has_these_data),
		cmocka_unit_test(the_homepage_has_these_data),
		cmocka_unit_test(the_site_is_in_the_data_of_all_pages),
		cmocka_unit_test(a_public_page_has_nothing_of_a_participant),
		cmocka_unit_test(the_address_of_a_course_is_made_from_the_pattern),
		cmocka_unit_test(a_row_and_a_page_have_their_dates_and_address),
		cmocka_unit_test(the_fingerprint_changes_with_every_member_of_the_course),
		cmocka_unit_test(the_fingerprint_changes_exactly_with_what_a_page_shows_of_participants),
		cmocka_unit_test(the_fingerprint_changes_with_the_zone_of_dates),
		cmocka_unit_test(the_fingerprint_changes_with_the_site),
		cmocka_unit_test(the_homepages_fingerprint_changes_with_what_it_is_made_from),
		cmocka_unit_test(a_course_is_past_when_its_last_day_is_over),
		cmocka_unit_test(titles_of_one_day_are_in_the_order_of_a_dictionary),
		cmocka_unit_test(the_homepage_has_courses_in_a_fixed_order),
		cmocka_unit_test(many_current_courses_are_grouped_by_month),
		cmocka_unit_test(courses_that_have_begun_are_running_and_the_next_one_is_to_come),
		cmocka_unit_test(the_order_of_courses_that_look_alike_is_fixed),
		cmocka_unit_test(a_homepage_without_courses_has_empty_groups),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
