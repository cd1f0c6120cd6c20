/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_MEMBER_H
#define AITHER_HEMERA_MEMBER_H

/*
 * A table lists the members of an object of Hemera's, their permitted values and their places in a struct.
 * Reading, writing, comparing, rendering and hashing follow the same table:
 *
 *	static const struct member members[] = {
 *		{ "title", MEMBER_TEXT, .offset = offsetof(struct course, title), .max = COURSE_TITLE_MAX },
 *		{ "startDate", MEMBER_DATE, .offset = offsetof(struct course, start_date), .nullable = true },
 *	};
 *	static const struct member_table table = { members, ARRAY_SIZE(members), .quotes = true };
 *
 *	member_read(row, &table, "data[17]", &course, err);      texts borrowed from `row`
 *	member_own(&table, &course, &course.texts);              or its own
 *
 * Texts are `const char *` in the struct, NULL where Hemera says null; a count is `unsigned`. Hemera
 * always sends every member, so an absent one is an error even where null is permitted. Members that
 * the table does not name are ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct json;

enum member_kind {
	MEMBER_ID,     /* 1 to `max` letters, digits, '-' and '_': safe in a URL as it stands */
	MEMBER_SLUG,   /* at most `max` bytes, may be empty */
	MEMBER_TEXT,   /* the same, written by people; pages treat a text of invisible characters as empty */
	MEMBER_DATE,   /* a day, in the form of time_parse; pages show it in words, too */
	MEMBER_TIME,   /* a moment, in the same form */
	MEMBER_COUNT,  /* an integer from 0 to `max` */
	MEMBER_CHOICE, /* one of `choices`; pages show its label, too */
};

#define MEMBER_NOT_KEPT SIZE_MAX /* as offset: the member is only checked */

struct member {
	const char *name;
	enum member_kind kind;
	bool nullable;
	bool hidden;   /* neither in pages nor in their fingerprints */
	size_t offset; /* in the struct */
	int64_t max;
	const char *const *choices; /* NULL-terminated */
};

struct member_table {
	const struct member *members;
	size_t count;
	bool quotes; /* messages may quote a wrong value; never set for texts about people */
};

/* Checks the object and fills `record`, a struct as the table describes it; its texts are borrowed
 * from `object`. -EBADMSG with a message that begins with the path: `data[17].level: "EXPERT" is
 * not one of ...`. After a failure, parts of `record` may have been filled. */
int member_read(const struct json *object, const struct member_table *table, const char *path, void *record,
	struct error *err);

/* Copies the record's texts into one block (*ret_block, owned) and points the record to them.
 * Returns the bytes of the block. */
size_t member_own(const struct member_table *table, void *record, char **ret_block);

/* All three are for tables without MEMBER_NOT_KEPT. member_write appends the record as JSON that member_read
 * can read again. member_write_open leaves out the closing brace, so that the caller can add members. */
void member_write_open(struct buf *out, const struct member_table *table, const void *record);
void member_write(struct buf *out, const struct member_table *table, const void *record);
bool member_is_equal(const struct member_table *table, const void *left, const void *right);

/* The value of one member of a record. member_text returns NULL for a MEMBER_COUNT and for MEMBER_NOT_KEPT;
 * call member_count only for a MEMBER_COUNT. */
const char *member_text(const struct member *member, const void *record);
unsigned member_count(const struct member *member, const void *record);

/* Does the text have the form of a MEMBER_ID? False for NULL. */
bool member_is_id(const char *text, size_t length_max);

#endif
