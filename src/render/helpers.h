/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_HELPERS_H
#define AITHER_RENDER_HELPERS_H

/*
 * The helpers. Handlebars' own helpers are recognised wherever their name comes first. aither's helpers are
 * recognised only where a name can be a helper at all, and {{t}} and {{date}} only with a value: {{date}}
 * alone and {{this.date}} are members of the data.
 *
 *	lookup object key      the property that `key` names
 *	log ...                prints nothing, as in Handlebars
 *	image url alt, video url   HTML of an image or a video
 *	t key                  a text of the page's language
 *	date value             an RFC 3339 date in words, in the site's time zone; "" for null, "" or none
 */

#include <stdbool.h>
#include <stddef.h>

#include "render/slice.h"

struct texts;
struct value;
struct work;

#define HELPER_ARGUMENTS_MAX 2

enum helper {
	HELPER_NONE,
	HELPER_IF, /* from here on: blocks, which the evaluator runs itself */
	HELPER_UNLESS,
	HELPER_EACH,
	HELPER_WITH,
	HELPER_UNCALLABLE, /* names that Handlebars reserves: helperMissing, blockHelperMissing */
	HELPER_LOOKUP,     /* from here on: functions */
	HELPER_LOG,
	HELPER_IMAGE, /* from here on: aither's own */
	HELPER_VIDEO,
	HELPER_DATE,
	HELPER_T,
};

enum helper helper_find(struct slice name);

static inline bool helper_is_builtin(enum helper helper) /* one of Handlebars' helpers */
{
	return helper >= HELPER_IF && helper <= HELPER_LOG;
}

static inline bool helper_is_block(enum helper helper)
{
	return helper >= HELPER_IF && helper <= HELPER_WITH;
}

/* Calls a function helper, which reads at most HELPER_ARGUMENTS_MAX of `count` arguments. Returns 0, -ENOMEM
 * as in value.h, or -EBADMSG; then *ret_reason (static) continues the message "{{lookup}} ...". */
int helper_call(enum helper helper, const struct value *arguments, size_t count, const struct texts *texts,
	struct work *work, struct value *ret_value, const char **ret_reason);

#endif
