/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_REQUEST_HEAD_H
#define AITHER_TESTS_REQUEST_HEAD_H

/*
 * The head of a request, read in the simplest way that RFC 9112 permits: what the HTTP library does in the
 * program, and a second opinion on http/head.h. Anything that is not exactly in order is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

#define REQUEST_FIELDS_MAX 100 /* as many as the library takes */

struct request_head {
	char *text; /* owned; what follows points into it */
	const char *method, *target;
	bool is_http_1_0;
	struct http_field
		fields[REQUEST_FIELDS_MAX]; /* names in lower case, values without blanks around them */
	size_t count;
};

/* False: not a head. Release it in any case with request_head_done. */
bool request_head_read(struct request_head *ret_head, const uint8_t *bytes, size_t size);
void request_head_done(struct request_head *head);

/* Is it clear, from the fields that were read, where the request ends and for whom it is? */
int request_head_check(const struct request_head *head);

#endif
