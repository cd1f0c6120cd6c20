/* SPDX-License-Identifier: MIT */
/*
 * Any text as JSON: read, inspected, copied, written and read again.
 *
 * These rules must hold:
 *  - an error names the position: "line 1, column 17: ...", in plain text;
 *  - a value that is written and read again is the same value, and written again it gives the same text;
 *  - every member is found by its name: no name occurs twice;
 *  - narrower limits refuse with -E2BIG texts that wider limits accept, and accept no others;
 *  - any text can be written as a JSON string, and reads back as the same text if it is UTF-8.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "render/slice.h"

#define SIZE_MAX_READ (1 << 20)
#define SIZE_MAX_WRITTEN (8 << 20) /* a byte becomes six bytes at most */

const char fuzz_corpus[] = "json";

static const struct json_limits wide = {
	.size_max = SIZE_MAX_READ, .depth_max = JSON_DEPTH_MAX, .node_max = SIZE_MAX_READ
};
static const struct json_limits narrow = { .size_max = 64, .depth_max = 3, .node_max = 8 };
static const struct json_limits infinite = { .size_max = SIZE_MAX_READ,
	.depth_max = JSON_DEPTH_MAX,
	.node_max = SIZE_MAX_READ,
	.infinite_numbers = true };

static const struct json_limits tolerant = { .size_max = SIZE_MAX_READ,
	.depth_max = JSON_DEPTH_MAX,
	.node_max = SIZE_MAX_READ,
	.keeps_broken = true };

static bool is_text(const char *text)
{
	size_t fault;

	return slice_is_text(slice_from_text(text), &fault);
}

static int parse(struct json **ret_json, const char *text, size_t length, const struct json_limits *limits)
{
	struct error err = { 0 };
	unsigned line = 0, column = 0;
	int end = 0, r = json_parse(ret_json, text, length, limits, &err);

	if (r == 0)
		return 0;
	FUZZ_CHECK((r == -EBADMSG || r == -E2BIG) && err.errnum == r && !*ret_json, "%d: %s", r, err.message);
	FUZZ_CHECK(utf8_is_text(err.message, strlen(err.message)), "%s", err.message);
	if (length <= limits->size_max)
		FUZZ_CHECK(sscanf(err.message, "line %u, column %u: %n", &line, &column, &end) == 2 &&
				   end > 0 && line > 0 && column > 0 && err.message[end],
			"%s", err.message);
	return r;
}

static bool is_same(const struct json *a, const struct json *b);

static bool is_same_container(const struct json *a, const struct json *b)
{
	const struct json *left = json_first(a), *right = json_first(b);

	for (; left && right; left = json_next(left), right = json_next(right)) {
		const char *name = json_name(left), *other = json_name(right);

		if (!name != !other || (name && strcmp(name, other) != 0) || !is_same(left, right))
			return false;
		FUZZ_CHECK(!name || json_get(a, name) == left, "%s is there twice", name);
	}
	return !left && !right && json_count(a) == json_count(b);
}

static bool is_same(const struct json *a, const struct json *b)
{
	if (json_type(a) != json_type(b))
		return false;
	switch (json_type(a)) {
	case JSON_MISSING:
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return json_bool(a, false) == json_bool(b, false);
	case JSON_NUMBER:
		return json_number(a, 0) == json_number(b, 0) && json_integer(a, -1) == json_integer(b, -1);
	case JSON_STRING:
		FUZZ_CHECK(is_text(json_string(a)), "not UTF-8: %s", json_string(a));
		return strcmp(json_string(a), json_string(b)) == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return is_same_container(a, b);
	case JSON_BROKEN:
		return false;
	}
	return false;
}

static void check_written(const struct json *json)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(SIZE_MAX_WRITTEN);
	CLEANUP(buf_done) struct buf second = BUF_INIT(SIZE_MAX_WRITTEN);
	CLEANUP(json_freep) struct json *again = NULL;
	CLEANUP(json_freep) struct json *copy = json_copy(json);
	struct json_limits limits = wide;

	limits.size_max = SIZE_MAX_WRITTEN;
	json_write(&text, json);
	FUZZ_CHECK(!buf_overflowed(&text), "%zu bytes", text.length);
	FUZZ_CHECK(parse(&again, buf_text(&text), text.length, &limits) == 0, "%s", buf_text(&text));
	FUZZ_CHECK(is_same(json, again), "%s", buf_text(&text));
	FUZZ_CHECK(is_same(json, copy), "the copy of %s", buf_text(&text));
	json_write(&second, again);
	FUZZ_CHECK(strcmp(buf_text(&text), buf_text(&second)) == 0, "%s, then %s", buf_text(&text),
		buf_text(&second));
}

static void check_limits(const struct json *json, const char *text, size_t length)
{
	CLEANUP(json_freep) struct json *small = NULL;
	CLEANUP(json_freep) struct json *any = NULL;
	int r = parse(&small, text, length, &narrow);

	FUZZ_CHECK(json ? r == 0 || r == -E2BIG : r < 0, "%d by narrow limits", r);
	FUZZ_CHECK(r < 0 || is_same(json, small), "another value by narrow limits");
	r = parse(&any, text, length, &infinite);
	FUZZ_CHECK(!json || (r == 0 && is_same(json, any)), "%d with infinite numbers", r);
}

/* Invalid values have a reason; all others are valid. */
static void check_kept(const struct json *json)
{
	enum json_type type = json_type(json);

	FUZZ_CHECK((type == JSON_BROKEN) == (json_fault(json) != NULL), "%s", json_type_name(type));
	FUZZ_CHECK(type != JSON_STRING || is_text(json_string(json)), "not UTF-8");
	FUZZ_CHECK(type != JSON_NUMBER || isfinite(json_number(json, NAN)), "not a number");
	FUZZ_CHECK(!json_name(json) || is_text(json_name(json)), "a name that is not UTF-8");
	JSON_FOREACH (element, json)
		check_kept(element);
}

static void check_tolerant(const struct json *json, const char *text, size_t length)
{
	CLEANUP(json_freep) struct json *kept = NULL;
	int r = parse(&kept, text, length, &tolerant);

	FUZZ_CHECK(!json || (r == 0 && is_same(json, kept)), "%d where broken values are kept", r);
	if (r == 0)
		check_kept(kept);
}

static void check_string(const char *text)
{
	CLEANUP(buf_done) struct buf literal = BUF_INIT(SIZE_MAX_WRITTEN);
	CLEANUP(json_freep) struct json *string = NULL;
	struct json_limits limits = wide;

	limits.size_max = SIZE_MAX_WRITTEN;
	json_write_string(&literal, text);
	FUZZ_CHECK(
		parse(&string, buf_text(&literal), literal.length, &limits) == 0, "%s", buf_text(&literal));
	FUZZ_CHECK(json_type(string) == JSON_STRING, "%s", buf_text(&literal));
	FUZZ_CHECK(!is_text(text) || strcmp(json_string(string), text) == 0, "%s", buf_text(&literal));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(mem_freep) char *text = mem_alloc(size); /* without a NUL: the code must not need one */
	CLEANUP(mem_freep) char *string = mem_strndup((const char *)bytes, size);
	CLEANUP(json_freep) struct json *json = NULL;

	if (size > SIZE_MAX_READ / 8)
		return 0; /* the written text must fit the limits above */
	if (size > 0)
		memcpy(text, bytes, size);
	if (parse(&json, text, size, &wide) == 0)
		check_written(json);
	check_limits(json, text, size);
	check_tolerant(json, text, size);
	check_string(string);
	return 0;
}
