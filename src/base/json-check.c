/* SPDX-License-Identifier: MIT */
#include "base/json-check.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

struct check {
	const char *text, *at, *end; /* borrowed */
	const struct json_limits *limits;
	size_t repeated;
	struct buf *repaired;
	const char *copied; /* the text before this is in `repaired` */
	size_t count;       /* of values so far */
	unsigned depth;
	struct error *err;
};

/* Line and column are computed here only: counting along would slow down every good text. */
static int fail(const struct check *check, int errnum, const char *problem)
{
	size_t line = 1, column = 1;

	for (const char *byte = check->text; byte < check->at; byte++) {
		if (*byte == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*byte & 0xc0) != 0x80) {
			column++;
		}
	}
	return error_set(check->err, errnum, "line %zu, column %zu: %s", line, column, problem);
}

/* The next byte, or -1 at the end. */
static int peek(const struct check *check)
{
	return check->at < check->end ? (unsigned char)*check->at : -1;
}

/* Skips one byte if it is among `bytes`. */
static bool skip_one(struct check *check, const char *bytes)
{
	bool found = peek(check) > 0 && strchr(bytes, *check->at);

	check->at += found;
	return found;
}

static bool skip_digits(struct check *check)
{
	const char *start = check->at;

	while (peek(check) >= '0' && peek(check) <= '9')
		check->at++;
	return check->at > start;
}

static void skip_space(struct check *check)
{
	while (check->at < check->end &&
		(*check->at == ' ' || *check->at == '\t' || *check->at == '\n' || *check->at == '\r'))
		check->at++;
}

/* The UTF-16 unit of \uXXXX at `at`, or -1. */
static int32_t read_unit(const char *at, const char *end)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	int32_t unit = 0;

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digit = memchr(digits, at[i], sizeof(digits) - 1);

		if (!digit)
			return -1;
		unit = unit << 4 | (int32_t)(digit - digits) % 16;
	}
	return unit;
}

/* Skips a character of a string that is not plain ASCII. Returns what is wrong with it, and then skips
 * nothing. */
static const char *check_character(struct check *check)
{
	const char *at = check->at;
	int32_t unit;

	if ((unsigned char)*at < 0x20)
		return "control character in a string";
	if (*at != '\\') {
		if (utf8_next(&at, check->end) < 0)
			return "invalid UTF-8";
		check->at = at;
		return NULL;
	}
	if (check->end - at >= 2 && at[1] && strchr("\"\\/bfnrt", at[1])) {
		check->at += 2;
		return NULL;
	}
	unit = read_unit(at, check->end);
	if (unit < 0)
		return "invalid escape sequence";
	if (unit == 0) /* C strings end there */
		return "\\u0000 is not permitted";
	if (unit >= 0xd800 && unit <= 0xdfff) {
		int32_t low = unit < 0xdc00 ? read_unit(at + 6, check->end) : -1;

		if (low < 0xdc00 || low > 0xdfff)
			return "half of a surrogate pair";
		check->at += 6;
	}
	check->at += 6;
	return NULL;
}

/* At the opening quote. *ret_fault: the first thing in the string that is wrong, NULL if nothing is; always
 * NULL if broken values are errors. */
static int check_string(struct check *check, const char **ret_fault)
{
	const char *start = check->at++, *fault = NULL;

	for (;;) {
		const char *at = check->at, *problem;

		while (at < check->end && (signed char)*at >= 0x20 && *at != '"' && *at != '\\')
			at++;
		check->at = at;
		if (at == check->end) {
			check->at = start;
			return fail(check, -EBADMSG, "string without an end");
		}
		if (*at == '"')
			break;
		problem = check_character(check);
		if (problem && !check->limits->keeps_broken)
			return fail(check, -EBADMSG, problem);
		if (problem) {
			fault = fault ? fault : problem;
			check->at += *at == '\\' && check->end - at > 1 ? 2 : 1;
		}
	}
	check->at++;
	*ret_fault = fault;
	return 0;
}

/* RFC 8259, section 6. Returns what is wrong. */
static const char *check_number(struct check *check)
{
	char copy[JSON_NUMBER_MAX + 1];
	const char *start = check->at;
	bool good, exponent = false;
	size_t length;

	skip_one(check, "-");
	good = skip_one(check, "0") || skip_digits(check);
	if (good && skip_one(check, "."))
		good = skip_digits(check);
	if (good && skip_one(check, "eE")) {
		exponent = true;
		skip_one(check, "+-");
		good = skip_digits(check);
	}
	if (!good)
		return "invalid number";
	length = (size_t)(check->at - start);
	if (length > JSON_NUMBER_MAX) {
		check->at = start;
		return "number with too many digits";
	}
	if (!exponent || check->limits->infinite_numbers) /* no room for a large one without an exponent */
		return NULL;
	memcpy(copy, start, length);
	copy[length] = '\0';
	if (isfinite(strtod(copy, NULL)))
		return NULL;
	check->at = start;
	return "number too large";
}

static const char *check_word(struct check *check)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(check->end - check->at) >= length && memcmp(check->at, words[i], length) == 0) {
			check->at += length;
			return NULL;
		}
	}
	return "a value expected";
}

/* Copies the text before `start` to `repaired`; the caller appends what stands for the rest up to here. */
static void replace(struct check *check, const char *start)
{
	buf_append(check->repaired, check->copied, (size_t)(start - check->copied));
	check->copied = check->at;
}

/* The message of `\u0000` begins with a backslash, which has to be escaped. */
static void replace_value(struct check *check, const char *start, const char *fault)
{
	replace(check, start);
	buf_printf(check->repaired, "\"%c%s%s\"", JSON_CHECK_MARK, *fault == '\\' ? "\\" : "", fault);
}

/* A number or a word. With keeps_broken it ends at the next delimiter: "-Infinity", "007" and "undefined" are
 * each one broken value. */
static int check_bare(struct check *check)
{
	const char *start = check->at, *fault;

	fault = *start == '-' || (*start >= '0' && *start <= '9') ? check_number(check) : check_word(check);
	if (!check->limits->keeps_broken)
		return fault ? fail(check, -EBADMSG, fault) : 0;
	while (check->at < check->end && (!*check->at || !strchr(",:]}[{\" \t\n\r", *check->at))) {
		fault = fault ? fault : "invalid value";
		check->at++;
	}
	if (fault && check->at == start)
		return fail(check, -EBADMSG, fault);
	if (fault)
		replace_value(check, start, fault);
	return 0;
}

static int check_container(struct check *check);

static int check_value(struct check *check)
{
	const char *start, *fault = NULL;
	int r;

	skip_space(check);
	start = check->at;
	if (check->count++ >= check->limits->node_max)
		return fail(check, -E2BIG, "too many values");
	switch (peek(check)) {
	case -1:
		return fail(check, -EBADMSG, "the text ends too early");
	case '{':
	case '[':
		return check_container(check);
	case '"':
		r = check_string(check, &fault);
		if (r == 0 && fault)
			replace_value(check, start, fault);
		return r;
	default:
		return check_bare(check);
	}
}

static int check_member(struct check *check)
{
	const char *start, *fault = NULL;
	int r;

	skip_space(check);
	start = check->at;
	if (peek(check) != '"')
		return fail(check, -EBADMSG, "a member name in quotes expected");
	if (check->repeated > 0 && check->repeated == check->count)
		return fail(check, -EBADMSG, "duplicate member name");
	r = check_string(check, &fault);
	if (r < 0)
		return r;
	if (fault) {
		replace(check, start);
		buf_printf(
			check->repaired, "\"\xef\xbf\xbd%zu\"", check->count); /* U+FFFD; no two are alike */
	}
	skip_space(check);
	if (!skip_one(check, ":"))
		return fail(check, -EBADMSG, "':' expected");
	return check_value(check);
}

static int check_container(struct check *check)
{
	bool object = *check->at == '{';
	char end = object ? '}' : ']';

	if (check->depth >= check->limits->depth_max || check->depth >= JSON_NESTING_MAX)
		return fail(check, -E2BIG, "nested too deeply");
	check->depth++;
	check->at++;
	skip_space(check);
	for (bool more = peek(check) != end; more;) {
		int r = object ? check_member(check) : check_value(check);

		if (r < 0)
			return r;
		skip_space(check);
		more = skip_one(check, ",");
		if (!more && peek(check) != end)
			return fail(check, -EBADMSG, object ? "',' or '}' expected" : "',' or ']' expected");
	}
	check->at++;
	check->depth--;
	return 0;
}

int json_check(const char *text, size_t length, const struct json_limits *limits, size_t repeated,
	struct buf *repaired, struct error *err)
{
	struct check check = { .text = text,
		.at = text,
		.end = text + length,
		.limits = limits,
		.repeated = repeated,
		.repaired = repaired,
		.copied = text,
		.err = err };
	int r;

	if (length > limits->size_max)
		return error_set(err, -E2BIG, "more than %zu bytes", limits->size_max);
	r = check_value(&check);
	if (r < 0)
		return r;
	skip_space(&check);
	if (check.at < check.end)
		return fail(&check, -EBADMSG, "something follows the value");
	if (check.copied > text)
		replace(&check, check.end);
	return 0;
}
