/* SPDX-License-Identifier: MIT */
#include "base/json-names.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/json-text.h"
#include "base/mem.h"

#define JSON_HASH_PRIME ((UINT64_C(1) << 61) - 1)
#define JSON_NAMES_CAPACITY_MIN 64

__extension__ typedef unsigned __int128 uint128;

struct json_name { /* an empty slot has no literal */
	uint64_t hash, object;
	const char *literal; /* borrowed */
	size_t length;
};

static uint64_t json_hash_key(void)
{
	uint64_t key = 0;

	/* Cannot fail for so few bytes; should a sandbox forbid it, the table still works. */
	if (getrandom(&key, sizeof(key), 0) < 0)
		key = UINT64_C(0x5bd1e995cc9e2d51);
	return key % (JSON_HASH_PRIME - 1) + 1;
}

/* One step of evaluating a polynomial at the key, modulo 2^61 - 1: two different texts meet for few
 * of all keys. */
static uint64_t json_hash_step(uint64_t hash, uint64_t key, uint32_t unit)
{
	uint128 product = (uint128)hash * key + unit + 1;
	uint64_t sum = (uint64_t)(product & JSON_HASH_PRIME) + (uint64_t)(product >> 61);

	return sum >= JSON_HASH_PRIME ? sum - JSON_HASH_PRIME : sum;
}

/* Spreads the value over the low bits, which select the slot. */
static uint64_t json_hash_finish(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

void json_names_init(struct json_names *names)
{
	*names = (struct json_names){ .key = json_hash_key() };
}

void json_names_done(struct json_names *names)
{
	free(names->slots);
	names->slots = NULL;
}

static uint64_t json_names_hash(uint64_t key, uint64_t object, const char *literal, size_t length)
{
	uint64_t hash = object % JSON_HASH_PRIME;

	for (const char *at = literal, *end = literal + length; at < end;)
		hash = json_hash_step(hash, key, (uint32_t)json_text_next(&at, end));
	return json_hash_finish(hash);
}

static bool json_names_equal(const struct json_name *a, const struct json_name *b)
{
	const char *at_a = a->literal, *end_a = a->literal + a->length;
	const char *at_b = b->literal, *end_b = b->literal + b->length;

	if (a->hash != b->hash || a->object != b->object)
		return false;
	while (at_a < end_a && at_b < end_b) {
		if (json_text_next(&at_a, end_a) != json_text_next(&at_b, end_b))
			return false;
	}
	return at_a == end_a && at_b == end_b;
}

/* The slot of an equal name, or the empty one where it belongs. */
static struct json_name *json_names_slot(
	struct json_name *slots, size_t capacity, const struct json_name *name)
{
	size_t i = name->hash & (capacity - 1);

	while (slots[i].literal && !json_names_equal(&slots[i], name))
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static void json_names_grow(struct json_names *names)
{
	size_t capacity = names->capacity > 0 ? names->capacity * 2 : JSON_NAMES_CAPACITY_MIN;
	struct json_name *slots = mem_zalloc(capacity * sizeof(*slots));

	for (size_t i = 0; i < names->capacity; i++) {
		if (names->slots[i].literal)
			*json_names_slot(slots, capacity, &names->slots[i]) = names->slots[i];
	}
	free(names->slots);
	names->slots = slots;
	names->capacity = capacity;
}

bool json_names_add(struct json_names *names, uint64_t object, const char *literal, size_t length)
{
	struct json_name name = { .object = object, .literal = literal, .length = length };
	struct json_name *slot;

	/* At most half full, so that probing stays short. */
	if (names->count >= names->capacity / 2)
		json_names_grow(names);
	name.hash = json_names_hash(names->key, object, literal, length);
	slot = json_names_slot(names->slots, names->capacity, &name);
	if (slot->literal)
		return false;
	*slot = name;
	names->count++;
	return true;
}
