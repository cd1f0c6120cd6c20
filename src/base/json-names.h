/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_NAMES_H
#define AITHER_BASE_JSON_NAMES_H

/*
 * The set of all member names that a scan has seen, to find duplicates in linear time; private to
 * json*.c. The hash is keyed at random, so that nobody can choose names that collide.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_name;

struct json_names {
	uint64_t key;
	struct json_name *slots; /* owned; open addressing */
	size_t count, capacity;  /* capacity is 0 or a power of two */
};

void json_names_init(struct json_names *names);
void json_names_done(struct json_names *names);

/* Adds a name to those of one object, numbered by the caller. `literal` is what stands between the
 * quotes, valid and borrowed until json_names_done; "a" and "\u0061" are the same name. False when
 * the object has it already. */
bool json_names_add(struct json_names *names, uint64_t object, const char *literal, size_t length);

#endif
