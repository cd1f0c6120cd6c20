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

#define PAGE_DATE_MAX 1024 /* bytes of a date in words */

/* A text as large as the data that it is made from, which have their limits. */
#define FINGERPRINT_MAX (SIZE_MAX / 2)
#define FINGERPRINT_EXPECTED 8192 /* bytes of a course with eight participants */

/* The text, or "" when none of it is visible, so that templates treat it as missing. NULL stays NULL. */
static const char *page_text(const char *text)
{
	return text && utf8_is_blank(text) ? "" : text;
}

/* ---- data ---- */

#define PAGE_NAME_SIZE 64 /* a name of the tables of members, and "Label" */

/* A choice has a label as well: the language's text "name.constant", or the constant if there is none. */
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
	const struct texts *texts, int64_t generated_at_ms)
{
	struct json *data, *array;

	data = json_new_object();
	array = json_new_array();
	for (size_t i = 0; participants && i < participants->count; i++) {
		const struct participant *participant = &participants->items[i];
		struct json *object = page_object(&participant_table, participant, texts);

		json_set_bool(object, "preparationCompleted", participant->preparation_completed_at != NULL);
		json_append(array, object);
	}
	json_set(data, "course", page_object(&course_table, course, texts));
	json_set(data, "participantsByStatus", page_by_status(participants, array));
	json_set(data, "participants", array);
	json_set_bool(data, "participantsPending", participants == NULL);
	json_set_string(data, "lang", texts_language(texts));
	if (generated_at_ms != 0)
		json_set_time(data, "generatedAt", generated_at_ms);
	return data;
}

/* ---- data of the homepage ---- */

enum page_group { PAGE_CURRENT, PAGE_UNDATED, PAGE_PAST, PAGE_GROUPS };

struct page_entry {
	const struct page_home_row *row;
	enum page_group group;
	char *title_key;          /* owned; by collate_key */
	bool started;             /* is there a start? */
	int64_t start_ms, end_ms; /* 0: no such date */
};

static struct page_entry page_entry(const struct page_home_row *row, int64_t now_ms)
{
	struct page_entry entry = { .row = row, .title_key = collate_key(row->course->title) };
	bool ended = time_parse(row->course->end_date, &entry.end_ms) == 0;
	int64_t last_ms;

	entry.started = time_parse(row->course->start_date, &entry.start_ms) == 0;
	/* A course can end before it begins in Hemera's data: then the later day counts. */
	last_ms = entry.started ? entry.start_ms : entry.end_ms;
	if (ended && entry.end_ms > last_ms)
		last_ms = entry.end_ms;
	if ((entry.started || ended) && time_day(last_ms) < time_day(now_ms))
		entry.group = PAGE_PAST;
	else
		entry.group = entry.started ? PAGE_CURRENT : PAGE_UNDATED;
	return entry;
}

/* By group, the past ones from the latest, the others by their start. Among equal dates Hemera's order
 * changes from call to call; ours must not, or the page would. */
static int page_compare(const void *left, const void *right)
{
	const struct page_entry *a = left, *b = right;
	int order;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->group == PAGE_PAST) {
		int64_t a_ms = a->started ? a->start_ms : a->end_ms;
		int64_t b_ms = b->started ? b->start_ms : b->end_ms;

		if (a_ms != b_ms)
			return a_ms > b_ms ? -1 : 1;
	}
	if (a->start_ms != b->start_ms)
		return a->start_ms < b->start_ms ? -1 : 1;
	order = strcmp(a->title_key, b->title_key);
	if (order == 0)
		order = strcmp(a->row->course->title, b->row->course->title);
	return order ? order : strcmp(a->row->course->id, b->row->course->id);
}

static struct json *page_home_object(const struct page_home_row *row, const struct texts *texts)
{
	struct json *object = json_new_object();
	const char *title = page_text(row->course->title);

	json_set_string(object, "title", title);
	json_set_bool(object, "titleMissing", !title[0]);
	for (size_t i = 0; i < course_table.count; i++) {
		const struct member *member = &course_table.members[i];

		if (member->kind != MEMBER_ID && member->kind != MEMBER_SLUG && member->kind != MEMBER_TEXT)
			page_set_member(object, member, row->course, texts);
	}
	json_set_string(object, "href", row->href);
	return object;
}

struct json *page_home_data(
	const struct page_home_row *rows, size_t count, const struct texts *texts, int64_t now_ms)
{
	static const char *const members[] = {
		[PAGE_CURRENT] = "current", [PAGE_UNDATED] = "undated", [PAGE_PAST] = "past"
	};
	CLEANUP(mem_freep) struct page_entry *entries = mem_resize(NULL, count, sizeof(*entries));
	struct json *data, *groups[PAGE_GROUPS];

	for (size_t i = 0; i < count; i++)
		entries[i] = page_entry(&rows[i], now_ms);
	if (count > 0)
		qsort(entries, count, sizeof(*entries), page_compare);
	data = json_new_object();
	json_set_string(data, "lang", texts_language(texts));
	json_set_integer(data, "courseCount", (int64_t)count);
	for (size_t group = 0; group < PAGE_GROUPS; group++)
		json_set(data, members[group], groups[group] = json_new_array());
	for (size_t i = 0; i < count; i++) {
		json_append(groups[entries[i].group], page_home_object(entries[i].row, texts));
		free(entries[i].title_key);
	}
	return data;
}

/* ---- fingerprints ---- */

/* Values without names, always in the same order: each text with its NUL, each number in four bytes. So no
 * value runs into the next one, and none has to be escaped; JSON takes twice the time. */
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

/* A date stands with its day in the site's zone: a date in words is made of this and of the language's texts,
 * and can change with the system's data of the zone. */
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

void page_fingerprint(const struct course *course, const struct participants *participants,
	const struct template *tmpl, const struct texts *texts, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	buf_reserve(&text, FINGERPRINT_EXPECTED);
	fingerprint_record(&text, &course_table, course);
	fingerprint_number(&text, participants ? (uint32_t)participants->count : UINT32_MAX);
	for (size_t i = 0; participants && i < participants->count; i++)
		fingerprint_record(&text, &participant_table, &participants->items[i]);
	fingerprint_text(&text, PAGE_RENDERER_VERSION);
	fingerprint_text(&text, template_hash(tmpl));
	fingerprint_text(&text, texts_hash(texts));
	/* {{date}} may be used for any date: the zone costs less than the day of each. */
	fingerprint_text(&text, time_zone());
	hash_hex(text.data, text.length, ret_hex);
}
