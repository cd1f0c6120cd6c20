/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_JSON_SCAN_H
#define AITHER_BASE_JSON_SCAN_H

/*
 * The strict look at JSON text before cJSON reads it (see json.h for why); private to json*.c. One
 * pass without recursion, in time and memory linear in the text.
 */

#include <stddef.h>
#include <stdint.h>

struct error;
struct json_limits;
struct json_members;

/* A value that is no JSON, or an object with a repeated name, where the rest of the text can still be read.
 */
struct json_fault {
	size_t index; /* of the value, in the order of the text; JSON_FAULT_NAME: a member's name */
	const char *start, *end; /* what stands there; borrowed from the text; NULL: the object stays */
	const char *what;        /* static */
};

#define JSON_FAULT_NAME SIZE_MAX

struct json_faults {
	struct json_fault *items; /* owned, in the order of the text */
	size_t count, capacity;
};

void json_faults_done(struct json_faults *faults);

/* cJSON's own limit (CJSON_NESTING_LIMIT); a larger depth_max counts as this. */
#define JSON_SCAN_DEPTH_MAX 1000

/* cJSON copies a number into 64 bytes and misreads a longer one. */
#define JSON_SCAN_NUMBER_MAX 63

/* 0 when text[0..length) is one JSON value within the limits, else -EBADMSG or -E2BIG with a message
 * that begins with the position; columns count characters. members: NULL, or an object to look for on the way
 * (see json.h). faults: NULL, or where single values that are not valid are collected instead of being an
 * error. */
int json_scan(const char *text, size_t length, const struct json_limits *limits, struct json_members *members,
	struct json_faults *faults, struct error *err);

#endif
