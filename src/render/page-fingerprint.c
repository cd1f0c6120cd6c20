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
#include "published/texts.h"

/* As large as the data, which has its limits. */
#define FINGERPRINT_MAX (SIZE_MAX / 2)
#define FINGERPRINT_EXPECTED 8192 /* bytes of a course with eight participants */

/* Values without names, always in the same order: each text with its NUL, each number in four bytes. So
 * nothing runs into what follows it, and nothing has to be escaped: of 500 pages this takes half of what JSON
 * would. */
static void fingerprint_text(struct buf *out, const char *text)
{
	static const char none[] = "\xff"; /* no text: UTF-8 has no such byte */

	buf_append(out, text ? text : none, strlen(text ? text : none) + 1);
}

/* Byte by byte, so that it is the same on every architecture. */
static void fingerprint_number(struct buf *out, uint32_t number)
{
	const uint8_t bytes[] = { (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
		(uint8_t)(number >> 24) };

	buf_append(out, bytes, sizeof(bytes));
}

/* The day in the site's zone: a date in words is made of this and of the language's texts. It can change with
 * what the system knows of the zone, too. */
static void fingerprint_date(struct buf *out, const char *date)
{
	int64_t ms;

	fingerprint_number(out, time_parse(date, &ms) == 0 ? (uint32_t)time_day(ms) : 0);
	fingerprint_text(out, date);
}

static void fingerprint_course(struct buf *out, const struct page_course *course)
{
	fingerprint_number(out, course->participant_count);
	fingerprint_date(out, course->start_date);
	fingerprint_date(out, course->end_date);
	fingerprint_text(out, course->id);
	fingerprint_text(out, course->slug);
	fingerprint_text(out, course->level);
	fingerprint_text(out, page_text(course->title));
	fingerprint_text(out, course->href);
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

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const char *text;

		if (!member || strcmp(json_name(member), members[i].name) != 0)
			member = json_get(participant, members[i].name);
		text = json_string(member);
		fingerprint_text(out, members[i].text ? page_text(text) : text);
		member = json_next(member);
	}
}

/* Ends the text with what else shapes a page, and takes its hash. {{date}} may be used for any date: so with
 * the zone, which costs less than the day of each. */
static void fingerprint_finish(struct buf *text, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE])
{
	fingerprint_text(text, PAGE_RENDERER_VERSION);
	fingerprint_text(text, template_hash(tmpl));
	fingerprint_text(text, texts_hash(texts));
	fingerprint_text(text, time_zone());
	hash_hex(text->data, text->length, ret_hex);
}

void page_fingerprint(const struct page_course *course, const struct json *participants,
	const struct template *tmpl, const struct texts *texts, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	buf_reserve(&text, FINGERPRINT_EXPECTED);
	fingerprint_course(&text, course);
	fingerprint_number(&text, participants ? (uint32_t)json_count(participants) : UINT32_MAX);
	JSON_FOREACH (participant, participants)
		fingerprint_participant(&text, participant);
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
	fingerprint_number(&text, (uint32_t)time_day(now_ms));
	for (size_t i = 0; i < count; i++)
		fingerprint_course(&text, sorted[i]);
	hash_hex(text.data, text.length, ret_hex);
}

void page_home_fingerprint(const char *digest, const struct template *tmpl, const struct texts *texts,
	char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(FINGERPRINT_MAX);

	fingerprint_text(&text, digest);
	fingerprint_finish(&text, tmpl, texts, ret_hex);
}
