/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_REQUEST_HEAD_H
#define AITHER_TESTS_REQUEST_HEAD_H

/*
 * A request head, parsed in the simplest way that RFC 9112 permits. It replaces the parser of libh2o, and
 * is a second opinion on http/head.h. Any deviation from the standard is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

#define REQUEST_FIELDS_MAX 100 /* as many as libh2o accepts */

struct request_head {
	char *text; /* owned; the following members point into it */
	const char *method, *target;
	bool is_http_1_0;
	struct http_field
		fields[REQUEST_FIELDS_MAX]; /* names in lower case, values without blanks around them */
	size_t count;
};

/* Returns false if the text is not a head. Call request_head_done in either case. */
bool request_head_read(struct request_head *ret_head, const uint8_t *bytes, size_t size);
void request_head_done(struct request_head *head);

/* Do the parsed fields show clearly where the request ends and which host it is for? */
int request_head_check(const struct request_head *head);

#endif
