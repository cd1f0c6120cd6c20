/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

_Static_assert(JSON_NESTING_MAX <= CJSON_NESTING_LIMIT, "cJSON would refuse what the check accepts");

/* The first byte of a string that replaces a broken value; the reason follows. UTF-8 has no such byte. */
#define BROKEN_MARK '\xff'
#define JSON_REPAIRED_FACTOR 40  /* a broken value of one byte becomes a marked string of 40 at most */
#define JSON_IS_BROKEN (1 << 16) /* in a node's type; cJSON leaves this bit alone */
#define JSON_INTEGER_MAX 9007199254740992.0 /* 2^53: double represents every integer up to here */
#define JSON_NO_INTEGER INT64_MIN           /* beyond every result of json_integer */

/* Runs before main, so that threads and the order of calls do not matter. */
__attribute__((constructor)) static void json_install_allocator(void)
{
	cJSON_Hooks hooks = { .malloc_fn = mem_alloc, .free_fn = free };

	cJSON_InitHooks(&hooks);
}

static const cJSON *json_node(const struct json *json)
{
	return (const cJSON *)json;
}

static struct json *json_from_node(cJSON *node)
{
	return (struct json *)node;
}

/* --- the strict check of the text before cJSON reads it --- */

struct check {
	const char *text, *at, *end; /* borrowed */
	const struct json_limits *limits;
	size_t repeated;
	struct buf *repaired;
	const char *copied; /* the text before this position is in `repaired` */
	size_t count;       /* of values so far */
	unsigned depth;
	struct error *err;
};

/* Line and column are computed only here: counting them all along would slow down every valid text. */
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

/* Skips a character of a string that is not plain ASCII. If the character is faulty, skips nothing and
 * returns the fault. */
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
	if (unit == 0) /* a C string would end there */
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

/* Checks the string whose opening quote is next. *ret_fault: its first fault, or NULL; always NULL if broken
 * values are errors. */
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
			return fail(check, -EBADMSG, "unterminated string");
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

/* RFC 8259, section 6. Returns the fault, or NULL. */
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
	if (!exponent || check->limits->infinite_numbers) /* without an exponent, none is too large */
		return NULL;
	memcpy(copy, start, length);
	copy[length] = '\0';
	if (isfinite(strtod(copy, NULL)))
		return NULL;
	check->at = start;
	return "number too large";
}

/* Copies the text before `start` to `repaired`. The caller then appends the replacement for the text from
 * `start` to the current position. */
static void replace(struct check *check, const char *start)
{
	buf_append(check->repaired, check->copied, (size_t)(start - check->copied));
	check->copied = check->at;
}

/* The fault of `\u0000` begins with a backslash, which must be escaped. */
static void replace_value(struct check *check, const char *start, const char *fault)
{
	replace(check, start);
	buf_printf(check->repaired, "\"%c%s%s\"", BROKEN_MARK, *fault == '\\' ? "\\" : "", fault);
}

/* Checks a number or a word. With keeps_broken it ends at the next delimiter, so that "-Infinity", "007" and
 * "undefined" are one broken value each. */
static int check_bare(struct check *check)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *start = check->at, *fault = "expected a value";

	if (*start == '-' || (*start >= '0' && *start <= '9'))
		fault = check_number(check);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(check->end - start) >= length && memcmp(start, words[i], length) == 0) {
			check->at += length;
			fault = NULL;
		}
	}
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
		return fail(check, -EBADMSG, "unexpected end of the text");
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
		return fail(check, -EBADMSG, "expected a member name in quotes");
	if (check->repeated > 0 && check->repeated == check->count)
		return fail(check, -EBADMSG, "duplicate member name");
	r = check_string(check, &fault);
	if (r < 0)
		return r;
	if (fault) {
		replace(check, start);
		buf_printf(check->repaired, "\"\xef\xbf\xbd%zu\"", check->count); /* U+FFFD; always unique */
	}
	skip_space(check);
	if (!skip_one(check, ":"))
		return fail(check, -EBADMSG, "expected ':'");
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
			return fail(check, -EBADMSG, object ? "expected ',' or '}'" : "expected ',' or ']'");
	}
	check->at++;
	check->depth--;
	return 0;
}

/* Returns 0 if text[0..length) is one JSON value within the limits, else -EBADMSG or -E2BIG and a message
 * that begins with the position; columns count characters.
 *
 * With keeps_broken, if there are broken values, `repaired` receives the text with a marked string in place
 * of each broken value and a generated name in place of each broken name; otherwise it stays empty.
 *
 * Duplicate names are easier to find in the tree. If `repeated` is not 0, the value with this index (in the
 * order of the text; the root is 0) is known to be a member with a duplicate name, and the check reports the
 * error at this name. */
static int json_check(const char *text, size_t length, const struct json_limits *limits, size_t repeated,
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
		return fail(&check, -EBADMSG, "unexpected text after the value");
	if (check.copied > text)
		replace(&check, check.end);
	return 0;
}

/* --- parsing --- */

struct member {
	const char *name;
	size_t index; /* of the value, in the order of the text */
};

static int member_compare(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : a->index < b->index ? -1 : 1;
}

/* Flags strings with the check's mark, and objects with a duplicate name. *index is the index of the node and
 * becomes that of the last node below it. *repeated becomes the index of the first duplicate member. */
static void flag_broken(cJSON *node, size_t *index, size_t *repeated)
{
	size_t count = cJSON_IsObject(node) ? json_count(json_from_node(node)) : 0;
	CLEANUP(mem_freep)
	struct member *members = count > 0 ? mem_resize(NULL, count, sizeof(*members)) : NULL;
	struct member *member = members;

	if (cJSON_IsString(node) && node->valuestring[0] == BROKEN_MARK)
		node->type |= JSON_IS_BROKEN;
	for (cJSON *child = node->child; child; child = child->next) {
		++*index;
		if (count > 0)
			*member++ = (struct member){ child->string, *index };
		flag_broken(child, index, repeated);
	}
	if (count > 1)
		qsort(members, count, sizeof(*members), member_compare);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(members[i - 1].name, members[i].name) == 0) {
			node->type |= JSON_IS_BROKEN;
			*repeated = *repeated ? *repeated : members[i].index; /* report the first one */
		}
	}
}

int json_parse(struct json **ret_json, const char *text, size_t length, const struct json_limits *limits,
	struct error *err)
{
	size_t mark = utf8_mark_length(text, length); /* RFC 8259, 8.1 permits ignoring it */
	CLEANUP(buf_done) struct buf repaired = BUF_INIT(length * JSON_REPAIRED_FACTOR);
	size_t repeated = 0, index = 0;
	cJSON *node;
	int r;

	text += mark;
	length -= mark;
	r = json_check(text, length, limits, 0, &repaired, err);
	if (r < 0)
		return r;
	node = repaired.length > 0 ? cJSON_ParseWithLengthOpts(repaired.data, repaired.length, NULL, 0)
				   : cJSON_ParseWithLengthOpts(text, length, NULL, 0);
	if (!node)
		return error_set(err, -EBADMSG, "cJSON cannot parse it");
	flag_broken(node, &index, &repeated);
	if (repeated > 0 && !limits->keeps_broken) {
		cJSON_Delete(node);
		return json_check(text, length, limits, repeated, NULL, err); /* fails with the position */
	}
	*ret_json = json_from_node(node);
	return 0;
}

void json_free(struct json *json)
{
	cJSON_Delete((cJSON *)json);
}

void json_freep(struct json **json)
{
	json_free(*json);
}

struct json *json_copy(const struct json *json)
{
	cJSON *copy;

	if (!json)
		return NULL;
	copy = cJSON_Duplicate(json_node(json), 1);
	/* The copy has no name, even if its original was a member. */
	free(copy->string);
	copy->string = NULL;
	return json_from_node(copy);
}

/* --- reading --- */

enum json_type json_type(const struct json *json)
{
	if (!json)
		return JSON_MISSING;
	if (json_node(json)->type & JSON_IS_BROKEN)
		return JSON_BROKEN;
	switch (json_node(json)->type & 0xff) {
	case cJSON_False:
	case cJSON_True:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_MISSING] = "missing",
		[JSON_NULL] = "null",
		[JSON_BOOL] = "a boolean",
		[JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
		[JSON_BROKEN] = "invalid JSON",
	};

	return names[type];
}

const char *json_fault(const struct json *json)
{
	if (json_type(json) != JSON_BROKEN)
		return NULL;
	return cJSON_IsString(json_node(json)) ? json_node(json)->valuestring + 1 : "duplicate member name";
}

const struct json *json_find(const struct json *object, const char *name, size_t length, size_t *ret_seen)
{
	cJSON *member = object && cJSON_IsObject(json_node(object)) ? json_node(object)->child : NULL;
	size_t seen = 0;

	for (; member; member = member->next) {
		seen++;
		/* Few names begin alike, so this avoids nearly all calls of strncmp. */
		if ((length == 0 || member->string[0] == name[0]) &&
			strncmp(member->string, name, length) == 0 && member->string[length] == '\0')
			break;
	}
	*ret_seen = seen;
	return json_from_node(member);
}

const struct json *json_get(const struct json *object, const char *name)
{
	size_t seen;

	return json_find(object, name, strlen(name), &seen);
}

const struct json *json_first(const struct json *container)
{
	return container ? json_from_node(json_node(container)->child) : NULL;
}

const struct json *json_next(const struct json *element)
{
	return element ? json_from_node(json_node(element)->next) : NULL;
}

const char *json_name(const struct json *member)
{
	return member ? json_node(member)->string : NULL;
}

size_t json_count(const struct json *container)
{
	size_t count = 0;

	JSON_FOREACH (element, container)
		count++;
	return count;
}

const char *json_string(const struct json *json)
{
	return json_type(json) == JSON_STRING ? json_node(json)->valuestring : NULL;
}

double json_number(const struct json *json, double otherwise)
{
	return json_type(json) == JSON_NUMBER ? json_node(json)->valuedouble : otherwise;
}

int64_t json_integer(const struct json *json, int64_t otherwise)
{
	double value;

	if (json_type(json) != JSON_NUMBER)
		return otherwise;
	value = json_node(json)->valuedouble;
	if (!(value >= -JSON_INTEGER_MAX && value <= JSON_INTEGER_MAX) || (double)(int64_t)value != value)
		return otherwise;
	return (int64_t)value;
}

bool json_bool(const struct json *json, bool otherwise)
{
	return json_type(json) == JSON_BOOL ? cJSON_IsTrue(json_node(json)) : otherwise;
}

/* --- building --- */

struct json *json_new_object(void)
{
	return json_from_node(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	return json_from_node(cJSON_CreateArray());
}

struct json *json_new_string(const char *text)
{
	return json_from_node(text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

struct json *json_new_integer(int64_t value)
{
	return json_from_node(cJSON_CreateNumber((double)value));
}

void json_set(struct json *object, const char *name, struct json *owned_value)
{
	cJSON *value = owned_value ? (cJSON *)owned_value : cJSON_CreateNull();

	cJSON_AddItemToObject((cJSON *)object, name, value);
}

void json_set_string(struct json *object, const char *name, const char *text)
{
	json_set(object, name, json_new_string(text));
}

void json_set_integer(struct json *object, const char *name, int64_t value)
{
	json_set(object, name, json_new_integer(value));
}

void json_set_bool(struct json *object, const char *name, bool value)
{
	json_set(object, name, json_from_node(cJSON_CreateBool(value)));
}

void json_set_time(struct json *object, const char *name, int64_t unix_ms)
{
	char text[TIME_TEXT_SIZE];

	time_format(unix_ms, text);
	json_set_string(object, name, unix_ms ? text : NULL);
}

void json_append(struct json *array, struct json *owned_value)
{
	cJSON *value = owned_value ? (cJSON *)owned_value : cJSON_CreateNull();

	cJSON_AddItemToArray((cJSON *)array, value);
}

void json_append_shared(struct json *array, const struct json *value)
{
	cJSON_AddItemReferenceToArray((cJSON *)array, (cJSON *)value);
}

/* --- writing --- */

/* cJSON's own printing loses digits: 2^53 - 1 comes out as 9.00719925474099e+15. */
static void write_number(struct buf *out, const struct json *json)
{
	int64_t integer = json_integer(json, JSON_NO_INTEGER);
	double value = json_number(json, 0);
	char text[32]; /* 17 digits, sign, point and exponent are 24 characters */

	if (integer != JSON_NO_INTEGER) {
		buf_printf(out, "%" PRId64, integer);
		return;
	}
	/* Finite: data read with infinite_numbers is never written, and we build only integers. */
	for (int digits = 15; digits <= 17; digits++) { /* 17 are always enough (IEEE 754) */
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_append_text(out, text);
}

/* Recursion is bounded: no tree is deeper than the check permits or our own code builds. */
void json_write(struct buf *out, const struct json *json)
{
	bool is_object = false;

	switch (json_type(json)) {
	case JSON_MISSING:
	case JSON_NULL:
	case JSON_BROKEN:
		buf_append_text(out, "null");
		return;
	case JSON_BOOL:
		buf_append_text(out, json_bool(json, false) ? "true" : "false");
		return;
	case JSON_NUMBER:
		write_number(out, json);
		return;
	case JSON_STRING:
		json_write_string(out, json_string(json));
		return;
	case JSON_OBJECT:
		is_object = true;
		break;
	case JSON_ARRAY:
		break;
	}
	buf_append_char(out, is_object ? '{' : '[');
	JSON_FOREACH (element, json) {
		if (element != json_first(json))
			buf_append_char(out, ',');
		if (is_object) {
			json_write_string(out, json_name(element));
			buf_append_char(out, ':');
		}
		json_write(out, element);
	}
	buf_append_char(out, is_object ? '}' : ']');
}

void json_write_string(struct buf *out, const char *text)
{
	static const char characters[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *end;

	if (!text) {
		buf_append_text(out, "null");
		return;
	}
	end = text + strlen(text);
	buf_append_char(out, '"');
	while (text < end) {
		const char *start = text, *found;
		int32_t character;

		while ((signed char)*text >= 0x20 && *text != '"' && *text != '\\')
			text++;
		buf_append(out, start, (size_t)(text - start));
		if (text == end)
			break;
		start = text;
		character = utf8_next(&text, end);
		if (character < 0) {
			buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD: the output is always valid */
		} else if (character >= 0x80) {
			buf_append(out, start, (size_t)(text - start));
		} else if ((found = strchr(characters, character))) {
			buf_append_char(out, '\\');
			buf_append_char(out, letters[found - characters]);
		} else {
			buf_printf(out, "\\u%04x", (unsigned)character);
		}
	}
	buf_append_char(out, '"');
}
