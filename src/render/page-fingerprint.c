/* SPDX-License-Identifier: MIT */
#include "render/page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "render/page-parts.h"
#include "render/template.h"
#include "render/texts.h"

/* As large as the data, which has its limits. */
#define FINGERPRINT_MAX (SIZE_MAX / 2)
#define FINGERPRINT_EXPECTED 8192 /* bytes of a course with eight participants */

/* Arrays of values, always in the same order, without the names: canonical, and short. */
static void fingerprint_text(struct buf *out, const char *text)
{
	if (out->data[out->length - 1] != '[')
		buf_append_char(out, ',');
	json_write_string(out, text);
}

/* The day in the site's zone: a date in words is made of this and of the language's texts. */
static int fingerprint_day(const char *date)
{
	int64_t ms;

	return time_parse(date, &ms) == 0 ? page_day(ms) : 0;
}

static void fingerprint_course(struct buf *out, const struct page_course *course)
{
	buf_printf(out, "[%u,%d,%d", course->participant_count, fingerprint_day(course->start_date),
		fingerprint_day(course->end_date));
	fingerprint_text(out, course->start_date);
	fingerprint_text(out, course->end_date);
	fingerprint_text(out, course->id);
	fingerprint_text(out, course->slug);
	fingerprint_text(out, course->level);
	fingerprint_text(out, page_text(course->title));
	fingerprint_text(out, course->href);
	buf_append_char(out, ']');
}

/* What a page shows of a participant, in the order of course_participants_from_json: so each is found at once
 * behind the one before. */
static void fingerprint_participant(struct buf *out, const struct json *participant)
{
	static const struct {
		const char *name;
		bool text; /* written by people: nothing but white space counts as "" */
	} members[] = { { "name", true }, { "status", false }, { "preparationIntent", true },
		{ "desiredResults", true }, { "lineManagerProfile", true },
		{ "preparationCompletedAt", false } };
	const struct json *member = json_get(participant, members[0].name);

	buf_append_char(out, '[');
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *text;

		if (!member || strcmp(json_name(member), members[i].name) != 0)
			member = json_get(participant, members[i].name);
		text = json_string(member);
		fingerprint_text(out, members[i].text ? page_text(text) : text);
		member = json_next(member);
	}
	buf_append_char(out, ']');
}

/* Ends the text with what else shapes a page, and takes its hash. */
static void fingerprint_finish(struct buf *text, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE])
{
	fingerprint_text(text, PAGE_RENDERER_VERSION);
	fingerprint_text(text, template_hash(tmpl));
	fingerprint_text(text, texts_hash(texts));
	buf_append_char(text, ']');
	hash_hex(text->data, text->length, ret_hex);
}

void page_fingerprint(const struct page_course *course, const struct json *participants,
	const struct template *tmpl, const struct texts *texts, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	buf_reserve(&text, FINGERPRINT_EXPECTED);
	buf_append_char(&text, '[');
	fingerprint_course(&text, course);
	buf_append_text(&text, participants ? ",[" : ",null");
	JSON_FOREACH (participant, participants) {
		if (participant != json_first(participants))
			buf_append_char(&text, ',');
		fingerprint_participant(&text, participant);
	}
	if (participants)
		buf_append_char(&text, ']');
	fingerprint_finish(&text, tmpl, texts, ret_hex);
}

static int fingerprint_compare(const void *a, const void *b)
{
	const struct page_course *const *left = a, *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

void page_home_digest(
	const struct page_course *courses, size_t count, int64_t now_ms, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(mem_freep) const struct page_course **sorted = mem_resize(NULL, count, sizeof(*sorted));
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	for (size_t i = 0; i < count; i++)
		sorted[i] = &courses[i];
	if (count > 0)
		qsort(sorted, count, sizeof(*sorted), fingerprint_compare);
	buf_printf(&text, "[%d", page_day(now_ms));
	for (size_t i = 0; i < count; i++) {
		buf_append_char(&text, ',');
		fingerprint_course(&text, sorted[i]);
	}
	buf_append_char(&text, ']');
	hash_hex(text.data, text.length, ret_hex);
}

void page_home_fingerprint(const char *digest, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	buf_append_char(&text, '[');
	fingerprint_text(&text, digest);
	fingerprint_finish(&text, tmpl, texts, ret_hex);
}
