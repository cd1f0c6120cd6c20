/* SPDX-License-Identifier: MIT */
#include "hemera/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/client.h"
#include "hemera/reply.h"
#include "net/fetch.h"

static const enum hemera_probe_end ends_of_failure[] = {
	[FETCH_STEP_UNKNOWN] = HEMERA_PROBE_NO_ANSWER,
	[FETCH_STEP_NAME] = HEMERA_PROBE_NO_ADDRESS,
	[FETCH_STEP_CONNECT] = HEMERA_PROBE_NO_CONNECTION,
	[FETCH_STEP_TLS] = HEMERA_PROBE_NO_TLS,
	[FETCH_STEP_TRUST] = HEMERA_PROBE_NO_TRUST,
	[FETCH_STEP_TRUST_TIME] = HEMERA_PROBE_WRONG_TIME,
	[FETCH_STEP_TRUST_NAME] = HEMERA_PROBE_WRONG_NAME,
	[FETCH_STEP_ANSWER] = HEMERA_PROBE_NO_ANSWER,
};

static void wipe_header(char **header)
{
	if (*header)
		explicit_bzero(*header, strlen(*header));
	free(*header);
}

static void result_done(struct fetch_result *result)
{
	buf_done(&result->body);
}

static void on_result(void *arg, struct fetch_result *result)
{
	struct fetch_result *kept = arg;

	*kept = *result;
	buf_init(&result->body, 0);
}

void hemera_probe(
	const struct hemera_probe_options *options, struct hemera_probe *ret_probe, struct error *err)
{
	const struct fetch_options fetch_options = {
		.connections_max = 1,
		.connect_timeout_ms = options->connect_timeout_ms,
		.request_timeout_ms = options->timeout_ms,
	};
	CLEANUP(fetch_freep) struct fetch *fetch = NULL;
	CLEANUP(wipe_header)
	char *key_header = options->key ? mem_printf("X-API-Key: %s", options->key) : NULL;
	CLEANUP(mem_freep) char *url = mem_printf("%s/api/service/courses?limit=1&offset=0", options->origin);
	const char *const headers[] = { "Accept: application/json", key_header, NULL };
	const struct fetch_request request = {
		.url = url, .headers = headers, .body_max = HEMERA_LIST_BODY_MAX
	};
	CLEANUP(result_done) struct fetch_result result = { 0 };
	CLEANUP(reply_done) struct reply reply = { 0 };
	uint64_t began_ms = time_mono_ms();
	const char *reason = result.message;
	size_t length = strcspn(url, "?");

	*ret_probe = (struct hemera_probe){ .end = HEMERA_PROBE_NO_ANSWER };
	if (fetch_new(&fetch, &fetch_options, err) < 0)
		return;
	fetch_add(fetch, &request, on_result, &result);
	fetch_run(fetch, began_ms + options->timeout_ms, options->cancelled);
	ret_probe->took_ms = (unsigned)(time_mono_ms() - began_ms);
	reply_read(&result, HEMERA_LIST_BODY_MAX, &reply, err);
	if (result.date_s) {
		ret_probe->has_clock = true;
		ret_probe->clock_ahead_s = time_now_ms() / 1000 - result.date_s;
	}
	if (result.failure != FETCH_OK) {
		ret_probe->end = ends_of_failure[result.step];
		/* The message is "URL without query: reason", and the caller knows the URL. */
		if (strncmp(reason, url, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
			reason += length + 2;
		if (err)
			error_fail(err, err->code, err->errnum, "%s", reason);
	} else if (reply.verdict == REPLY_DATA) {
		ret_probe->end = HEMERA_PROBE_OK;
	} else if (result.status == 401 || (result.status == 403 && reply.is_hemera)) {
		/* A 403 in HTML comes from a proxy or portal, which has not checked the key. */
		ret_probe->end = HEMERA_PROBE_KEY_REFUSED;
	} else if (result.status == 429) {
		ret_probe->end = HEMERA_PROBE_LIMITED;
	} else if (result.status >= 500 || reply.is_hemera) {
		ret_probe->end = HEMERA_PROBE_BROKEN;
	} else {
		ret_probe->end = HEMERA_PROBE_NOT_HEMERA;
	}
}
