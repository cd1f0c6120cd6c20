/* SPDX-License-Identifier: MIT */
#include "web/live.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/workerclient.h"
#include "http/server.h"
#include "web/notice.h"
#include "web/page.h"
#include "web/question.h"
#include "web/site.h"

struct visitor {
	STAILQ_ENTRY(visitor) link;
	struct http_pending *pending;
	enum language language;
	struct page_wish wish;
};

struct status {     /* what the homepage says of its data */
	char *html; /* owned; made from: */
	bool is_good;
	int64_t look_ms, minute;
};

struct live {
	struct live_options options;
	struct server_watch *timer; /* ends the wait */
	STAILQ_HEAD(, visitor) visitors;
	struct question *question; /* NULL: not asking */
	struct live_figures figures;
	bool failing; /* logged already */
	bool stopping, first_wait_used;
	uint64_t wait_ends_ms; /* of the visitors who share the refresh */
	uint64_t no_refresh_until_ms;
	int64_t look_ms;      /* wall clock, for people */
	int64_t look_mono_ms; /* the same moment, for ages; less than 0: before the machine was started */
	struct status status[LANGUAGES];
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
	question_forget(live->question);
	for (int i = 0; i < LANGUAGES; i++)
		free(live->status[i].html);
	free(live);
}

static void note_look(struct live *live, int64_t look_ms)
{
	int64_t now = time_now_ms();
	int64_t age = now > look_ms ? now - look_ms : 0;

	live->look_ms = now - age;
	live->look_mono_ms = (int64_t)time_mono_ms() - age;
}

static int64_t age_of_look_ms(const struct live *live)
{
	return (int64_t)time_mono_ms() - live->look_mono_ms;
}

static bool is_fresh(const struct live *live)
{
	return live->look_ms != 0 && age_of_look_ms(live) < live->options.ttl_ms;
}

/* A look that is still to come was by a clock that has been set back since; how old it is, the other one
 * knows. */
static void heed_clock(struct live *live)
{
	int64_t now = time_now_ms();

	if (live->look_ms > now)
		live->look_ms = now - age_of_look_ms(live);
}

static bool look_at_site(struct live *live, enum language language)
{
	int64_t changed_ms;

	heed_clock(live);
	if (!site_look(live->options.site, language, &changed_ms))
		return false;
	/* A file from the future, for the clock was set back, says nothing of its age. */
	if (changed_ms > live->look_ms && changed_ms <= time_now_ms())
		note_look(live, changed_ms);
	return true;
}

/* Made once a minute: the text holds the date, which changes at a full minute in every time zone. */
static const char *status_of(struct live *live, enum language language, bool is_good)
{
	struct status *status = &live->status[language];
	int64_t now = time_now_ms();
	int64_t minute = now / 60000;

	if (status->html && status->minute == minute && status->is_good == is_good &&
		status->look_ms == live->look_ms)
		return status->html;
	free(status->html);
	*status = (struct status){ .html = notice_html(live->options.phrases, language,
					   &(struct notice_state){ .is_fresh = is_good,
						   .data_ms = live->look_ms,
						   .now_ms = now }),
		.is_good = is_good,
		.look_ms = live->look_ms,
		.minute = minute };
	return status->html;
}

/* After look_at_site, which said whether there is a homepage. Borrowed until the next look. */
static struct page *choose_page(struct live *live, enum language language, bool is_published, bool fresh)
{
	if (!is_published)
		return site_fallback(live->options.site);
	bool is_good = fresh || is_fresh(live); /* a sync may have published meanwhile */
	return site_home(live->options.site, language, status_of(live, language, is_good));
}

static void answer_visitors(struct live *live, bool fresh)
{
	struct visitor *visitor;

	server_timer_set(live->timer, 0);
	while ((visitor = STAILQ_FIRST(&live->visitors))) {
		struct http_response response = { 0 };
		STAILQ_REMOVE_HEAD(&live->visitors, link);
		bool is_published = look_at_site(live, visitor->language);
		page_answer(choose_page(live, visitor->language, is_published, fresh), &visitor->wish, NULL,
			"no-cache", &response);
		http_complete(visitor->pending, &response);
		page_wish_done(&visitor->wish);
		free(visitor);
	}
}

static void on_wait_over(void *arg)
{
	answer_visitors(arg, false);
}

/* {"data":{"fetchedAt":"..."}} or {"error":{"message":"..."}} */
static int read_answer(
	const struct workerclient_response *response, int64_t *ret_fetched_at_ms, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = WORKERCLIENT_BODY_MAX, .depth_max = JSON_DEPTH_MAX, .node_max = 100000
	};
	CLEANUP(json_freep) struct json *root = NULL;

	int result = json_parse(&root, buf_text(&response->body), response->body.length, &limits, err);
	if (result < 0)
		return result;
	const char *problem = json_string(json_get(json_get(root, "error"), "message"));
	const char *fetched_at = json_string(json_get(json_get(root, "data"), "fetchedAt"));
	if (response->status != 200 || !fetched_at)
		return error_set(err, -EIO, "%s", problem ? problem : "aither-worker gave no reason");
	result = time_parse(fetched_at, ret_fetched_at_ms);
	return result < 0 ? error_set(err, result, "aither-worker: fetchedAt is not a time") : 0;
}

static void note_failure(struct live *live, const struct error *err)
{
	live->figures.failed++;
	live->no_refresh_until_ms = time_mono_ms() + LIVE_BACK_OFF_MS;
	if (!live->failing)
		log_write(LOG_WARNING, "the homepage cannot be refreshed: %s", err->message);
	live->failing = true;
}

static void on_told(void *arg, const struct workerclient_response *response, const struct error *err)
{
	struct live *live = arg;
	struct error problem = *err;
	int64_t fetched_at_ms = 0;
	bool is_read = response && read_answer(response, &fetched_at_ms, &problem) == 0;

	live->question = NULL;
	if (is_read) {
		live->figures.refreshed++;
		if (live->failing)
			log_write(LOG_NOTICE, "the homepage is live again");
		live->failing = false;
		note_look(live, fetched_at_ms);
	} else {
		note_failure(live, &problem);
	}
	answer_visitors(live, is_read);
}

/* The first visitor of a new machine waits longer, once: there is nothing else to show. */
static unsigned choose_wait(struct live *live, bool is_published)
{
	if (is_published || live->first_wait_used || live->options.wait_ms >= LIVE_FIRST_WAIT_MS)
		return live->options.wait_ms;
	live->first_wait_used = true;
	return LIVE_FIRST_WAIT_MS;
}

static bool start_refresh(struct live *live, bool is_published)
{
	struct error err = { 0 };

	live->question = question_ask(live->options.queue,
		&(struct question_order){ .socket_path = live->options.socket_path,
			.method = "POST",
			.target = "/internal/refresh",
			.timeout_ms = LIVE_REFRESH_TIMEOUT_MS,
			.done = on_told,
			.arg = live },
		&err);
	if (!live->question) {
		note_failure(live, &err);
		return false;
	}
	unsigned wait_ms = choose_wait(live, is_published);
	live->wait_ends_ms = time_mono_ms() + wait_ms;
	server_timer_set(live->timer, wait_ms);
	return true;
}

/* Is there a refresh whose end the visitor should wait for? Starts one if it is time. */
static bool should_wait(struct live *live, bool is_published)
{
	uint64_t now = time_mono_ms();

	if (live->stopping || !live->options.may_ask)
		return false;
	if (!live->question && (now < live->no_refresh_until_ms || !start_refresh(live, is_published)))
		return false;
	/* Not `now`, which is past: where nobody is to wait, nothing would end the wait. */
	return time_mono_ms() < live->wait_ends_ms;
}

enum http_result live_home(struct live *live, const struct http_request *request,
	struct http_response *response, enum language language)
{
	bool is_published = look_at_site(live, language);
	bool fresh = is_published && is_fresh(live);
	struct page_wish wish;

	page_wish_read(&wish, request);
	if (fresh || !should_wait(live, is_published)) {
		page_answer(
			choose_page(live, language, is_published, fresh), &wish, NULL, "no-cache", response);
		page_wish_done(&wish);
		return HTTP_DONE;
	}
	struct visitor *visitor = mem_zalloc(sizeof(*visitor));
	visitor->pending = http_later(request);
	visitor->language = language;
	visitor->wish = wish;
	STAILQ_INSERT_TAIL(&live->visitors, visitor, link);
	return HTTP_LATER;
}

int64_t live_last_look_ms(struct live *live)
{
	look_at_site(live, LANGUAGE_DE);
	return live->look_ms;
}

struct live_figures live_figures(const struct live *live)
{
	return live->figures;
}

void live_stop(struct live *live)
{
	live->stopping = true;
	answer_visitors(live, false);
}
