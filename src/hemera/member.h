/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_MEMBER_H
#define AITHER_HEMERA_MEMBER_H

/*
 * Checks the members of a JSON object against a table, one row per member:
 *
 *	static const struct member members[] = {
 *		{ "title", MEMBER_TEXT, .max = COURSE_TITLE_MAX },
 *		{ "startDate", MEMBER_DATE, .nullable = true },
 *	};
 *	member_check(row, &(struct member_table){ members, ARRAY_SIZE(members), true }, "data[17]", err);
 *
 * Hemera always sends every member, so an absent one is an error even where null is permitted. Members
 * that the table does not name are ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct json;

enum member_kind {
	MEMBER_ID,     /* 1 to `max` letters, digits, '-' and '_': safe in a URL as it stands */
	MEMBER_TEXT,   /* at most `max` bytes, may be empty */
	MEMBER_DATE,   /* the form of time_parse */
	MEMBER_COUNT,  /* an integer from 0 to `max` */
	MEMBER_CHOICE, /* one of `choices` */
};

struct member {
	const char *name;
	enum member_kind kind;
	bool nullable;
	int64_t max;
	const char *const *choices; /* NULL-terminated */
};

struct member_table {
	const struct member *members;
	size_t count;
	bool quotes; /* a wrong value may stand in the message; never where it may be a person's text */
};

/* -EBADMSG with a message that begins with the path: `data[17].level: "EXPERT" is not one of ...`. */
int member_check(
	const struct json *object, const struct member_table *table, const char *path, struct error *err);

/* Is the text of the form MEMBER_ID? NULL is not. */
bool member_is_id(const char *text, size_t length_max);

/* The entry of `choices` that equals the text (static, as the table is), NULL if none does. */
const char *member_choice(const char *const *choices, const char *text);

#endif
