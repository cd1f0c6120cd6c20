/* SPDX-License-Identifier: MIT */
#include "render/texts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

#define TEXTS_SIZE_MAX (256 << 10) /* a language file has about 3 KB */

struct texts {
	struct json *object; /* owned */
	char hash[HASH_HEX_SIZE];
};

/* What texts_append_date and the pages cannot do without. */
static int texts_check(const struct texts *texts, const char *name, struct error *err)
{
	char month[24];

	if (json_type(texts->object) != JSON_OBJECT)
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: not a JSON object", name);
	JSON_FOREACH (text, texts->object) {
		if (!json_string(text))
			return error_fail(err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is not a text", name,
				json_name(text));
	}
	if (!texts_get(texts, "language") || !texts_get(texts, "date.format"))
		return error_fail(err, ERROR_TEMPLATE, -EBADMSG,
			"%s: \"language\" or \"date.format\" is missing", name);
	for (int i = 1; i <= 12; i++) {
		snprintf(month, sizeof(month), "month.%d", i);
		if (!texts_get(texts, month))
			return error_fail(
				err, ERROR_TEMPLATE, -EBADMSG, "%s: \"%s\" is missing", name, month);
	}
	return 0;
}

int texts_parse(
	struct texts **ret_texts, const char *name, const char *json, size_t length, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = TEXTS_SIZE_MAX, .depth_max = 2, .node_max = 2000
	};
	CLEANUP(texts_freep) struct texts *texts = mem_zalloc(sizeof(*texts));
	int r = json_parse(&texts->object, json, length, &limits, err);

	if (r < 0) {
		error_prefix(err, "%s: ", name);
		if (err)
			err->code = ERROR_TEMPLATE;
		return r;
	}
	r = texts_check(texts, name, err);
	if (r < 0)
		return r;
	hash_hex(json, length, texts->hash);
	*ret_texts = STEAL(texts);
	return 0;
}

void texts_free(struct texts *texts)
{
	if (!texts)
		return;
	json_free(texts->object);
	free(texts);
}

void texts_freep(struct texts **texts)
{
	texts_free(*texts);
}

const char *texts_get(const struct texts *texts, const char *key)
{
	return json_string(json_get(texts->object, key));
}

const char *texts_language(const struct texts *texts)
{
	return texts_get(texts, "language");
}

const char *texts_hash(const struct texts *texts)
{
	return texts->hash;
}

const char *texts_missing_key(const struct texts *texts, const struct texts *reference)
{
	JSON_FOREACH (text, reference->object) {
		if (!texts_get(texts, json_name(text)))
			return json_name(text);
	}
	return NULL;
}

/* Appends what a {word} of the format stands for; false: it is none. */
static bool texts_append_word(const struct texts *texts, const char *word, size_t length,
	const struct time_local *date, struct buf *out)
{
	char month[24];

	if (length == 5 && memcmp(word, "{day}", 5) == 0) {
		buf_printf(out, "%d", date->day);
	} else if (length == 7 && memcmp(word, "{month}", 7) == 0) {
		snprintf(month, sizeof(month), "month.%d", date->month);
		buf_append_text(out, texts_get(texts, month));
	} else if (length == 6 && memcmp(word, "{year}", 6) == 0) {
		buf_printf(out, "%d", date->year);
	} else {
		return false;
	}
	return true;
}

int texts_append_date(const struct texts *texts, const char *rfc3339, struct buf *out)
{
	const char *at = texts_get(texts, "date.format");
	struct time_local date;
	int64_t ms;

	if (time_parse(rfc3339, &ms) < 0)
		return -EBADMSG;
	date = time_local(ms);
	while (*at) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;

		if (end && texts_append_word(texts, at, (size_t)(end + 1 - at), &date, out))
			at = end + 1;
		else
			buf_append_char(out, *at++);
	}
	return 0;
}
