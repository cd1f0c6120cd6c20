/* SPDX-License-Identifier: MIT */
#include "base/fetch.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/curl-common.h"
#include "base/error.h"
#include "base/host.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

#ifndef PACKAGE_VERSION /* configure gives it on the command line */
#define PACKAGE_VERSION "dev"
#endif

#define POLL_SLICE_MS 100 /* how late a cancellation may be seen, fetch.h */

/* A peer that sends nothing for a minute is gone, however long a request may take: Hemera's slowest answers
 * begin within 60 s. */
#define STALLED_AFTER_S 60L

#define DATE_S_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* A request that waits: one block of memory, as there may be 50 000 of them. */
struct pending {
	struct pending *next;
	fetch_done *done;
	void *arg;
	size_t body_max;
	const char *body; /* NULL: GET */
	size_t body_length, header_count;
	const char *headers; /* header_count strings, one behind the other */
	char url[];
};

/* A request under way, or a handle at rest. */
struct slot {
	CURL *easy;
	struct pending *request; /* owned; NULL at rest */
	struct curl_slist *headers;
	struct buf body;
	bool tls_begun; /* the TCP connection is established, the handshake has begun */
	char error_text[CURL_ERROR_SIZE];
};

struct fetch {
	CURLM *multi;
	struct slot *slots;
	size_t slot_count, active, queued;
	struct pending *first, *last; /* not yet sent */
	uint64_t wake_mono_ms;
};

/* After decompression; libcurl itself only looks at an announced length. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct slot *slot = arg;

	return buf_append(&slot->body, bytes, size * count) < 0 ? CURL_WRITEFUNC_ERROR : size * count;
}

/* libcurl calls this when a TCP connection is established, before the TLS handshake. */
static CURLcode on_tls(CURL *easy, void *context, void *arg)
{
	struct slot *slot = arg;

	(void)easy, (void)context;
	slot->tls_begun = true;
	return CURLE_OK;
}

/* What is the same for every request. Left as libcurl has it: verification of certificates on, redirects,
 * cookies, .netrc and HTTP/0.9 off. */
static int init_slot(struct slot *slot, const struct fetch_options *options)
{
	CURL *easy = curl_common_easy();

	slot->easy = easy;
	if (!easy)
		return -ENOMEM;
	int failed = curl_easy_setopt(easy, CURLOPT_PRIVATE, slot) ||
		     curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
		     curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ||
		     curl_easy_setopt(easy, CURLOPT_USERAGENT, "aither/" PACKAGE_VERSION) ||
		     curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate") ||
		     curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) ||
		     curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms) ||
		     curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) ||
		     curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALLED_AFTER_S) ||
		     curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error_text) ||
		     curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) ||
		     curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, slot) ||
		     curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) ||
		     curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	return failed ? -ENOSYS : 0;
}

void fetch_load_libraries(void)
{
	curl_common_load();
	host_load_modules();
}

int fetch_new(struct fetch **ret_fetch, const struct fetch_options *options, struct error *err)
{
	CLEANUP(fetch_freep) struct fetch *fetch = mem_zalloc(sizeof(*fetch));
	long connections_max = (long)options->connections_max;

	fetch->multi = curl_common_multi();
	if (!fetch->multi)
		return error_set(err, -ENOMEM, "libcurl cannot be initialised");
	curl_multi_setopt(fetch->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max);
	curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, connections_max);
	fetch->wake_mono_ms = UINT64_MAX;
	fetch->slot_count = options->connections_max;
	fetch->slots = mem_zalloc(fetch->slot_count * sizeof(*fetch->slots));
	for (size_t i = 0; i < fetch->slot_count; i++) {
		int result = init_slot(&fetch->slots[i], options);
		if (result < 0)
			return error_set(err, result, "libcurl %s lacks what aither needs", curl_version());
	}
	*ret_fetch = STEAL(fetch);
	return 0;
}

/* Takes the request out of its slot, which is then at rest. */
static struct pending *release_slot(struct fetch *fetch, struct slot *slot)
{
	curl_multi_remove_handle(fetch->multi, slot->easy);
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	buf_done(&slot->body);
	fetch->active--;
	return STEAL(slot->request);
}

/* libcurl 8.14 leaks the name that it could not resolve when the handle is used again, and frees it with the
 * handle. */
static void renew_handle(struct slot *slot)
{
	CURL *copy = curl_easy_duphandle(slot->easy);

	if (!copy)
		abort(); /* only without memory */
	curl_easy_cleanup(slot->easy);
	slot->easy = copy;
}

static struct pending *take_queued(struct fetch *fetch)
{
	struct pending *request = fetch->first;

	fetch->first = request->next;
	if (!fetch->first)
		fetch->last = NULL;
	fetch->queued--;
	return request;
}

void fetch_freep(struct fetch **fetch_pointer)
{
	struct fetch *fetch = STEAL(*fetch_pointer);

	if (!fetch)
		return;
	for (size_t i = 0; i < fetch->slot_count; i++) {
		if (fetch->slots[i].request)
			free(release_slot(fetch, &fetch->slots[i]));
		curl_easy_cleanup(fetch->slots[i].easy);
	}
	while (fetch->first)
		free(take_queued(fetch));
	curl_multi_cleanup(fetch->multi);
	free(fetch->slots);
	free(fetch);
}

static char *append_bytes(char *end, const char *bytes, size_t length)
{
	memcpy(end, bytes, length);
	end[length] = '\0';
	return end + length + 1;
}

void fetch_add(struct fetch *fetch, const struct fetch_request *request, fetch_done *done, void *arg)
{
	size_t header_count = 0, body_length = request->body ? strlen(request->body) : 0;
	size_t size = sizeof(struct pending) + strlen(request->url) + 1 + body_length + 1;

	for (; request->headers && request->headers[header_count]; header_count++)
		size += strlen(request->headers[header_count]) + 1;
	struct pending *pending = mem_zalloc(size);
	*pending = (struct pending){ .done = done,
		.arg = arg,
		.body_max = request->body_max,
		.body_length = body_length,
		.header_count = header_count };
	char *end = append_bytes(pending->url, request->url, strlen(request->url));
	if (request->body) {
		pending->body = end;
		end = append_bytes(end, request->body, body_length);
	}
	pending->headers = end;
	for (size_t i = 0; i < header_count; i++)
		end = append_bytes(end, request->headers[i], strlen(request->headers[i]));

	if (fetch->last)
		fetch->last->next = pending;
	else
		fetch->first = pending;
	fetch->last = pending;
	fetch->queued++;
}

size_t fetch_pending(const struct fetch *fetch)
{
	return fetch->active + fetch->queued;
}

static void add_header(struct slot *slot, const char *header)
{
	struct curl_slist *list = curl_slist_append(slot->headers, header);

	if (!list) /* as mem.h does */
		abort();
	slot->headers = list;
}

/* Body and method. "Expect:" because a wait for "100 Continue" costs a second where nobody answers it. */
static void set_method(struct slot *slot, const struct pending *request)
{
	if (!request->body) {
		curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	add_header(slot, "Expect:");
	curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, request->body);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
}

/* HTTP/2 by ALPN only: a server that knows no h2c closes the connection when asked for it. Waiting for a
 * connection that may carry many requests pays only where HTTP/2 is possible. Operators expect the proxy of
 * the environment to be used, but a proxy would read what http carries: the API key. */
static void set_connection(struct slot *slot, const char *url)
{
	bool is_https = strncasecmp(url, "https:", 6) == 0;

	curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION,
		(long)(is_https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(slot->easy, CURLOPT_PIPEWAIT, (long)is_https);
	curl_easy_setopt(slot->easy, CURLOPT_NOPROXY, is_https ? NULL : "*");
}

static void start(struct fetch *fetch, struct slot *slot, struct pending *request)
{
	const char *header = request->headers, *url = request->url;

	slot->request = request;
	slot->error_text[0] = '\0';
	slot->tls_begun = false;
	buf_init(&slot->body, request->body_max);
	for (size_t i = 0; i < request->header_count; i++, header += strlen(header) + 1)
		add_header(slot, header);
	set_method(slot, request);
	set_connection(slot, url);
	curl_easy_setopt(slot->easy, CURLOPT_URL, url);
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
	curl_easy_setopt(slot->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->body_max);
	if (curl_multi_add_handle(fetch->multi, slot->easy) != CURLM_OK)
		abort(); /* only without memory: the handle is ours and at rest */
	fetch->active++;
}

/* No more than there are slots, so that a request's time limit counts from when it is sent. */
static void start_queued(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->slot_count && fetch->first && fetch->active < fetch->slot_count; i++)
		if (!fetch->slots[i].request)
			start(fetch, &fetch->slots[i], take_queued(fetch));
}

/* What is not listed counts as lost inside the answer: trying again is cheap and limited. */
static const struct kind {
	CURLcode code;
	enum fetch_failure failure;
	enum fetch_step step;
} kinds[] = {
	{ CURLE_OK, FETCH_OK, FETCH_STEP_UNKNOWN },
	{ CURLE_COULDNT_RESOLVE_PROXY, FETCH_UNREACHABLE, FETCH_STEP_NAME },
	{ CURLE_COULDNT_RESOLVE_HOST, FETCH_UNREACHABLE, FETCH_STEP_NAME },
	{ CURLE_COULDNT_CONNECT, FETCH_UNREACHABLE, FETCH_STEP_CONNECT },
	{ CURLE_PROXY, FETCH_UNREACHABLE, FETCH_STEP_CONNECT },
	{ CURLE_SSL_CONNECT_ERROR, FETCH_UNREACHABLE, FETCH_STEP_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, FETCH_REFUSED, FETCH_STEP_TRUST },
	{ CURLE_SSL_CIPHER, FETCH_REFUSED, FETCH_STEP_TLS },
	{ CURLE_SSL_CACERT_BADFILE, FETCH_REFUSED, FETCH_STEP_TLS },
	{ CURLE_FILESIZE_EXCEEDED, FETCH_TOO_LARGE, FETCH_STEP_ANSWER },
	{ CURLE_WRITE_ERROR, FETCH_UNREADABLE,
		FETCH_STEP_ANSWER }, /* also for bytes behind the end of gzip */
	{ CURLE_BAD_CONTENT_ENCODING, FETCH_UNREADABLE, FETCH_STEP_ANSWER },
	{ CURLE_UNSUPPORTED_PROTOCOL, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* also an answer of HTTP/0.9 */
	{ CURLE_URL_MALFORMAT, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_LOGIN_DENIED, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* a user name in the URL */
	{ CURLE_NOT_BUILT_IN, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_BAD_FUNCTION_ARGUMENT, FETCH_REFUSED, FETCH_STEP_ANSWER },
};

/* One code for all time limits: what has taken its time is over. Without a request on its way it was the
 * connection that took too long, and another address may do better. No CURLINFO value tells TCP and TLS apart
 * on both libcurl 7.88 and 8.14, so fetch.c notes when TLS has begun. */
static struct kind kind_of_timeout(CURL *easy, bool tls_begun)
{
	curl_off_t named_us = 0;
	long sent = 0;

	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	return (struct kind){
		.failure = sent == 0 ? FETCH_UNREACHABLE : FETCH_TIMEOUT,
		.step = named_us == 0 ? FETCH_STEP_NAME
			: sent > 0    ? FETCH_STEP_ANSWER
			: tls_begun   ? FETCH_STEP_TLS
				      : FETCH_STEP_CONNECT,
	};
}

static struct kind kind_of(CURL *easy, CURLcode code, bool tls_begun)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return kind_of_timeout(easy, tls_begun);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].code == code)
			return kinds[i];
	return (struct kind){ .failure = FETCH_LOST, .step = FETCH_STEP_ANSWER };
}

static enum fetch_failure fetch_answer_failure(CURL *easy, CURLcode code)
{
	return kind_of(easy, code, false).failure;
}

static enum fetch_step fetch_answer_step(CURL *easy, CURLcode code, bool tls_begun)
{
	switch (curl_common_distrust(easy, code)) {
	case CURL_COMMON_TRUSTED:
		break;
	case CURL_COMMON_DISTRUST:
		return FETCH_STEP_TRUST;
	case CURL_COMMON_DISTRUST_TIME:
		return FETCH_STEP_TRUST_TIME;
	case CURL_COMMON_DISTRUST_NAME:
		return FETCH_STEP_TRUST_NAME;
	}
	return kind_of(easy, code, tls_begun).step;
}

static char *fetch_answer_timeout(CURL *easy, enum fetch_step step)
{
	const char *what = step == FETCH_STEP_NAME      ? "no answer of the name service"
			   : step == FETCH_STEP_CONNECT ? "no connection"
			   : step == FETCH_STEP_TLS     ? "the TLS handshake failed: no answer"
							: "no complete answer";
	curl_off_t took_us = 0;

	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took_us);
	return mem_printf("%s after %.1f s", what, (double)took_us / 1e6);
}

static const char *fetch_answer_advice(enum fetch_step step, CURLcode code)
{
	switch (step) {
	case FETCH_STEP_TRUST_TIME:
		return "; it has to be renewed there, unless this machine's clock is wrong: timedatectl(1)";
	case FETCH_STEP_TRUST_NAME:
		return "; the configured address has to be one that the certificate is for";
	case FETCH_STEP_TRUST:
		return "; if its CA is your own, make it known: update-ca-certificates(8)";
	case FETCH_STEP_TLS:
		if (code == CURLE_SSL_CACERT_BADFILE)
			return "; that has to be a file in PEM that can be read: the one of the package "
			       "ca-certificates, unless SSL_CERT_FILE names another";
		return "; at that address and port TLS 1.2 or later has to be spoken";
	case FETCH_STEP_UNKNOWN:
	case FETCH_STEP_NAME:
	case FETCH_STEP_CONNECT:
	case FETCH_STEP_ANSWER:
		break;
	}
	return "";
}

static void fetch_answer_fail(
	struct fetch_result *result, enum fetch_failure failure, const char *url, const char *reason)
{
	const char *host = strstr(url, "://");
	int length = (int)strcspn(url, "?#");

	/* A user name has no place in our URLs; if there is one nevertheless it is not repeated. */
	if (!host || strchr(host, '@'))
		length = 0;
	result->failure = failure;
	snprintf(result->message, sizeof(result->message), "%.*s%s%s", length < 160 ? length : 160, url,
		length > 0 ? ": " : "", reason);
	/* Parts of it come from the server: names in a certificate, for example. */
	utf8_defuse(result->message);
}

static const char *get_header(CURL *easy, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* Digits only (RFC 9110, delta-seconds); -1 when absent or anything else, such as a date. */
static int64_t get_number(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	size_t digits = value ? strspn(value, "0123456789") : 0;

	return digits > 0 && digits <= 15 && value[digits] == '\0' ? strtoll(value, NULL, 10) : -1;
}

static void read_content_type(CURL *easy, char *ret_type, size_t size)
{
	const char *value = get_header(easy, "Content-Type");
	size_t length = value ? strcspn(value, "; \t") : 0;

	/* A longer one is none that anybody knows. */
	if (length >= size)
		length = 0;
	for (size_t i = 0; i < length; i++)
		ret_type[i] = (char)tolower((unsigned char)value[i]);
	ret_type[length] = '\0';
}

/* 0: absent, or none of the forms of RFC 9110, which begin with the day of the week. */
static int64_t get_date(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	time_t date = value && isalpha((unsigned char)value[0]) ? curl_getdate(value, NULL) : -1;

	return date > 0 && date <= DATE_S_MAX ? date : 0;
}

/* Seconds, or a date by the clock of the server, which its answer tells. -1: absent. */
static long get_retry_after(CURL *easy, int64_t date_s)
{
	int64_t until_s = get_date(easy, "Retry-After");
	int64_t now_s = date_s ? date_s : time_now_ms() / 1000;

	if (!until_s)
		return (long)get_number(easy, "Retry-After");
	return until_s > now_s ? (long)(until_s - now_s) : 0;
}

static void fetch_answer_read(struct fetch_result *result, CURL *easy)
{
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
	read_content_type(easy, result->content_type, sizeof(result->content_type));
	result->rate_limit = (long)get_number(easy, "X-RateLimit-Limit");
	result->rate_remaining = (long)get_number(easy, "X-RateLimit-Remaining");
	result->rate_reset_s = get_number(easy, "X-RateLimit-Reset");
	result->item_remaining = (long)get_number(easy, "X-Rate-Limit-Remaining");
	result->item_wait_s = (long)get_number(easy, "X-Rate-Limit-Remaining-Seconds");
	result->date_s = get_date(easy, "Date");
	result->retry_after_s = get_retry_after(easy, result->date_s);
}

static struct fetch_result empty_result(void)
{
	return (struct fetch_result){
		.retry_after_s = -1,
		.rate_limit = -1,
		.rate_remaining = -1,
		.rate_reset_s = -1,
		.item_remaining = -1,
		.item_wait_s = -1,
	};
}

/* The last act of a request; the callback may add others. */
static void answer(struct pending *request, struct fetch_result *result)
{
	request->done(request->arg, result);
	buf_done(&result->body);
	free(request);
}

static void finish(struct fetch *fetch, struct slot *slot, CURLcode code)
{
	struct fetch_result result = empty_result();
	enum fetch_failure failure =
		buf_overflowed(&slot->body) ? FETCH_TOO_LARGE : fetch_answer_failure(slot->easy, code);

	result.step = fetch_answer_step(slot->easy, code, slot->tls_begun);
	if (failure == FETCH_OK) {
		fetch_answer_read(&result, slot->easy);
		result.body = slot->body;
		buf_init(&slot->body, 0);
	} else if (failure == FETCH_TOO_LARGE) {
		fetch_answer_fail(
			&result, failure, slot->request->url, "the answer is larger than permitted");
	} else if (failure == FETCH_UNREADABLE) {
		fetch_answer_fail(&result, failure, slot->request->url, "the body cannot be decompressed");
	} else {
		const char *detail = *slot->error_text ? slot->error_text : curl_easy_strerror(code);
		CLEANUP(mem_freep)
		char *reason = code == CURLE_OPERATION_TIMEDOUT
				       ? fetch_answer_timeout(slot->easy, result.step)
				       : curl_common_reason(slot->easy, code, detail);
		CLEANUP(mem_freep)
		char *sentence = mem_printf("%s%s", reason, fetch_answer_advice(result.step, code));

		fetch_answer_fail(&result, failure, slot->request->url, sentence);
	}
	struct pending *request = release_slot(fetch, slot);
	if (result.step == FETCH_STEP_NAME)
		renew_handle(slot);
	answer(request, &result);
}

static void collect(struct fetch *fetch)
{
	struct CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetch->multi, &left))) {
		struct slot *slot = NULL;
		CURLcode code = message->data.result;
		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot) == CURLE_OK)
			finish(fetch, slot, code);
	}
}

/* Also those that callbacks add meanwhile. */
static void answer_all(struct fetch *fetch, enum fetch_failure failure, const char *reason)
{
	while (fetch_pending(fetch) > 0) {
		struct pending *request = NULL;
		for (size_t i = 0; i < fetch->slot_count && !request; i++)
			if (fetch->slots[i].request)
				request = release_slot(fetch, &fetch->slots[i]);
		if (!request)
			request = take_queued(fetch);
		struct fetch_result result = empty_result();
		fetch_answer_fail(&result, failure, request->url, reason);
		answer(request, &result);
	}
}

static bool is_cancelled(const atomic_bool *cancelled)
{
	return cancelled && atomic_load(cancelled);
}

static int slice_until(uint64_t until_ms)
{
	uint64_t now = time_mono_ms();

	if (until_ms <= now)
		return 0;
	return until_ms - now < POLL_SLICE_MS ? (int)(until_ms - now) : POLL_SLICE_MS;
}

void fetch_wake_at(struct fetch *fetch, uint64_t mono_ms)
{
	fetch->wake_mono_ms = mono_ms;
}

void fetch_cancel(struct fetch *fetch)
{
	answer_all(fetch, FETCH_CANCELLED, "cancelled");
}

static int poll_ms(const struct fetch *fetch, uint64_t deadline_mono_ms)
{
	bool is_first = deadline_mono_ms && deadline_mono_ms < fetch->wake_mono_ms;

	return slice_until(is_first ? deadline_mono_ms : fetch->wake_mono_ms);
}

/* Sends, receives and answers what is possible now. */
static void step(struct fetch *fetch)
{
	int running;

	start_queued(fetch);
	if (curl_multi_perform(fetch->multi, &running) != CURLM_OK)
		abort(); /* only without memory or after misuse */
	collect(fetch);
}

void fetch_run(struct fetch *fetch, uint64_t deadline_mono_ms, const atomic_bool *cancelled)
{
	for (;;) {
		if (is_cancelled(cancelled)) {
			fetch_cancel(fetch);
			return;
		}
		if (deadline_mono_ms && time_mono_ms() >= deadline_mono_ms) {
			answer_all(fetch, FETCH_TIMEOUT, "no complete answer within the time limit");
			return;
		}
		step(fetch);
		if (fetch_pending(fetch) == 0 || time_mono_ms() >= fetch->wake_mono_ms)
			return;
		if (!fetch->first || fetch->active == fetch->slot_count)
			curl_multi_poll(fetch->multi, NULL, 0, poll_ms(fetch, deadline_mono_ms), NULL);
	}
}

bool fetch_sleep(uint64_t until_mono_ms, const atomic_bool *cancelled)
{
	while (!is_cancelled(cancelled)) {
		int slice_ms = slice_until(until_mono_ms);
		if (slice_ms == 0)
			return true;
		poll(NULL, 0, slice_ms);
	}
	return false;
}
