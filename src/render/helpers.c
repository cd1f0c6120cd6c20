/* SPDX-License-Identifier: MIT */
#include "render/helpers.h"

#include <errno.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "published/texts.h"
#include "render/arena.h"
#include "render/value.h"

#define HELPER_KEY_MAX 128 /* a key of texts.de.json; the longest has 30 characters */

static const struct {
	const char *name;
	enum helper helper;
} helper_names[] = {
	{ "if", HELPER_IF },
	{ "unless", HELPER_UNLESS },
	{ "each", HELPER_EACH },
	{ "with", HELPER_WITH },
	{ "helperMissing", HELPER_UNCALLABLE },
	{ "blockHelperMissing", HELPER_UNCALLABLE },
	{ "lookup", HELPER_LOOKUP },
	{ "log", HELPER_LOG },
	{ "image", HELPER_IMAGE },
	{ "video", HELPER_VIDEO },
	{ "date", HELPER_DATE },
	{ "t", HELPER_T },
};

enum helper helper_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(helper_names); i++) {
		if (slice_equal_text(name, helper_names[i].name))
			return helper_names[i].helper;
	}
	return HELPER_NONE;
}

/* Fails where JavaScript throws an error: the object or an argument is missing. */
static int helper_lookup(const struct value *arguments, size_t count, struct work *work,
	struct value *ret_value, const char **ret_reason)
{
	struct slice name;
	int r;

	if (count > 0 && !value_is_true(arguments[0])) {
		*ret_value = arguments[0];
		return 0;
	}
	if (count != 2) {
		*ret_reason = "takes an object and a key";
		return -EBADMSG;
	}
	r = value_to_text(arguments[1], work, &name);
	if (r == 0)
		r = value_get(arguments[0], name, work, ret_value);
	if (r == -EBADMSG)
		*ret_reason = "cannot use this key";
	return r;
}

/* Makes HTML that contains the arguments, escaped. In place of a missing argument Handlebars passes its
 * options, an object. The HTML costs steps by its length, because {{video (video (video ...))}} grows
 * threefold each time. */
static int helper_media(enum helper helper, const struct value *arguments, size_t count, struct work *work,
	struct value *ret_value)
{
	static const struct piece {
		const char *text;
		size_t argument; /* follows the text */
	} image[] = {
		{ "<img src=\"", 0 },
		{ "\" alt=\"", 1 },
		{ "\" loading=\"lazy\" class=\"media-fallback\" />", SIZE_MAX },
	}, video[] = {
		{ "<video controls preload=\"metadata\" src=\"", 0 },
		{ "\"><p class=\"media-fallback\">Video nicht verfügbar: <a href=\"", 0 },
		{ "\">", 0 },
		{ "</a></p></video>", SIZE_MAX },
	};
	CLEANUP(buf_done) struct buf html = BUF_INIT(work->arena->size_max);
	struct slice text;

	for (const struct piece *piece = helper == HELPER_IMAGE ? image : video;; piece++) {
		size_t argument = piece->argument;
		int r;

		buf_append_text(&html, piece->text);
		if (argument == SIZE_MAX)
			break;
		if (argument == count)
			buf_append_text(&html, "[object Object]");
		if (argument >= count || value_is_nothing(arguments[argument]))
			continue;
		r = value_to_text(arguments[argument], work, &text);
		if (r < 0)
			return r;
		value_escape(text, &html);
	}
	text = (struct slice){ html.data, html.length };
	if (buf_overflowed(&html) || value_spend(value_text(text), work) < 0)
		return -ENOMEM;
	ret_value->type = VALUE_HTML;
	return arena_copy(work->arena, text, &ret_value->text);
}

/* A NUL-terminated copy of a text argument; NULL: not a text, or too long to be a key or a date. */
static char *helper_string(const struct value *value)
{
	if (value->type != VALUE_STRING || value->text.length > HELPER_KEY_MAX)
		return NULL;
	return mem_strndup(value->text.data, value->text.length);
}

static int helper_t(const struct value *argument, const struct texts *texts, struct value *ret_value,
	const char **ret_reason)
{
	CLEANUP(mem_freep) char *key = helper_string(argument);
	const char *text = texts && key ? texts_get(texts, key) : NULL;

	if (!text) {
		*ret_reason = texts ? "names a text that the language file does not have"
				    : "cannot be used here, because there are no texts";
		return -EBADMSG;
	}
	*ret_value = value_text(slice_from_text(text));
	return 0;
}

static int helper_date(const struct value *argument, const struct texts *texts, struct work *work,
	struct value *ret_value, const char **ret_reason)
{
	CLEANUP(mem_freep) char *date = helper_string(argument);
	CLEANUP(buf_done) struct buf text = BUF_INIT(1024);

	if (value_is_nothing(*argument) || (date && date[0] == '\0')) {
		*ret_value = value_text(SLICE(""));
		return 0;
	}
	if (!texts) {
		*ret_reason = "cannot be used here, because there are no texts";
		return -EBADMSG;
	}
	if (!date || texts_append_date(texts, date, &text) < 0) {
		*ret_reason = "takes a date like 2026-03-14T23:00:00.000Z";
		return -EBADMSG;
	}
	ret_value->type = VALUE_STRING;
	return arena_copy(work->arena, (struct slice){ buf_text(&text), text.length }, &ret_value->text);
}

int helper_call(enum helper helper, const struct value *arguments, size_t count, const struct texts *texts,
	struct work *work, struct value *ret_value, const char **ret_reason)
{
	*ret_value = (struct value){ .type = VALUE_UNDEFINED };
	*ret_reason = "cannot print this value";
	switch (helper) {
	case HELPER_LOOKUP:
		return helper_lookup(arguments, count, work, ret_value, ret_reason);
	case HELPER_IMAGE:
	case HELPER_VIDEO:
		return helper_media(helper, arguments, count, work, ret_value);
	case HELPER_DATE:
		return helper_date(arguments, texts, work, ret_value, ret_reason);
	case HELPER_T:
		return helper_t(arguments, texts, ret_value, ret_reason);
	case HELPER_LOG:
	case HELPER_NONE:
	case HELPER_IF:
	case HELPER_UNLESS:
	case HELPER_EACH:
	case HELPER_WITH:
	case HELPER_UNCALLABLE:
		break;
	}
	return 0;
}
