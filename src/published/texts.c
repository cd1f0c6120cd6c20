/* SPDX-License-Identifier: MIT */
#include "published/texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

#define SITE "{site}"

struct texts {
	char *site_name;                      /* owned */
	struct json *shipped, *own;           /* owned; own: NULL without texts_override */
	const char *date_format, *months[12]; /* borrowed from the JSON; cached, as a page has many dates */
	char hash[HASH_HEX_SIZE];
};

/* Returns the text with the site's name in place of each {site}; owned. */
static char *texts_with_name(const char *text, const char *site_name)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(SIZE_MAX / 2);

	for (const char *at; (at = strstr(text, SITE)); text = at + strlen(SITE)) {
		buf_append(&out, text, (size_t)(at - text));
		buf_append_text(&out, site_name);
	}
	buf_append_text(&out, text);
	return buf_take(&out);
}

static int texts_read(struct json **ret_object, const char *site_name, const char *name, const char *json,
	size_t length, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = TEXTS_SIZE_MAX, .depth_max = 2, .node_max = 2000
	};
	CLEANUP(json_freep) struct json *object = NULL, *complete = json_new_object();
	int r = json_parse(&object, json, length, &limits, err);

	if (r < 0) {
		error_prefix(err, "%s: ", name);
		if (err)
			err->code = ERROR_TEMPLATE;
		return r;
	}
	if (json_type(object) != JSON_OBJECT)
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: not a JSON object", name);
	JSON_FOREACH (text, object) {
		if (!json_string(text))
			return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is not a string", name,
				json_name(text));
		CLEANUP(mem_freep) char *full = texts_with_name(json_string(text), site_name);
		json_set_string(complete, json_name(text), full);
	}
	*ret_object = STEAL(complete);
	return 0;
}

/* Finds the texts from which dates are made. Returns the key that is missing, or NULL; `month` is a buffer
 * for it. */
static const char *texts_find_dates(struct texts *texts, char month[static 24])
{
	texts->date_format = texts_get(texts, "date.format");
	for (int i = 0; i < 12; i++) {
		snprintf(month, 24, "month.%d", i + 1);
		texts->months[i] = texts_get(texts, month);
		if (!texts->months[i])
			return month;
	}
	return texts->date_format ? NULL : "date.format";
}

int texts_parse(struct texts **ret_texts, const char *site_name, const char *name, const char *json,
	size_t length, struct error *err)
{
	CLEANUP(texts_freep) struct texts *texts = mem_zalloc(sizeof(*texts));
	CLEANUP(mem_freep) char *all = NULL;
	char month[24];
	const char *missing;
	int r = texts_read(&texts->shipped, site_name, name, json, length, err);

	if (r < 0)
		return r;
	missing = texts_get(texts, "language") ? texts_find_dates(texts, month) : "language";
	if (missing)
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is missing", name, missing);
	texts->site_name = mem_strdup(site_name);
	all = mem_printf("%s\n%.*s", site_name, (int)length, json);
	hash_hex(all, strlen(all), texts->hash);
	*ret_texts = STEAL(texts);
	return 0;
}

int texts_override(struct texts *texts, const char *name, const char *json, size_t length, struct error *err)
{
	CLEANUP(mem_freep) char *both = NULL;
	struct json *own = NULL;
	char month[24];
	int r = texts_read(&own, texts->site_name, name, json, length, err);

	if (r < 0)
		return r;
	json_free(texts->own);
	texts->own = own;
	texts_find_dates(texts, month);
	both = mem_printf("%s%.*s", texts->hash, (int)length, json);
	hash_hex(both, strlen(both), texts->hash);
	return 0;
}

void texts_free(struct texts *texts)
{
	if (!texts)
		return;
	json_free(texts->shipped);
	json_free(texts->own);
	free(texts->site_name);
	free(texts);
}

void texts_freep(struct texts **texts)
{
	texts_free(*texts);
}

const char *texts_get(const struct texts *texts, const char *key)
{
	const char *own = json_string(json_get(texts->own, key));

	return own ? own : json_string(json_get(texts->shipped, key));
}

const char *texts_unknown(const struct texts *texts, size_t index)
{
	JSON_FOREACH (text, texts->own)
		if (!json_get(texts->shipped, json_name(text)) && index-- == 0)
			return json_name(text);
	return NULL;
}

const char *texts_language(const struct texts *texts)
{
	return texts_get(texts, "language");
}

const char *texts_hash(const struct texts *texts)
{
	return texts->hash;
}

static void append_number(struct buf *out, int number)
{
	if (number >= 10)
		append_number(out, number / 10);
	buf_append_char(out, (char)('0' + number % 10));
}

/* Appends the format with its marks replaced: {day}, {month} and {year} by those of `from`, {day2}, {month2}
 * and {year2} by those of `to`. */
static void append_days(const struct texts *texts, const char *format, const struct time_local *from,
	const struct time_local *to, struct buf *out)
{
	static const char *const marks[] = { "{day}", "{month}", "{year}", "{day2}", "{month2}", "{year2}" };

	while (*format) {
		size_t i = 0;

		while (i < ARRAY_SIZE(marks) && strncmp(format, marks[i], strlen(marks[i])) != 0)
			i++;
		if (i == ARRAY_SIZE(marks)) {
			buf_append_char(out, *format++);
			continue;
		}
		const struct time_local *day = i < 3 ? from : to;

		if (i % 3 == 1)
			buf_append_text(out, texts->months[day->month - 1]);
		else
			append_number(out, i % 3 == 0 ? day->day : day->year);
		format += strlen(marks[i]);
	}
}

void texts_append_day(const struct texts *texts, const struct time_local *day, struct buf *out)
{
	append_days(texts, texts->date_format, day, day, out);
}

int texts_append_date(const struct texts *texts, const char *rfc3339, struct buf *out)
{
	struct time_local day;
	int64_t ms;

	if (time_parse(rfc3339, &ms) < 0)
		return -EBADMSG;
	day = time_local(ms);
	texts_append_day(texts, &day, out);
	return 0;
}

int texts_append_range(const struct texts *texts, const char *start, const char *end, struct buf *out)
{
	struct time_local from, to;
	int64_t start_ms, end_ms;
	const char *format;

	if (time_parse(start, &start_ms) < 0)
		return -EBADMSG;
	if (!end || time_parse(end, &end_ms) < 0 || time_day(end_ms) <= time_day(start_ms))
		return texts_append_date(texts, start, out);
	from = time_local(start_ms);
	to = time_local(end_ms);
	format = texts_get(texts, from.year != to.year     ? "date.range.years"
				  : from.month != to.month ? "date.range.months"
							   : "date.range.days");
	if (format)
		append_days(texts, format, &from, &to, out);
	else
		texts_append_day(texts, &from, out);
	return 0;
}

void texts_append_month(const struct texts *texts, int64_t unix_ms, struct buf *out)
{
	struct time_local day = time_local(unix_ms);
	const char *format = texts_get(texts, "date.month");

	append_days(texts, format ? format : "{month} {year}", &day, &day, out);
}
