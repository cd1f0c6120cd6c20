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
	struct json *shipped, *own; /* owned; own: NULL without texts_override */
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

int texts_parse(
	struct texts **ret_texts, const char *name, const char *json, size_t length, struct error *err)
{
	CLEANUP(texts_freep) struct texts *texts = mem_zalloc(sizeof(*texts));
	char month[24];
	int r = texts_read(&texts->shipped, name, json, length, err);

	if (r < 0)
		return r;
	if (!texts_get(texts, "language") || !texts_get(texts, "date.format"))
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"%s: \"language\" or \"date.format\" is missing", name);
	for (int i = 1; i <= 12; i++) {
		snprintf(month, sizeof(month), "month.%d", i);
		if (!texts_get(texts, month))
			return error_fail(
				err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is missing", name, month);
	}
	hash_hex(json, length, texts->hash);
	*ret_texts = STEAL(texts);
	return 0;
}

int texts_override(struct texts *texts, const char *name, const char *json, size_t length, struct error *err)
{
	CLEANUP(mem_freep) char *both = NULL;
	struct json *own = NULL;
	int r = texts_read(&own, name, json, length, err);

	if (r < 0)
		return r;
	json_free(texts->own);
	texts->own = own;
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

void texts_append_day(const struct texts *texts, const struct time_local *day, struct buf *out)
{
	const char *at = texts_get(texts, "date.format");
	char month[24];

	snprintf(month, sizeof(month), "month.%d", day->month);
	while (*at) {
		if (strncmp(at, "{day}", 5) == 0) {
			buf_printf(out, "%d", day->day);
			at += 5;
		} else if (strncmp(at, "{month}", 7) == 0) {
			buf_append_text(out, texts_get(texts, month));
			at += 7;
		} else if (strncmp(at, "{year}", 6) == 0) {
			buf_printf(out, "%d", day->year);
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
