/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_H
#define AITHER_BASE_JSON_H

/*
 * JSON (RFC 8259) on top of cJSON, which no other module sees: `struct json` is never defined, and a pointer
 * to it is a cJSON node.
 *
 * The input may be hostile. Before cJSON reads a byte, json_parse refuses: invalid UTF-8, NUL, "\u0000", bad
 * escapes, lone surrogates, raw control characters in strings, nesting deeper than depth_max, more than
 * node_max values, numbers of more than 63 characters or beyond double (but see infinite_numbers), and text
 * after the value. After parsing, it refuses duplicate member names. cJSON alone would accept or silently
 * change each of these. A byte order mark before the value is skipped.
 *
 * Reading never fails: every accessor accepts NULL and a node of another type, so a path can be followed
 * without checks: json_string(json_get(json_get(root, "meta"), "requestId")).
 *
 * Member look-up is linear; iterate over large objects instead.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct json;

enum json_type {
	JSON_MISSING, /* the pointer was NULL */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_BROKEN, /* invalid JSON, see keeps_broken */
};

struct json_limits {
	size_t size_max;    /* bytes of text */
	unsigned depth_max; /* of arrays and objects inside each other; JSON_NESTING_MAX at most */
	size_t node_max;    /* a node costs about 150 bytes of memory */

	/* Reads 1e400 as infinity, as JavaScript does; for the data of `aither render`. JSON has no infinity,
	 * so do not set this for data that is stored, hashed or sent. */
	bool infinite_numbers;

	/* For data whose rows are independent. Some faults are then not errors: a string that is not text
	 * (half of a surrogate pair, "\u0000", bytes that are not UTF-8...), an invalid number, an unknown
	 * word, and an object with a duplicate name. Each is read as JSON_BROKEN, and json_fault gives the
	 * reason. The members of such an object can still be looked up. A member whose name is not text gets
	 * another name. */
	bool keeps_broken;
};

#define JSON_DEPTH_MAX 64     /* the usual depth_max: Hemera's deepest answer has 6 levels */
#define JSON_NESTING_MAX 1000 /* CJSON_NESTING_LIMIT */
#define JSON_NUMBER_MAX 63    /* characters of a number; cJSON misreads a longer one */

/* Parses text[0..length). The message of an error gives the position: "line 1, column 17: ...".
 * -EBADMSG: not acceptable JSON; -E2BIG: over a limit. *ret_json is owned. */
int json_parse(struct json **ret_json, const char *text, size_t length, const struct json_limits *limits,
	struct error *err);

void json_free(struct json *json);
void json_freep(struct json **json);
struct json *json_copy(const struct json *json); /* deep, owned; NULL for NULL */

enum json_type json_type(const struct json *json);
const char *json_type_name(enum json_type type); /* "an array" */
const char *json_fault(
	const struct json *json); /* borrowed; NULL unless JSON_BROKEN: "half of a surrogate pair" */
const struct json *json_get(const struct json *object, const char *name); /* borrowed, NULL if absent */
/* Like json_get, for a name that does not end with NUL; *ret_seen is the number of members compared. */
const struct json *json_find(const struct json *object, const char *name, size_t length, size_t *ret_seen);
const struct json *json_first(const struct json *container); /* first element or member */
const struct json *json_next(const struct json *element);
const char *json_name(const struct json *member); /* NULL for array elements */
size_t json_count(const struct json *container);  /* walks the list */

const char *json_string(const struct json *json); /* NULL unless a string */
double json_number(const struct json *json, double otherwise);
int64_t json_integer(const struct json *json, int64_t otherwise); /* otherwise: not integral or beyond 2^53 */
bool json_bool(const struct json *json, bool otherwise);

#define JSON_FOREACH(element, container) \
	for (const struct json *element = json_first(container); element; element = json_next(element))

/* Building. Each json_set_* adds a member at the end (names are copied; setting a name twice is a
 * programming error); json_set and json_append take ownership of the value. NULL, as a string or as a
 * value, becomes null. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text);
struct json *json_new_integer(int64_t value);
void json_set(struct json *object, const char *name, struct json *owned_value);
void json_set_string(struct json *object, const char *name, const char *text);
void json_set_integer(struct json *object, const char *name, int64_t value); /* exact up to 2^53 */
void json_set_bool(struct json *object, const char *name, bool value);
void json_set_time(struct json *object, const char *name, int64_t unix_ms); /* base/time.h; 0 becomes null */
void json_append(struct json *array, struct json *owned_value);

/* Appends a value, an array or an object, without taking ownership; it must outlive the array. */
void json_append_shared(struct json *array, const struct json *value);

/* Appends compact text. Check the buffer for overflow. */
void json_write(struct buf *out, const struct json *json);

/* Appends a JSON string literal, quotes included; bytes that are not UTF-8 become U+FFFD. NULL appends
 * null. */
void json_write_string(struct buf *out, const char *text);

#endif
