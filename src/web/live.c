/* SPDX-License-Identifier: MIT */
#include "web/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "http/server.h"
#include "net/workerclient.h"
#include "published/state.h"
#include "web/page.h"
#include "web/phrases.h"

struct visitor {
	STAILQ_ENTRY(visitor) link;
	struct http_pending *pending;
	enum site_index which;
	enum language language;
	struct page_request request;
};

struct refresh {
	struct thread_job job; /* first: the thread's side casts back */
	struct live *live;     /* NULL: it was freed in the meantime */
	char *socket_path;     /* owned, because the refresh may outlive the options */
	struct error err;      /* output, like all members below */
	int64_t fetched_at_ms;
	int result;
	bool call_failed; /* the worker has not answered */
};

struct live {
	struct live_options options;
	struct server_watch *timer; /* ends the wait */
	STAILQ_HEAD(, visitor) visitors;
	struct refresh *refresh; /* NULL: none is under way */
	struct live_statistics statistics;
	bool failing;            /* the last line in the journal reported a failure */
	unsigned failures;       /* since that line */
	uint64_t quiet_until_ms; /* until then no new failure is logged */
	bool stopping, first_wait_used;
	uint64_t wait_ends_ms; /* for all visitors who share the refresh */
	uint64_t no_refresh_until_ms;
	int64_t published_ms; /* the time of the data according to the state, wall clock */
	int64_t data_ms;      /* the same, corrected when the wall clock is set back */
	int64_t data_mono_ms; /* the same on the monotonic clock; negative: before the machine was started */
};

static void on_wait_over(void *arg);

struct live *live_new(const struct live_options *options)
{
	struct live *live = mem_zalloc(sizeof(*live));

	live->options = *options;
	live->timer = server_timer(options->server, on_wait_over, live);
	STAILQ_INIT(&live->visitors);
	return live;
}

void live_freep(struct live **live_pointer)
{
	struct live *live = STEAL(*live_pointer);

	if (!live)
		return;
	if (live->refresh)
		live->refresh->live = NULL;
	free(live);
}

static int64_t age_of_data_ms(const struct live *live)
{
	return (int64_t)time_mono_ms() - live->data_mono_ms;
}

static bool is_fresh(const struct live *live)
{
	return live->data_ms != 0 && age_of_data_ms(live) < live->options.ttl_ms;
}

static void set_data_time(struct live *live, int64_t data_ms)
{
	live->data_ms = data_ms;
	live->data_mono_ms = (int64_t)time_mono_ms() - (time_now_ms() - data_ms);
}

static void update_data_time(struct live *live)
{
	const struct state *state = site_state(live->options.site);
	/* Without a state, as after an upgrade or a power cut, use the homepage's modification time. */
	int64_t published_ms =
		state ? state->values[STATE_DATA_MS] : site_home_changed_ms(live->options.site);
	int64_t now = time_now_ms();

	/* The clock was set back in the meantime; the monotonic clock still knows the age. */
	if (live->data_ms > now)
		live->data_ms = now - age_of_data_ms(live);
	/* A time in the future: the clock was set back while we did not run, so the age is not known. */
	if (published_ms == live->published_ms || published_ms > now)
		return;
	live->published_ms = published_ms;
	set_data_time(live, published_ms);
}

int64_t live_data_ms(struct live *live)
{
	update_data_time(live);
	return live->data_ms;
}

/* `is_published` is the result of site_has_index. `fresh`: a refresh has just succeeded. */
static void answer_page(struct live *live, enum site_index which, enum language language, bool is_published,
	bool fresh, const struct page_request *wanted, struct http_response *response)
{
	const struct phrases_banner banner = {
		.is_fresh = fresh || is_fresh(live),
		.data_ms = live->data_ms,
		.now_ms = time_now_ms(),
	};
	struct page *page = is_published ? site_index(live->options.site, which, language, &banner)
					 : site_fallback(live->options.site, language);

	page_answer(page, wanted, NULL, which == SITE_LIST ? PAGE_PRIVATE_CACHING : "no-cache", response);
	if (which == SITE_LIST)
		http_response_header(response, "x-robots-tag", "noindex");
}

static void answer_visitors(struct live *live, bool fresh)
{
	struct visitor *visitor;

	server_timer_set(live->timer, 0);
	update_data_time(live);
	while ((visitor = STAILQ_FIRST(&live->visitors))) {
		struct http_response response = { 0 };
		STAILQ_REMOVE_HEAD(&live->visitors, link);
		bool is_published = site_has_index(live->options.site, visitor->which, visitor->language);
		answer_page(live, visitor->which, visitor->language, is_published, fresh, &visitor->request,
			&response);
		http_complete(visitor->pending, &response);
		page_request_done(&visitor->request);
		free(visitor);
	}
}

static void on_wait_over(void *arg)
{
	answer_visitors(arg, false);
}

/* ---- a refresh ---- */

static void refresh_free(struct refresh *refresh)
{
	free(refresh->socket_path);
	free(refresh);
}

/* Runs on a thread. The worker answers {"data":{"fetchedAt":"..."}} or {"error":{"message":"..."}}. */
static void refresh_run(struct thread_job *job)
{
	static const struct json_limits limits = {
		.size_max = WORKERCLIENT_BODY_MAX, .depth_max = JSON_DEPTH_MAX, .node_max = 100000
	};
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	CLEANUP(json_freep) struct json *root = NULL;
	struct refresh *refresh = (struct refresh *)job;
	char request_id[HASH_UUID_SIZE];
	const struct workerclient_request request = {
		.socket_path = refresh->socket_path,
		.method = "POST",
		.target = "/internal/refresh",
		.request_id = request_id,
		.timeout_ms = LIVE_REFRESH_TIMEOUT_MS,
	};

	hash_uuid(request_id);
	refresh->result = workerclient_call(&request, &response, &refresh->err);
	refresh->call_failed = refresh->result < 0;
	if (refresh->call_failed)
		return;
	(void)json_parse(&root, buf_text(&response.body), response.body.length, &limits, NULL);
	const char *fetched_at = json_string(json_get(json_get(root, "data"), "fetchedAt"));
	if (response.status == 200 && time_parse(fetched_at, &refresh->fetched_at_ms) == 0)
		return;
	const char *problem = json_string(json_get(json_get(root, "error"), "message"));
	refresh->result =
		error_set(&refresh->err, -EIO, "%s", problem ? problem : "aither-worker gave no reason");
}

static void note_failure(struct live *live, const struct error *err)
{
	char earlier[64] = "";

	live->statistics.failed++;
	live->no_refresh_until_ms = time_mono_ms() + LIVE_BACK_OFF_MS;
	if (live->failing || time_mono_ms() < live->quiet_until_ms) {
		live->failures++;
		return;
	}
	if (live->failures > 0)
		snprintf(earlier, sizeof(earlier), " (%u earlier failures were not logged)", live->failures);
	log_write(LOG_WARNING, "cannot refresh the homepage%s: %s", earlier, err->message);
	live->failing = true;
	live->failures = 0;
	live->quiet_until_ms = time_mono_ms() + LIVE_QUIET_MS;
}

static void note_success(struct live *live)
{
	live->statistics.refreshed++;
	if (!live->failing)
		return;
	log_write(
		LOG_NOTICE, "the homepage is refreshed again, after %u failed refreshes", live->failures + 1);
	live->failing = false;
	live->failures = 0;
}

static void refresh_done(struct thread_job *job)
{
	struct refresh *refresh = (struct refresh *)job;
	struct live *live = refresh->live;
	bool is_done = refresh->result == 0;

	if (live) {
		live->refresh = NULL;
		*live->options.ret_failed_ms = refresh->call_failed ? time_now_ms() : 0;
		if (is_done) {
			note_success(live);
			/* The state has the same time, unless it could not be written, as on a full disk. */
			update_data_time(live);
			if (refresh->fetched_at_ms > live->data_ms)
				set_data_time(live, refresh->fetched_at_ms);
		} else {
			note_failure(live, &refresh->err);
		}
		answer_visitors(live, is_done);
	}
	refresh_free(refresh);
}

static bool start_refresh(struct live *live, bool is_published)
{
	struct refresh *refresh = mem_zalloc(sizeof(*refresh));
	unsigned wait_ms = live->options.wait_ms;
	struct error err = { 0 };

	refresh->live = live;
	refresh->socket_path = mem_strdup(live->options.socket_path);
	if (thread_start(live->options.queue, &refresh->job, refresh_run, refresh_done, &err) < 0) {
		refresh_free(refresh);
		note_failure(live, &err);
		return false;
	}
	live->refresh = refresh;
	/* On a new machine the first visitor waits longer, once, because there is nothing else to show. */
	if (!is_published && !live->first_wait_used && wait_ms < LIVE_FIRST_WAIT_MS) {
		live->first_wait_used = true;
		wait_ms = LIVE_FIRST_WAIT_MS;
	}
	live->wait_ends_ms = time_mono_ms() + wait_ms;
	server_timer_set(live->timer, wait_ms);
	return true;
}

/* Should the visitor wait for the end of a refresh? Starts one if necessary and permitted. */
static bool should_wait(struct live *live, bool is_published)
{
	uint64_t now = time_mono_ms();

	if (live->stopping || !live->options.may_refresh)
		return false;
	if (!live->refresh && (now < live->no_refresh_until_ms || !start_refresh(live, is_published)))
		return false;
	/* Not `now`, which is earlier than the start: with a wait of 0 there is no timer to end the wait. */
	return time_mono_ms() < live->wait_ends_ms;
}

void live_begin(struct live *live)
{
	const struct state *state = site_state(live->options.site);
	bool is_doubtful = state && !state->values[STATE_CONFIGURED];

	if (live->options.may_refresh && (is_doubtful || site_has_old_home(live->options.site)))
		start_refresh(live, false);
}

void live_touch(struct live *live)
{
	update_data_time(live);
	if (!is_fresh(live))
		(void)should_wait(live, true);
}

enum http_result live_index(struct live *live, const struct http_request *request,
	struct http_response *response, enum site_index which, enum language language)
{
	bool is_published = site_has_index(live->options.site, which, language);
	struct page_request wanted;

	update_data_time(live);
	page_request_read(&wanted, request);
	if ((is_published && is_fresh(live)) || !should_wait(live, is_published)) {
		answer_page(live, which, language, is_published, false, &wanted, response);
		page_request_done(&wanted);
		return HTTP_DONE;
	}
	struct visitor *visitor = mem_zalloc(sizeof(*visitor));
	visitor->pending = http_later(request);
	visitor->which = which;
	visitor->language = language;
	visitor->request = wanted;
	STAILQ_INSERT_TAIL(&live->visitors, visitor, link);
	return HTTP_LATER;
}

struct live_statistics live_statistics(const struct live *live)
{
	return live->statistics;
}

void live_stop(struct live *live)
{
	live->stopping = true;
	answer_visitors(live, false);
}
