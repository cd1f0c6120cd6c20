/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json-arena.h"
#include "base/json-scan.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

_Static_assert(JSON_SCAN_DEPTH_MAX <= CJSON_NESTING_LIMIT, "cJSON would refuse what the scan accepts");

/* In the type of a root whose memory is in blocks, and of a value that is no JSON: cJSON leaves these bits
 * alone. */
#define JSON_IN_BLOCKS (1 << 16)
#define JSON_IS_BROKEN (1 << 17)
#define JSON_BLOCK_FACTOR \
	6 /* a node of 64 bytes, its name and its text: Hemera's answers take six times their length */
#define FAULT_TEXT_MAX 24                   /* "?" and any size_t in quotes */
#define JSON_MEMBER_SIZE 4096               /* nodes of a member with twenty values */
#define JSON_INTEGER_MAX 9007199254740992.0 /* 2^53: up to here double has every integer */

/* Before main, so that no thread and no order of calls matters. */
__attribute__((constructor)) static void json_install_allocator(void)
{
	cJSON_Hooks hooks = { .malloc_fn = json_arena_malloc, .free_fn = json_arena_free };

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

/* Text that the scan has found good: nothing follows the value, and there is no NUL. */
static int json_build(struct json **ret_json, const char *text, size_t length, struct error *err)
{
	struct json_block *blocks;
	cJSON *node;

	json_arena_begin(length > JSON_ARENA_BLOCK_MAX ? JSON_ARENA_BLOCK_MAX : length * JSON_BLOCK_FACTOR);
	node = cJSON_ParseWithLengthOpts(text, length, NULL, 0);
	blocks = json_arena_end();
	if (!node || json_arena_of(node) != blocks) {
		json_arena_release(blocks);
		return error_set(err, -EBADMSG, "not understood by cJSON");
	}
	node->type |= JSON_IN_BLOCKS;
	*ret_json = json_from_node(node);
	return 0;
}

/* The text without what cJSON must not see: null for values, "?7" for names. */
static void json_cut_faults(
	struct buf *out, const char *text, size_t length, const struct json_faults *faults)
{
	const char *at = text;

	for (size_t i = 0; i < faults->count; i++) {
		const struct json_fault *fault = &faults->items[i];

		if (!fault->start)
			continue;
		buf_append(out, at, (size_t)(fault->start - at));
		if (fault->index == JSON_FAULT_NAME)
			buf_printf(out, "\"?%zu\"", i); /* a name of its own, so that it is not there twice */
		else
			buf_append_text(out, "null");
		at = fault->end;
	}
	buf_append(out, at, (size_t)(text + length - at));
}

static int json_compare_faults(const void *left, const void *right)
{
	const struct json_fault *a = left, *b = right;

	return a->index < b->index ? -1 : a->index > b->index;
}

struct json_marking {
	const struct json_faults *faults; /* sorted by index */
	size_t index, next;               /* of the value, and in `faults` */
};

/* Marks the values as broken. valuestring of null and of an object is free, and borrowed from a constant. */
static void json_mark_faults(cJSON *node, struct json_marking *marking)
{
	for (; node; node = node->next) {
		const struct json_faults *faults = marking->faults;
		size_t index = marking->index++;

		while (marking->next < faults->count && faults->items[marking->next].index == index) {
			node->type |= JSON_IS_BROKEN;
			node->valuestring = (char *)faults->items[marking->next++].what;
		}
		json_mark_faults(node->child, marking);
	}
}

static int json_build_broken(struct json **ret_json, const char *text, size_t length,
	const struct json_faults *faults, struct error *err)
{
	CLEANUP(buf_done) struct buf rest = BUF_INIT(length + faults->count * FAULT_TEXT_MAX);
	struct json_marking marking = { .faults = faults };
	int r;

	json_cut_faults(&rest, text, length, faults);
	r = json_build(ret_json, buf_text(&rest), rest.length, err);
	if (r < 0)
		return r;
	qsort(faults->items, faults->count, sizeof(*faults->items), json_compare_faults);
	json_mark_faults((cJSON *)*ret_json, &marking);
	return 0;
}

int json_parse(struct json **ret_json, const char *text, size_t length, const struct json_limits *limits,
	struct error *err)
{
	CLEANUP(json_faults_done) struct json_faults faults = { 0 };
	size_t mark = utf8_mark_length(text, length); /* RFC 8259, 8.1: it may be ignored */
	int r;

	text += mark;
	length -= mark;
	r = json_scan(text, length, limits, NULL, limits->keeps_broken ? &faults : NULL, err);
	if (r < 0)
		return r;
	return faults.count > 0 ? json_build_broken(ret_json, text, length, &faults, err)
				: json_build(ret_json, text, length, err);
}

int json_parse_large(struct json **ret_json, struct json_members *members, const char *text, size_t length,
	const struct json_limits *limits, struct error *err)
{
	CLEANUP(buf_done) struct buf rest = BUF_INIT(length);
	size_t mark = utf8_mark_length(text, length);
	int r;

	text += mark;
	length -= mark;
	members->at = members->end = NULL;
	r = json_scan(text, length, limits, members, NULL, err);
	if (r < 0 || !members->at)
		return r < 0 ? r : json_build(ret_json, text, length, err);
	buf_append(&rest, text, (size_t)(members->at - text));
	buf_append(&rest, members->end, (size_t)(text + length - members->end));
	return json_build(ret_json, buf_text(&rest), rest.length, err);
}

/* Behind the value at *at. NULL: cJSON does not understand what the scan has found good. */
static cJSON *json_next_node(const char **at, const char *end)
{
	return cJSON_ParseWithLengthOpts(*at, (size_t)(end - *at), at, 0);
}

struct json *json_members_next(struct json_members *members)
{
	const char *at = members->at ? memchr(members->at, '"', (size_t)(members->end - members->at)) : NULL;
	cJSON *name, *value;

	if (!at)
		return NULL;
	json_arena_begin(JSON_MEMBER_SIZE);
	name = json_next_node(&at, members->end);
	at = memchr(at, ':', (size_t)(members->end - at));
	at++;
	value = json_next_node(&at, members->end);
	members->at = at;
	value->string = name->valuestring;
	*name = *value; /* it is the first in the blocks, and so stands for them */
	return json_build_end(json_from_node(name));
}

void json_build_begin(size_t size)
{
	json_arena_begin(size);
}

struct json *json_build_end(struct json *root)
{
	struct json_block *blocks = json_arena_end();

	if (json_arena_of(root) != blocks) /* a programming error: the root is to be built first */
		abort();
	((cJSON *)root)->type |= JSON_IN_BLOCKS;
	return root;
}

void json_free(struct json *json)
{
	cJSON *node = (cJSON *)json;

	if (node && (node->type & JSON_IN_BLOCKS))
		json_arena_release(json_arena_of(node));
	else
		cJSON_Delete(node);
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
	copy->type &= ~JSON_IN_BLOCKS;
	/* The copy is no member of anything, whatever its original was. */
	cJSON_free(copy->string);
	copy->string = NULL;
	return json_from_node(copy);
}

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
		[JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
		[JSON_BROKEN] = "no JSON",
	};

	return (unsigned)type < ARRAY_SIZE(names) ? names[type] : "unknown";
}

const char *json_fault(const struct json *json)
{
	return json_type(json) == JSON_BROKEN ? json_node(json)->valuestring : NULL;
}

const struct json *json_find(const struct json *object, const char *name, size_t length, size_t *ret_seen)
{
	cJSON *member = object && cJSON_IsObject(json_node(object)) ? json_node(object)->child : NULL;
	size_t seen = 0;

	for (; member; member = member->next) {
		seen++;
		/* Names of the same beginning are rare: this tells nearly all others apart without a call. */
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
