/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_NAMES_H
#define AITHER_BASE_JSON_NAMES_H

/*
 * The member names of the objects that a scan is in, to find duplicates; private to json*.c. Nearly all
 * objects are small: a new name is compared with those before it. A large object gets a hash table, keyed at
 * random, so that nobody can choose names that collide; so the time stays linear in the text. When an object
 * ends its names are forgotten.
 *
 *	json_names_open(&names);
 *	if (!json_names_add(&names, literal, length)) ...     it has this name already
 *	json_names_close(&names);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_name;
struct json_names_object;

struct json_names { /* zeroed: none */
	uint64_t key;
	struct json_name *names; /* owned; of all open objects, those of the innermost one last */
	size_t count, capacity;
	struct json_names_object *objects; /* owned; the open ones */
	size_t depth, depth_capacity;
};

void json_names_done(struct json_names *names);

void json_names_open(struct json_names *names);
void json_names_close(struct json_names *names);

/* Adds a name to the innermost object. `literal` is what stands between the quotes, valid and borrowed until
 * the object is closed; "a" and "\u0061" are the same name. False when the object has it already. */
bool json_names_add(struct json_names *names, const char *literal, size_t length);

/* Does the literal, in the same sense, mean this text? */
bool json_names_is(const char *literal, size_t length, const char *text);

#endif
