/* SPDX-License-Identifier: MIT */
#include "render/page.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/collate.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "hemera/course.h"
#include "hemera/member.h"
#include "published/texts.h"
#include "render/template.h"

#define PAGE_DATE_MAX 1024      /* bytes of a date in words */
#define PAGE_MONTHS_FROM 12     /* from this number on, current courses are grouped by month */
#define PAGE_URL_MAX (16 << 10) /* a pattern of 1 KB, ids and slugs of 1 KB, each byte of them escaped */

/* The text is as large as the data that it is made from, and the data has its own limits. */
#define FINGERPRINT_MAX (SIZE_MAX / 2)
#define FINGERPRINT_EXPECTED 8192 /* bytes of a course with eight participants */

/* Returns the text, or "" if none of it is visible, so that templates treat it as missing. NULL stays NULL.
 */
static const char *page_text(const char *text)
{
	return text && utf8_is_blank(text) ? "" : text;
}

/* ---- data ---- */

#define PAGE_NAME_SIZE 64 /* a name of the tables of members, and "Label" */

/* For a choice, also sets a label: the language's text "name.constant", or the constant if there is no such
 * text. */
static void page_set_member(
	struct json *object, const struct member *member, const void *record, const struct texts *texts)
{
	const char *text = member_text(member, record);
	CLEANUP(mem_freep) char *key = NULL;
	char second[PAGE_NAME_SIZE];
	CLEANUP(buf_done) struct buf words = BUF_INIT(PAGE_DATE_MAX);

	switch (member->kind) {
	case MEMBER_ID:
	case MEMBER_SLUG:
	case MEMBER_TIME:
		json_set_string(object, member->name, text);
		return;
	case MEMBER_TEXT:
		json_set_string(object, member->name, page_text(text));
		return;
	case MEMBER_CHOICE:
		stpcpy(stpcpy(second, member->name), "Label");
		key = mem_printf("%s.%s", member->name, text ? text : "");
		json_set_string(object, member->name, text);
		json_set_string(object, second, texts_get(texts, key) ? texts_get(texts, key) : text);
		return;
	case MEMBER_DATE:
		stpcpy(stpcpy(second, member->name), "Text");
		if (text && texts_append_date(texts, text, &words) < 0)
			buf_append_text(&words, text);
		json_set_string(object, member->name, text);
		json_set_string(object, second, text ? buf_text(&words) : NULL);
		return;
	case MEMBER_COUNT:
		json_set_integer(object, member->name, member_count(member, record));
		return;
	}
}

static struct json *page_object(
	const struct member_table *table, const void *record, const struct texts *texts)
{
	struct json *object = json_new_object();

	for (size_t i = 0; i < table->count; i++)
		if (!table->members[i].hidden)
			page_set_member(object, &table->members[i], record, texts);
	return object;
}

static struct json *page_site_object(const struct page_site *site)
{
	struct json *object = json_new_object();

	json_set_string(object, "name", site->name);
	json_set_string(object, "url", site->url);
	json_set_string(object, "imprintURL", site->imprint_url);
	json_set_string(object, "privacyURL", site->privacy_url);
	json_set_string(object, "logo", site->logo);
	json_set_string(object, "style", site->style);
	return object;
}

static void page_append_escaped(struct buf *out, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++) {
		if (strchr(unreserved, *text))
			buf_append_char(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

char *page_course_url(const struct page_site *site, const struct course *course, enum language language)
{
	const struct {
		const char *mark, *value;
	} fields[] = { { "{id}", course->id }, { "{slug}", course->slug },
		{ "{lang}", language_name(language) } };
	CLEANUP(buf_done) struct buf url = BUF_INIT(PAGE_URL_MAX);

	if (!site->course_url)
		return NULL;
	for (const char *at = site->course_url; *at;) {
		size_t i = 0;

		while (i < ARRAY_SIZE(fields) && strncmp(at, fields[i].mark, strlen(fields[i].mark)) != 0)
			i++;
		if (i == ARRAY_SIZE(fields)) {
			buf_append_char(&url, *at++);
			continue;
		}
		/* As a segment of a path each of these would lead to another page, even as "%2E%2E". */
		if (!fields[i].value[0] || strcmp(fields[i].value, ".") == 0 ||
			strcmp(fields[i].value, "..") == 0)
			return NULL;
		page_append_escaped(&url, fields[i].value);
		at += strlen(fields[i].mark);
	}
	return buf_overflowed(&url) ? NULL : buf_take(&url);
}

/* Sets "datesText" and "url" of a course. */
static void page_set_links(struct json *object, const struct course *course, const struct page_site *site,
	const struct texts *texts)
{
	bool is_english = strcmp(texts_language(texts), "en") == 0;
	CLEANUP(mem_freep)
	char *url = page_course_url(site, course, is_english ? LANGUAGE_EN : LANGUAGE_DE);
	CLEANUP(buf_done) struct buf dates = BUF_INIT(PAGE_DATE_MAX);
	bool has_start = texts_append_range(texts, course->start_date, course->end_date, &dates) == 0;

	json_set_string(object, "datesText", has_start ? buf_text(&dates) : NULL);
	json_set_string(object, "url", url);
}

/* `array`: the participants' objects, in the same order. */
static struct json *page_by_status(const struct participants *participants, const struct json *array)
{
	struct json *object = json_new_object();

	for (const char *const *state = participant_states; *state; state++) {
		const struct json *element = json_first(array);
		struct json *group = NULL;

		for (size_t i = 0; participants && i < participants->count; i++) {
			if (strcmp(participants->items[i].status, *state) == 0) {
				group = group ? group : json_new_array();
				json_append_shared(group, element);
			}
			element = json_next(element);
		}
		if (group)
			json_set(object, *state, group);
	}
	return object;
}

struct json *page_course_data(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct texts *texts, int64_t generated_at_ms)
{
	struct json *data = json_new_object(), *array = json_new_array(), *object;

	if (site->is_public)
		participants = NULL;
	for (size_t i = 0; participants && i < participants->count; i++) {
		const struct participant *participant = &participants->items[i];

		object = page_object(&participant_table, participant, texts);
		json_set_bool(object, "preparationCompleted", participant->preparation_completed_at != NULL);
		json_append(array, object);
	}
	object = page_object(&course_table, course, texts);
	page_set_links(object, course, site, texts);
	json_set(data, "course", object);
	json_set(data, "participantsByStatus", page_by_status(participants, array));
	json_set(data, "participants", array);
	/* A template that does not use participantsHidden must not say that there are no participants. */
	json_set_bool(data, "participantsPending", !participants);
	json_set_bool(data, "participantsHidden", site->is_public);
	json_set_string(data, "back", site->is_public ? "/" : "/" PUBLISHED_COURSES "/");
	json_set_string(data, "lang", texts_language(texts));
	json_set(data, "site", page_site_object(site));
	if (generated_at_ms != 0)
		json_set_time(data, "generatedAt", generated_at_ms);
	return data;
}

/* ---- the order of the homepage ---- */

struct page_key {
	struct page_entry entry;
	char *title_key; /* owned; by collate_key */
	bool started;    /* has a start date */
	int64_t end_ms;  /* 0: no end date */
};

static struct page_key page_key(const struct page_home_row *row, int64_t now_ms)
{
	struct page_key key = { .entry.row = row, .title_key = collate_key(row->course->title) };
	bool ended = time_parse(row->course->end_date, &key.end_ms) == 0;
	int64_t last_ms;

	key.started = time_parse(row->course->start_date, &key.entry.start_ms) == 0;
	/* In Hemera's data a course can end before it begins: then the later day counts. */
	last_ms = key.started ? key.entry.start_ms : key.end_ms;
	if (ended && key.end_ms > last_ms)
		last_ms = key.end_ms;
	if ((key.started || ended) && time_day(last_ms) < time_day(now_ms))
		key.entry.state = PAGE_PAST;
	else if (!key.started)
		key.entry.state = PAGE_UNDATED;
	else
		key.entry.state =
			time_day(key.entry.start_ms) <= time_day(now_ms) ? PAGE_RUNNING : PAGE_UPCOMING;
	return key;
}

/* Sorts by state, then past courses from the latest, other courses by their start. Hemera returns courses
 * with equal dates in an order that changes from call to call. The page must not change with it, so title and
 * id decide. */
static int page_compare(const void *left, const void *right)
{
	const struct page_key *a = left, *b = right;
	const struct course *a_course = a->entry.row->course, *b_course = b->entry.row->course;
	int order;

	if (a->entry.state != b->entry.state)
		return a->entry.state < b->entry.state ? -1 : 1;
	if (a->entry.state == PAGE_PAST) {
		int64_t a_ms = a->started ? a->entry.start_ms : a->end_ms;
		int64_t b_ms = b->started ? b->entry.start_ms : b->end_ms;

		if (a_ms != b_ms)
			return a_ms > b_ms ? -1 : 1;
	}
	if (a->entry.start_ms != b->entry.start_ms)
		return a->entry.start_ms < b->entry.start_ms ? -1 : 1;
	order = strcmp(a->title_key, b->title_key);
	if (order == 0)
		order = strcmp(a_course->title, b_course->title);
	return order ? order : strcmp(a_course->id, b_course->id);
}

struct page_entry *page_sort(const struct page_home_row *rows, size_t count, int64_t now_ms)
{
	CLEANUP(mem_freep) struct page_key *keys = mem_resize(NULL, count, sizeof(*keys));
	struct page_entry *entries = mem_resize(NULL, count, sizeof(*entries));

	for (size_t i = 0; i < count; i++)
		keys[i] = page_key(&rows[i], now_ms);
	if (count > 0)
		qsort(keys, count, sizeof(*keys), page_compare);
	for (size_t i = 0; i < count; i++) {
		entries[i] = keys[i].entry;
		free(keys[i].title_key);
	}
	return entries;
}

/* ---- data of the homepage ---- */

static struct json *page_home_object(
	const struct page_entry *entry, const struct page_site *site, const struct texts *texts)
{
	const struct page_home_row *row = entry->row;
	struct json *object = json_new_object();
	const char *title = page_text(row->course->title);
	CLEANUP(mem_freep)
	char *href = row->href ? mem_printf("%s?lang=%s", row->href, texts_language(texts)) : NULL;

	json_set_string(object, "title", title);
	json_set_bool(object, "titleMissing", !title[0]);
	for (size_t i = 0; i < course_table.count; i++) {
		const struct member *member = &course_table.members[i];

		if (member->kind != MEMBER_ID && member->kind != MEMBER_SLUG && member->kind != MEMBER_TEXT)
			page_set_member(object, member, row->course, texts);
	}
	page_set_links(object, row->course, site, texts);
	json_set_bool(object, "running", entry->state == PAGE_RUNNING);
	json_set_string(object, "href", href);
	return object;
}

/* Makes {label, courses[]} for each month in which current courses begin; running courses are put into the
 * month of now_ms. `objects` belong to `entries`, which are sorted. */
static struct json *page_months(const struct page_entry *entries, const struct json *objects,
	const struct texts *texts, int64_t now_ms)
{
	struct json *months = json_new_array(), *courses = NULL;
	int previous = 0;

	if (json_count(objects) < PAGE_MONTHS_FROM)
		return months;
	JSON_FOREACH (object, objects) {
		int64_t begins_ms = entries->state == PAGE_RUNNING ? now_ms : entries->start_ms;
		int month = time_day(begins_ms) / 100;

		if (month != previous) {
			CLEANUP(buf_done) struct buf label = BUF_INIT(PAGE_DATE_MAX);
			struct json *group = json_new_object();

			texts_append_month(texts, begins_ms, &label);
			json_set_string(group, "label", buf_text(&label));
			json_set(group, "courses", courses = json_new_array());
			json_append(months, group);
			previous = month;
		}
		json_append_shared(courses, object);
		entries++;
	}
	return months;
}

struct json *page_home_data(const struct page_home_row *rows, size_t count, const struct page_site *site,
	const struct texts *texts, int64_t now_ms)
{
	CLEANUP(mem_freep) struct page_entry *entries = page_sort(rows, count, now_ms);
	struct json *current = json_new_array(), *undated = json_new_array(), *past = json_new_array();
	struct json *const groups[] = { [PAGE_RUNNING] = current,
		[PAGE_UPCOMING] = current,
		[PAGE_UNDATED] = undated,
		[PAGE_PAST] = past };
	struct json *data, *next = NULL;

	data = json_new_object();
	json_set_string(data, "lang", texts_language(texts));
	json_set_string(data, "pageLang", language_name(site->page_language));
	json_set(data, "site", page_site_object(site));
	json_set_integer(data, "courseCount", (int64_t)count);
	json_set(data, "current", current);
	json_set(data, "undated", undated);
	json_set(data, "past", past);
	for (size_t i = 0; i < count; i++) {
		const struct page_entry *entry = &entries[i];

		json_append(groups[entry->state], page_home_object(entry, site, texts));
		if (!next && entry->state == PAGE_UPCOMING)
			next = page_home_object(entry, site, texts);
	}
	json_set_integer(data, "currentCount", (int64_t)(count - json_count(past)));
	if (next)
		json_set(data, "next", next);
	else
		json_set_string(data, "next", NULL);
	/* The current courses come first among the entries. */
	json_set(data, "currentMonths", page_months(entries, current, texts, now_ms));
	return data;
}

/* ---- fingerprints ---- */

/* The fingerprint's text has values without names, always in the same order: each text with its NUL, each
 * number in four bytes. So values cannot run into each other, and none needs escaping. JSON would take twice
 * the time. */
static void fingerprint_text(struct buf *out, const char *text)
{
	static const char none[] = "\xff"; /* NULL: UTF-8 has no such byte */

	buf_append(out, text ? text : none, strlen(text ? text : none) + 1);
}

static void fingerprint_number(struct buf *out, uint32_t number)
{
	number = htole32(number); /* the same on every architecture */
	buf_append(out, &number, sizeof(number));
}

/* A date is followed by its day in the site's time zone: a date in words is made of this and of the
 * language's texts, and can change when the system's time zone data changes. */
static void fingerprint_record(struct buf *out, const struct member_table *table, const void *record)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];
		const char *text = member_text(member, record);
		int64_t ms;

		if (member->hidden)
			continue;
		if (member->kind == MEMBER_DATE)
			fingerprint_number(out, time_parse(text, &ms) == 0 ? (uint32_t)time_day(ms) : 0);
		if (member->kind == MEMBER_COUNT)
			fingerprint_number(out, member_count(member, record));
		else
			fingerprint_text(out, member->kind == MEMBER_TEXT ? page_text(text) : text);
	}
}

static void fingerprint_site(struct buf *out, const struct page_site *site)
{
	const char *const values[] = { site->name, site->url, site->imprint_url, site->privacy_url,
		site->course_url, site->logo, site->style };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		fingerprint_text(out, values[i]);
	fingerprint_number(out, site->page_language);
	fingerprint_number(out, site->is_public);
	fingerprint_text(out, PAGE_RENDERER_VERSION);
	/* {{date}} may be used for any date: adding the time zone costs less than adding the day of each
	 * date. */
	fingerprint_text(out, time_zone());
}

void page_fingerprint(const struct course *course, const struct participants *participants,
	const struct page_site *site, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	buf_reserve(&text, FINGERPRINT_EXPECTED);
	if (site->is_public)
		participants = NULL;
	fingerprint_record(&text, &course_table, course);
	fingerprint_number(&text, participants ? (uint32_t)participants->count : UINT32_MAX);
	for (size_t i = 0; participants && i < participants->count; i++)
		fingerprint_record(&text, &participant_table, &participants->items[i]);
	fingerprint_site(&text, site);
	fingerprint_text(&text, template_hash(tmpl));
	fingerprint_text(&text, texts_hash(texts));
	hash_hex(text.data, text.length, ret_hex);
}

void page_home_fingerprint(const struct page_home_row *rows, const int64_t *changed_ms, size_t count,
	const struct page_site *site, const char *templates, int64_t now_ms,
	char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	for (size_t i = 0; i < count; i++) {
		fingerprint_record(&text, &course_table, rows[i].course);
		fingerprint_text(&text, rows[i].href);
		fingerprint_number(&text, (uint32_t)(changed_ms[i] / 1000));
	}
	fingerprint_site(&text, site);
	fingerprint_text(&text, templates);
	fingerprint_number(&text, (uint32_t)time_day(now_ms));
	hash_hex(text.data, text.length, ret_hex);
}
