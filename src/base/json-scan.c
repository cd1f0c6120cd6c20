/* SPDX-License-Identifier: MIT */
#include "base/json-scan.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json-names.h"
#include "base/json-text.h"
#include "base/json.h"
#include "base/mem.h"

/* What may come next, after white space. */
enum scan_state {
	SCAN_VALUE,
	SCAN_FIRST_ELEMENT, /* a value or ']' */
	SCAN_FIRST_NAME,    /* a member or '}' */
	SCAN_NAME,          /* a member */
	SCAN_AFTER_VALUE,   /* ',' or the end of the container, or of the text */
};

struct scan {
	const char *text, *at, *end; /* borrowed */
	const struct json_limits *limits;
	struct error *err;
	enum scan_state state;
	size_t node_count;
	unsigned depth;
	bool objects[JSON_SCAN_DEPTH_MAX];   /* the open containers: objects, or arrays? */
	size_t indexes[JSON_SCAN_DEPTH_MAX]; /* and which values they are, in the order of the text */
	struct json_faults *faults;          /* NULL: each is an error */
	struct json_names names;
	struct json_members *members; /* NULL: no object is looked for */
	unsigned matched;             /* so many names of its path lead to where we are */
};

static void scan_done(struct scan *scan)
{
	json_names_done(&scan->names);
}

void json_faults_done(struct json_faults *faults)
{
	free(faults->items);
	*faults = (struct json_faults){ 0 };
}

static void scan_add_fault(struct scan *scan, size_t index, const char *start, const char *what)
{
	struct json_faults *faults = scan->faults;

	if (faults->count == faults->capacity) {
		faults->capacity = 2 * faults->capacity + 16;
		faults->items = mem_resize(faults->items, faults->capacity, sizeof(*faults->items));
	}
	faults->items[faults->count++] =
		(struct json_fault){ .index = index, .start = start, .end = scan->at, .what = what };
}

/* Line and column are computed here only: counting along would slow down every good text. */
static int scan_fail(const struct scan *scan, int errnum, const char *problem)
{
	size_t line = 1, column = 1;

	for (const char *byte = scan->text; byte < scan->at; byte++) {
		if (*byte == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*byte & 0xc0) != 0x80) {
			column++;
		}
	}
	return error_set(scan->err, errnum, "line %zu, column %zu: %s", line, column, problem);
}

static int scan_peek(const struct scan *scan)
{
	return scan->at < scan->end ? (unsigned char)*scan->at : -1;
}

static bool scan_skip_digits(struct scan *scan)
{
	const char *start = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > start;
}

static void scan_skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
		(*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static const char *scan_fault_text(enum json_text_fault fault)
{
	switch (fault) {
	case JSON_TEXT_BAD_UTF8:
		return "invalid UTF-8";
	case JSON_TEXT_CONTROL:
		return "control character in a string";
	case JSON_TEXT_BAD_ESCAPE:
		return "invalid escape sequence";
	case JSON_TEXT_NUL:
		return "\\u0000 is not permitted";
	case JSON_TEXT_LONE_SURROGATE:
		break;
	}
	return "half of a surrogate pair";
}

/* At the opening quote. *ret_fault: the first thing in the string that is not valid, NULL if there is none.
 */
static int scan_string(struct scan *scan, const char **ret_fault)
{
	const char *start = scan->at++, *fault = NULL;
	int32_t character;

	scan->at += json_text_plain(scan->at, scan->end);
	while (scan->at < scan->end && *scan->at != '"') {
		character = json_text_next(&scan->at, scan->end);
		if (character < 0) {
			const char *what = scan_fault_text((enum json_text_fault)character);

			if (!scan->faults)
				return scan_fail(scan, -EBADMSG, what);
			fault = fault ? fault : what;
			scan->at += *scan->at == '\\' && scan->end - scan->at > 1 ? 2 : 1;
		}
		scan->at += json_text_plain(scan->at, scan->end);
	}
	if (scan->at == scan->end) {
		scan->at = start;
		return scan_fail(scan, -EBADMSG, "string without an end");
	}
	scan->at++;
	*ret_fault = fault;
	return 0;
}

/* A number of the right form that double cannot hold would be read as infinity. Without an exponent
 * there is no room for one. */
static bool scan_number_is_finite(const char *start, size_t length)
{
	char copy[JSON_SCAN_NUMBER_MAX + 1];

	if (!memchr(start, 'e', length) && !memchr(start, 'E', length))
		return true;
	memcpy(copy, start, length);
	copy[length] = '\0';
	return isfinite(strtod(copy, NULL));
}

/* RFC 8259, section 6. At '-' or a digit. Returns what is wrong with it, NULL if nothing is. */
static const char *scan_number(struct scan *scan)
{
	const char *start = scan->at;
	bool good = true;
	size_t length;

	if (*scan->at == '-')
		scan->at++;
	if (scan_peek(scan) == '0')
		scan->at++; /* nothing but '.' or 'e' may follow a leading zero */
	else
		good = scan_skip_digits(scan);
	if (good && scan_peek(scan) == '.') {
		scan->at++;
		good = scan_skip_digits(scan);
	}
	if (good && (scan_peek(scan) == 'e' || scan_peek(scan) == 'E')) {
		scan->at++;
		if (scan_peek(scan) == '+' || scan_peek(scan) == '-')
			scan->at++;
		good = scan_skip_digits(scan);
	}
	if (!good)
		return "invalid number";

	length = (size_t)(scan->at - start);
	if (length <= JSON_SCAN_NUMBER_MAX &&
		(scan->limits->infinite_numbers || scan_number_is_finite(start, length)))
		return NULL;
	scan->at = start;
	return length > JSON_SCAN_NUMBER_MAX ? "number with too many digits" : "number too large";
}

static const char *scan_word(struct scan *scan)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(scan->end - scan->at) >= length && memcmp(scan->at, words[i], length) == 0) {
			scan->at += length;
			return NULL;
		}
	}
	return scan->at == scan->end ? "the text ends too early" : "a value expected";
}

static bool is_delimiter(char character)
{
	return character && strchr(",:]}[{\" \t\n\r", character);
}

/* A number or a word, which end at the next of these characters: "-Infinity", "007" and "undefined" are each
 * one value that is not valid. */
static int scan_bare(struct scan *scan, size_t index)
{
	const char *start = scan->at, *fault;

	fault = *start == '-' || (*start >= '0' && *start <= '9') ? scan_number(scan) : scan_word(scan);
	if (!scan->faults)
		return fault ? scan_fail(scan, -EBADMSG, fault) : 0;
	while (scan->at < scan->end && !is_delimiter(*scan->at)) {
		fault = fault ? fault : "invalid value";
		scan->at++;
	}
	if (fault && scan->at == start)
		return scan_fail(scan, -EBADMSG, fault);
	if (fault)
		scan_add_fault(scan, index, start, fault);
	return 0;
}

/* The name is one of the innermost open object. */
static void scan_follow_path(struct scan *scan, const char *literal, size_t length)
{
	const char *const *path = scan->members->path;
	unsigned above = scan->depth - 1;

	if (scan->matched < above)
		return;
	scan->matched = above;
	if (path[above] && json_names_is(literal, length, path[above]))
		scan->matched++;
}

/* Is the container that begins or has ended here the one at the end of the path? */
static bool scan_path_ends(const struct scan *scan)
{
	return scan->members && scan->matched == scan->depth && !scan->members->path[scan->matched];
}

static int scan_open(struct scan *scan, bool object)
{
	if (scan->depth >= scan->limits->depth_max || scan->depth >= JSON_SCAN_DEPTH_MAX)
		return scan_fail(scan, -E2BIG, "nested too deeply");
	if (object && scan_path_ends(scan))
		scan->members->at = scan->at + 1;
	scan->objects[scan->depth] = object;
	scan->indexes[scan->depth++] = scan->node_count - 1;
	if (object)
		json_names_open(&scan->names);
	scan->state = object ? SCAN_FIRST_NAME : SCAN_FIRST_ELEMENT;
	scan->at++;
	return 0;
}

static void scan_close(struct scan *scan)
{
	bool object = scan->objects[--scan->depth];

	if (object)
		json_names_close(&scan->names);
	if (object && scan_path_ends(scan))
		scan->members->end = scan->at;
	scan->state = SCAN_AFTER_VALUE;
	scan->at++;
}

static int scan_value(struct scan *scan)
{
	size_t index = scan->node_count;
	const char *start = scan->at, *fault = NULL;
	int byte = scan_peek(scan), r;

	if (scan->node_count++ >= scan->limits->node_max)
		return scan_fail(scan, -E2BIG, "too many values");
	if (byte == '{' || byte == '[')
		return scan_open(scan, byte == '{');
	scan->state = SCAN_AFTER_VALUE;
	if (byte < 0)
		return scan_fail(scan, -EBADMSG, "the text ends too early");
	if (byte != '"')
		return scan_bare(scan, index);
	r = scan_string(scan, &fault);
	if (r == 0 && fault)
		scan_add_fault(scan, index, start, fault);
	return r;
}

/* Two members with one name: which of them counts? */
static int scan_repeated_name(struct scan *scan, const char *start)
{
	static const char what[] = "duplicate member name";

	if (scan->faults) {
		scan_add_fault(scan, scan->indexes[scan->depth - 1], NULL, what);
		return 0;
	}
	scan->at = start;
	return scan_fail(scan, -EBADMSG, what);
}

/* A member name and its colon. */
static int scan_name(struct scan *scan)
{
	const char *start = scan->at, *fault = NULL;
	size_t length;
	int r;

	if (scan_peek(scan) != '"')
		return scan_fail(scan, -EBADMSG, "a member name in quotes expected");
	r = scan_string(scan, &fault);
	if (r < 0)
		return r;
	length = (size_t)(scan->at - start) - 2; /* without the quotes */
	if (fault)
		scan_add_fault(scan, JSON_FAULT_NAME, start, fault);
	else if (!json_names_add(&scan->names, start + 1, length))
		r = scan_repeated_name(scan, start);
	if (r < 0)
		return r;
	if (scan->members)
		scan_follow_path(scan, start + 1, length);
	scan_skip_space(scan);
	if (scan_peek(scan) != ':')
		return scan_fail(scan, -EBADMSG, "':' expected");
	scan->at++;
	scan->state = SCAN_VALUE;
	return 0;
}

/* Inside a container. */
static int scan_after_value(struct scan *scan)
{
	bool object = scan->objects[scan->depth - 1];
	int byte = scan_peek(scan);

	if (byte == (object ? '}' : ']')) {
		scan_close(scan);
		return 0;
	}
	if (byte != ',')
		return scan_fail(scan, -EBADMSG, object ? "',' or '}' expected" : "',' or ']' expected");
	scan->at++;
	scan->state = object ? SCAN_NAME : SCAN_VALUE;
	return 0;
}

static int scan_step(struct scan *scan)
{
	switch (scan->state) {
	case SCAN_FIRST_ELEMENT:
		if (scan_peek(scan) == ']') {
			scan_close(scan);
			return 0;
		}
		return scan_value(scan);
	case SCAN_VALUE:
		return scan_value(scan);
	case SCAN_FIRST_NAME:
		if (scan_peek(scan) == '}') {
			scan_close(scan);
			return 0;
		}
		return scan_name(scan);
	case SCAN_NAME:
		return scan_name(scan);
	case SCAN_AFTER_VALUE:
		break;
	}
	return scan_after_value(scan);
}

int json_scan(const char *text, size_t length, const struct json_limits *limits, struct json_members *members,
	struct json_faults *faults, struct error *err)
{
	CLEANUP(scan_done)
	struct scan scan = { .text = text,
		.at = text,
		.end = text + length,
		.limits = limits,
		.err = err,
		.state = SCAN_VALUE,
		.faults = faults,
		.members = members };
	int r;

	if (length > limits->size_max)
		return error_set(err, -E2BIG, "more than %zu bytes", limits->size_max);
	while (scan.state != SCAN_AFTER_VALUE || scan.depth > 0) {
		scan_skip_space(&scan);
		r = scan_step(&scan);
		if (r < 0)
			return r;
	}
	scan_skip_space(&scan);
	return scan.at == scan.end ? 0 : scan_fail(&scan, -EBADMSG, "something follows the value");
}
