/* SPDX-License-Identifier: MIT */
#include "hemera/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/client.h"
#include "hemera/reply.h"
#include "net/fetch.h"

#define PROBE_PATH "/api/service/courses?limit=1&offset=0"

struct probe {
	const char *url;
	struct hemera_probe *found;
	struct error *err;
};

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

static enum hemera_probe_end end_of_answer(const struct fetch_result *result, const struct reply *reply)
{
	if (reply->verdict == REPLY_DATA)
		return HEMERA_PROBE_OK;
	/* A 403 in HTML is a proxy's or a portal's, which never looked at the key. */
	if (result->status == 401 || (result->status == 403 && reply->is_hemera))
		return HEMERA_PROBE_KEY_REFUSED;
	if (result->status == 429)
		return HEMERA_PROBE_LIMITED;
	if (result->status >= 500 || reply->is_hemera)
		return HEMERA_PROBE_BROKEN;
	return HEMERA_PROBE_NOT_HEMERA;
}

static void on_result(void *arg, struct fetch_result *result)
{
	struct probe *probe = arg;
	CLEANUP(reply_done) struct reply reply = { 0 };
	size_t length = strcspn(probe->url, "?");
	const char *reason = result->message;

	reply_read(result, HEMERA_LIST_BODY_MAX, &reply, probe->err);
	/* fetch says "URL without query: reason"; the caller knows the URL. */
	if (strncmp(reason, probe->url, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
		reason += length + 2;
	if (result->failure != FETCH_OK && probe->err)
		error_fail(probe->err, probe->err->code, probe->err->errnum, "%s", reason);
	probe->found->end =
		result->failure == FETCH_OK ? end_of_answer(result, &reply) : ends_of_failure[result->step];
	if (result->date_s) {
		probe->found->has_clock = true;
		probe->found->clock_ahead_s = time_now_ms() / 1000 - result->date_s;
	}
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
	CLEANUP(mem_freep) char *url = mem_printf("%s%s", options->origin, PROBE_PATH);
	const char *const headers[] = { "Accept: application/json", key_header, NULL };
	const struct fetch_request request = {
		.url = url, .headers = headers, .body_max = HEMERA_LIST_BODY_MAX
	};
	struct hemera_probe found = { .end = HEMERA_PROBE_NO_ANSWER };
	struct probe probe = { url, &found, err };
	uint64_t began_ms = time_mono_ms();

	if (fetch_new(&fetch, &fetch_options, err) == 0) {
		fetch_add(fetch, &request, on_result, &probe);
		fetch_run(fetch, began_ms + options->timeout_ms, options->cancelled);
	}
	found.took_ms = (unsigned)(time_mono_ms() - began_ms);
	*ret_probe = found;
}
