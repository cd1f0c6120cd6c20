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

struct texts {
	struct json *shipped, *own;           /* owned; own: NULL without texts_override */
	const char *date_format, *months[12]; /* borrowed from them: a page has many dates */
	char hash[HASH_HEX_SIZE];
};

static int texts_read(
	struct json **ret_object, const char *name, const char *json, size_t length, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = TEXTS_SIZE_MAX, .depth_max = 2, .node_max = 2000
	};
	CLEANUP(json_freep) struct json *object = NULL;
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
			return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is not a text", name,
				json_name(text));
	}
	*ret_object = STEAL(object);
	return 0;
}

/* Finds what every date is made of. Returns the key that is missing, or NULL; `month` is room for it. */
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

int texts_parse(
	struct texts **ret_texts, const char *name, const char *json, size_t length, struct error *err)
{
	CLEANUP(texts_freep) struct texts *texts = mem_zalloc(sizeof(*texts));
	char month[24];
	const char *missing;
	int r = texts_read(&texts->shipped, name, json, length, err);

	if (r < 0)
		return r;
	missing = texts_get(texts, "language") ? texts_find_dates(texts, month) : "language";
	if (missing)
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is missing", name, missing);
	hash_hex(json, length, texts->hash);
	*ret_texts = STEAL(texts);
	return 0;
}

int texts_override(struct texts *texts, const char *name, const char *json, size_t length, struct error *err)
{
	CLEANUP(mem_freep) char *both = NULL;
	struct json *own = NULL;
	char month[24];
	int r = texts_read(&own, name, json, length, err);

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

void texts_append_day(const struct texts *texts, const struct time_local *day, struct buf *out)
{
	const char *at = texts->date_format;

	while (*at) {
		if (strncmp(at, "{day}", 5) == 0) {
			append_number(out, day->day);
			at += 5;
		} else if (strncmp(at, "{month}", 7) == 0) {
			buf_append_text(out, texts->months[day->month - 1]);
			at += 7;
		} else if (strncmp(at, "{year}", 6) == 0) {
			append_number(out, day->year);
			at += 6;
		} else {
			buf_append_char(out, *at++);
		}
	}
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
