/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_FETCH_ANSWER_H
#define AITHER_BASE_FETCH_ANSWER_H

/* Private to base/fetch*.c: what libcurl says about a transfer that has ended, in the terms of fetch.h. */

#include <curl/curl.h>

#include "base/fetch.h"

/* Writes "URL: reason" as the message; of the URL no more than origin and path. */
void fetch_answer_fail(
	struct fetch_result *result, enum fetch_failure failure, const char *url, const char *reason);

/* After CURLE_OK: status and headers. */
void fetch_answer_read(struct fetch_result *result, CURL *easy);

/* Translates a code of libcurl. CURLE_WRITE_ERROR also means that our callback refused a large body: check
 * the buffer first. */
enum fetch_failure fetch_answer_failure(CURL *easy, CURLcode code);
enum fetch_step fetch_answer_step(CURL *easy, CURLcode code, bool tls_begun);

/* The reason of a time-out: which step took too long, and how long. Owned. */
char *fetch_answer_timeout(CURL *easy, enum fetch_step step);

/* "; what to do about it" where the reason alone does not tell an operator, else "". */
const char *fetch_answer_advice(enum fetch_step step, CURLcode code);

#endif
