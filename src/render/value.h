/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_VALUE_H
#define AITHER_RENDER_VALUE_H

/*
 * The value of an expression in a template: those types of JavaScript values that JSON data can have, and the
 * operations of the language on them. A value is small and is copied freely; its texts and nodes belong to
 * the data, the template or the render's arena.
 *
 * Every function that walks over data uses up the steps of a struct work, so that no template can do endless
 * work, even if its page is small.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/slice.h"

struct arena;
struct buf;
struct json;

enum value_type {
	VALUE_UNDEFINED = 0,
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_NUMBER,
	VALUE_STRING,
	VALUE_HTML,   /* the result of {{image}} and {{video}}: printed as it is */
	VALUE_ARRAY,  /* of the data */
	VALUE_OBJECT, /* of the data */
	VALUE_RECORD, /* an object made while rendering: the context of a partial with its pairs */
};

struct value {
	enum value_type type;
	union {
		bool boolean;
		double number;
		struct slice text;       /* string, html */
		const struct json *node; /* array, object */
		const struct record *record;
	};
};

struct member {
	struct slice name;
	struct value value;
};

struct record {
	const struct member *members;
	size_t count;
};

#define VALUE_BYTES_PER_STEP 64 /* reading a text is cheap, but not free */

struct work {
	uint64_t steps_left;
	struct arena *arena;
};

/* Uses up steps; returns false if not enough are left. */
static inline bool work_spend(struct work *work, uint64_t steps)
{
	if (work->steps_left < steps) {
		work->steps_left = 0;
		return false;
	}
	work->steps_left -= steps;
	return true;
}

static inline struct value value_bool(bool boolean)
{
	return (struct value){ .type = VALUE_BOOL, .boolean = boolean };
}

static inline struct value value_number(double number)
{
	return (struct value){ .type = VALUE_NUMBER, .number = number };
}

static inline struct value value_text(struct slice text)
{
	return (struct value){ .type = VALUE_STRING, .text = text };
}

struct value value_from_json(const struct json *json);

static inline bool value_is_nothing(struct value value) /* JavaScript's value == null */
{
	return value.type <= VALUE_NULL;
}

bool value_is_true(struct value value);  /* in JavaScript: not "" and 0, but [] and {} */
bool value_is_empty(struct value value); /* in Handlebars: false, null, "" and [], but not 0 */

/* JavaScript's a == b: 1 equals "1", and an array equals its text. */
bool value_equal(struct value a, struct value b, struct work *work);

/* All of the following return 0, -ENOMEM (steps or memory used up) or -EBADMSG (JavaScript would throw). */

/* Gets a property by its name: a member, an element by its index, or "length". Undefined if there is none. */
int value_get(struct value of, struct slice name, struct work *work, struct value *ret_value);

/* Uses up the steps for reading one value: one step, or more for a long text. value_get does this itself. */
int value_spend(struct value value, struct work *work);

/* Gets all members in JavaScript's order: first the names that are integers, ascending. The members of
 * strings and arrays are their elements. The record is in the arena. */
int value_members(struct value of, struct work *work, struct record *ret_record);

/* Appends the value's text, escaped or not. Overflow shows in the buffer. */
int value_print(struct value value, bool escape, struct work *work, struct buf *out);

/* Gets the value's text, as String(value) in JavaScript; the text may be in the arena. */
int value_to_text(struct value value, struct work *work, struct slice *ret_text);

/* Appends the text, escaped as in Handlebars: & < > " ' ` = */
void value_escape(struct slice text, struct buf *out);

#endif
