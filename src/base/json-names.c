/* SPDX-License-Identifier: MIT */
#include "base/json-names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/json-text.h"
#include "base/mem.h"

#define JSON_HASH_PRIME ((UINT64_C(1) << 31) - 1)
#define JSON_NAMES_CAPACITY_MIN 64
#define JSON_NAMES_COMPARED 24 /* names of an object from which on a table is faster; a course has 8 */

struct json_name {
	const char *literal; /* borrowed */
	size_t length;
	uint64_t hash; /* only while the object has a table */
	bool escaped;  /* has a backslash: other bytes may mean the same */
};

struct json_names_object {
	size_t first;      /* in names */
	size_t *slots;     /* owned; NULL, or open addressing: 1 + index in names, 0 is empty */
	size_t slot_count; /* a power of two */
};

static uint64_t json_hash_key(void)
{
	uint64_t key = 0;

	/* Cannot fail for so few bytes; should a sandbox forbid it, the table still works. */
	if (getrandom(&key, sizeof(key), 0) < 0)
		key = UINT64_C(0x5bd1e995cc9e2d51);
	return key % (JSON_HASH_PRIME - 1) + 1;
}

/* One step of evaluating a polynomial at the secret key, modulo the prime 2^31 - 1, so that a product fits 64
 * bits: two different names of n characters collide for at most n of the 2^31 keys. */
static uint64_t json_hash_step(uint64_t hash, uint64_t key, uint32_t unit)
{
	return (hash * key + unit + 1) % JSON_HASH_PRIME;
}

/* Spreads the value over the low bits, which select the slot. */
static uint64_t json_hash_finish(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

void json_names_done(struct json_names *names)
{
	while (names->depth > 0)
		json_names_close(names);
	free(names->names);
	free(names->objects);
	*names = (struct json_names){ 0 };
}

void json_names_open(struct json_names *names)
{
	if (names->depth == names->depth_capacity) {
		names->depth_capacity = names->depth_capacity > 0 ? names->depth_capacity * 2 : 8;
		names->objects = mem_resize(names->objects, names->depth_capacity, sizeof(*names->objects));
	}
	names->objects[names->depth++] = (struct json_names_object){ .first = names->count };
}

void json_names_close(struct json_names *names)
{
	struct json_names_object *object = &names->objects[--names->depth];

	names->count = object->first;
	free(object->slots);
}

static uint64_t json_names_hash(uint64_t key, const struct json_name *name)
{
	const char *end = name->literal + name->length;
	uint64_t hash = 0;

	for (const char *at = name->literal; at < end;)
		hash = json_hash_step(hash, key, (uint32_t)json_text_next(&at, end));
	return json_hash_finish(hash);
}

static bool json_names_equal(const struct json_name *a, const struct json_name *b)
{
	const char *at_a = a->literal, *end_a = a->literal + a->length;
	const char *at_b = b->literal, *end_b = b->literal + b->length;

	if (!a->escaped && !b->escaped)
		return a->length == b->length && memcmp(at_a, at_b, a->length) == 0;
	while (at_a < end_a && at_b < end_b) {
		if (json_text_next(&at_a, end_a) != json_text_next(&at_b, end_b))
			return false;
	}
	return at_a == end_a && at_b == end_b;
}

bool json_names_is(const char *literal, size_t length, const char *text)
{
	const struct json_name name = {
		.literal = literal, .length = length, .escaped = memchr(literal, '\\', length) != NULL
	};

	return json_names_equal(&name, &(struct json_name){ .literal = text, .length = strlen(text) });
}

/* The slot of an equal name, or the empty one where it belongs. */
static size_t *json_names_slot(
	const struct json_names *names, const struct json_names_object *object, const struct json_name *name)
{
	size_t i = name->hash & (object->slot_count - 1);

	for (; object->slots[i] > 0; i = (i + 1) & (object->slot_count - 1)) {
		const struct json_name *other = &names->names[object->slots[i] - 1];

		if (other->hash == name->hash && json_names_equal(other, name))
			break;
	}
	return &object->slots[i];
}

/* A table of twice the size, or the first one. At most half full, so that probing stays short. */
static void json_names_index(struct json_names *names, struct json_names_object *object)
{
	bool first = object->slot_count == 0;

	if (names->key == 0)
		names->key = json_hash_key();
	object->slot_count = first ? JSON_NAMES_CAPACITY_MIN : 2 * object->slot_count;
	free(object->slots);
	object->slots = mem_zalloc(object->slot_count * sizeof(*object->slots));
	for (size_t i = object->first; i < names->count; i++) {
		if (first)
			names->names[i].hash = json_names_hash(names->key, &names->names[i]);
		*json_names_slot(names, object, &names->names[i]) = i + 1;
	}
}

static bool json_names_among(const struct json_names *names, size_t first, const struct json_name *name)
{
	for (size_t i = first; i < names->count; i++) {
		const struct json_name *other = &names->names[i];

		/* Most differ in length, which needs no call. */
		if ((other->length == name->length || other->escaped || name->escaped) &&
			json_names_equal(other, name))
			return true;
	}
	return false;
}

bool json_names_add(struct json_names *names, const char *literal, size_t length)
{
	struct json_names_object *object = &names->objects[names->depth - 1];
	struct json_name name = { .literal = literal, .length = length };
	size_t count = names->count - object->first, *slot;

	name.escaped = memchr(literal, '\\', length) != NULL;
	if (names->count == names->capacity) {
		names->capacity = names->capacity > 0 ? names->capacity * 2 : JSON_NAMES_CAPACITY_MIN;
		names->names = mem_resize(names->names, names->capacity, sizeof(*names->names));
	}
	if (count < JSON_NAMES_COMPARED) {
		if (json_names_among(names, object->first, &name))
			return false;
	} else {
		if (count >= object->slot_count / 2)
			json_names_index(names, object);
		name.hash = json_names_hash(names->key, &name);
		slot = json_names_slot(names, object, &name);
		if (*slot > 0)
			return false;
		*slot = names->count + 1;
	}
	names->names[names->count++] = name;
	return true;
}
