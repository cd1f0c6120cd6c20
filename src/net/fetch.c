/* SPDX-License-Identifier: MIT */
#include "net/fetch.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "net/curl-common.h"
#include "net/host.h"

#ifndef PACKAGE_VERSION /* configure gives it on the command line */
#define PACKAGE_VERSION "dev"
#endif

#define POLL_SLICE_MS 100 /* the longest delay of a cancellation, see fetch.h */

/* Hemera's slowest answers begin within 60 s. A peer that is silent for longer has gone. */
#define STALLED_AFTER_S 60L

#define URL_SHOWN_MAX 160
#define DATE_S_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct request {
	struct request *next;
	fetch_done *done;
	void *arg;
	char *url;
	struct curl_slist *headers;
	CURL *easy;
	struct buf answer; /* its body */
	bool tls_begun;    /* the TCP connection is established, the handshake has begun */
	char error_text[CURL_ERROR_SIZE];
};

struct fetch {
	CURLM *multi;
	CURL *model;           /* the options that all requests share */
	struct request *first; /* owned list of the pending ones */
	uint64_t wake_mono_ms;
};

/* Limits the body after decompression; libcurl itself checks only an announced length. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct request *request = arg;

	return buf_append(&request->answer, bytes, size * count) < 0 ? CURL_WRITEFUNC_ERROR : size * count;
}

/* libcurl calls this when a TCP connection is established, before the TLS handshake. */
static CURLcode on_tls(CURL *easy, void *context, void *arg)
{
	struct request *request = arg;

	(void)easy, (void)context;
	request->tls_begun = true;
	return CURLE_OK;
}

void fetch_load_libraries(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	host_load_modules();
}

int fetch_new(struct fetch **ret_fetch, const struct fetch_options *options, struct error *err)
{
	CLEANUP(fetch_freep) struct fetch *fetch = mem_zalloc(sizeof(*fetch));
	long connections_max = (long)options->connections_max;
	CURL *model = curl_common_easy();

	fetch->wake_mono_ms = UINT64_MAX;
	fetch->model = model;
	fetch->multi = curl_multi_init();
	if (!fetch->multi || !model)
		return error_set(err, -ENOMEM, "cannot initialise libcurl");
	/* libcurl's defaults: verification of certificates; no redirects, cookies, .netrc and HTTP/0.9. */
	if (curl_multi_setopt(fetch->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max) ||
		curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, connections_max) ||
		curl_easy_setopt(model, CURLOPT_PROTOCOLS_STR, "http,https") ||
		curl_easy_setopt(model, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ||
		curl_easy_setopt(model, CURLOPT_USERAGENT, "aither/" PACKAGE_VERSION) ||
		curl_easy_setopt(model, CURLOPT_ACCEPT_ENCODING, "gzip, deflate") ||
		curl_easy_setopt(model, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) ||
		curl_easy_setopt(model, CURLOPT_TIMEOUT_MS, (long)options->request_timeout_ms) ||
		curl_easy_setopt(model, CURLOPT_LOW_SPEED_LIMIT, 1L) ||
		curl_easy_setopt(model, CURLOPT_LOW_SPEED_TIME, STALLED_AFTER_S) ||
		curl_easy_setopt(model, CURLOPT_SSL_CTX_FUNCTION, on_tls) ||
		curl_easy_setopt(model, CURLOPT_WRITEFUNCTION, on_body))
		return error_set(
			err, -ENOSYS, "libcurl %s lacks a feature that aither needs", curl_version());
	*ret_fetch = STEAL(fetch);
	return 0;
}

static void add_header(struct request *request, const char *header)
{
	struct curl_slist *list = curl_slist_append(request->headers, header);

	if (!list) /* as mem.h does */
		abort();
	request->headers = list;
}

/* Each request has a handle of its own: when a handle is used again, libcurl 8.14 leaks the name that it
 * could not resolve. The multi handle keeps the connections. */
void fetch_add(struct fetch *fetch, const struct fetch_request *wanted, fetch_done *done, void *arg)
{
	struct request *request = mem_zalloc(sizeof(*request));
	CURL *easy = curl_easy_duphandle(fetch->model);
	bool is_https = strncasecmp(wanted->url, "https:", 6) == 0;

	if (!easy)
		abort(); /* only if memory is exhausted */
	request->next = fetch->first;
	fetch->first = request;
	request->done = done;
	request->arg = arg;
	request->url = mem_strdup(wanted->url);
	request->easy = easy;
	buf_init(&request->answer, wanted->body_max);
	for (size_t i = 0; wanted->headers && wanted->headers[i]; i++)
		add_header(request, wanted->headers[i]);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error_text);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)wanted->body_max);
	if (wanted->body) {
		/* Waiting for "100 Continue" costs a second if the server does not send it. */
		add_header(request, "Expect:");
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, wanted->body);
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	/* HTTP/2 by ALPN only: a server that does not support h2c closes the connection if it gets an upgrade
	 * request. Waiting for a connection that can carry many requests is worthwhile only with HTTP/2. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
		(long)(is_https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, (long)is_https);
	/* Operators expect that the proxy variables are used, but over http a proxy would see the API key. */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, is_https ? NULL : "*");
	if (curl_multi_add_handle(fetch->multi, easy) != CURLM_OK)
		abort(); /* only if memory is exhausted, as the handle is new */
}

static void detach(struct fetch *fetch, struct request *request)
{
	struct request **at = &fetch->first;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	curl_multi_remove_handle(fetch->multi, request->easy);
}

static void request_free(struct request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	buf_done(&request->answer);
	free(request->url);
	free(request);
}

void fetch_freep(struct fetch **fetch_pointer)
{
	struct fetch *fetch = STEAL(*fetch_pointer);

	if (!fetch)
		return;
	while (fetch->first) {
		struct request *request = fetch->first;
		detach(fetch, request);
		request_free(request);
	}
	curl_easy_cleanup(fetch->model);
	curl_multi_cleanup(fetch->multi);
	free(fetch);
}

/* The meaning of libcurl's codes. Any other code counts as a connection lost during the answer: a retry is
 * cheap, and retries are limited. */
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
	{ CURLE_WRITE_ERROR, FETCH_UNREADABLE, FETCH_STEP_ANSWER }, /* also for bytes after the end of gzip */
	{ CURLE_BAD_CONTENT_ENCODING, FETCH_UNREADABLE, FETCH_STEP_ANSWER },
	{ CURLE_UNSUPPORTED_PROTOCOL, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* also an HTTP/0.9 answer */
	{ CURLE_URL_MALFORMAT, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_LOGIN_DENIED, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* a user name in the URL */
	{ CURLE_NOT_BUILT_IN, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_BAD_FUNCTION_ARGUMENT, FETCH_REFUSED, FETCH_STEP_ANSWER },
};

static struct kind kind_of(const struct request *request, CURLcode code)
{
	struct kind kind = { .failure = FETCH_LOST, .step = FETCH_STEP_ANSWER };
	curl_off_t named_us = 0;
	long sent = 0;

	/* All time limits have the same code, so find the step that took too long. If no request was sent, it
	 * was connecting, and another address may work. No CURLINFO value distinguishes TCP from TLS in both
	 * libcurl 7.88 and 8.14, hence on_tls. */
	if (code == CURLE_OPERATION_TIMEDOUT) {
		curl_easy_getinfo(request->easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
		curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
		kind.failure = sent == 0 ? FETCH_UNREACHABLE : FETCH_TIMEOUT;
		kind.step = named_us == 0        ? FETCH_STEP_NAME
			    : sent > 0           ? FETCH_STEP_ANSWER
			    : request->tls_begun ? FETCH_STEP_TLS
						 : FETCH_STEP_CONNECT;
		return kind;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].code == code)
			kind = kinds[i];
	if (buf_overflowed(&request->answer))
		kind.failure = FETCH_TOO_LARGE;
	if (kind.step == FETCH_STEP_TRUST)
		kind.step = curl_common_distrust(request->easy);
	return kind;
}

/* Why a request failed, and what the operator can do about it if that is not obvious. Owned. */
static char *reason_of(const struct request *request, CURLcode code, struct kind kind)
{
	static const char *const advice[] = {
		[FETCH_STEP_TRUST_TIME] =
			"; renew it on the server, or correct this machine's clock: timedatectl(1)",
		[FETCH_STEP_TRUST_NAME] = "; configure a host name that the certificate is valid for",
		[FETCH_STEP_TRUST] =
			"; if you use a CA of your own, add it to this machine: update-ca-certificates(8)",
		[FETCH_STEP_TLS] = "; the server at that address and port must support TLS 1.2 or later",
		[FETCH_STEP_ANSWER] = NULL,
	};
	static const char advice_on_file[] =
		"; this must be a readable PEM file: that of the package ca-certificates, unless SSL_CERT_FILE names another";
	CLEANUP(mem_freep) char *reason = NULL;
	const char *what = kind.step == FETCH_STEP_NAME      ? "no answer from the name service"
			   : kind.step == FETCH_STEP_CONNECT ? "no connection"
			   : kind.step == FETCH_STEP_TLS     ? "the TLS handshake failed: no answer"
							     : "no complete answer";
	curl_off_t took_us = 0;

	if (kind.failure == FETCH_TOO_LARGE)
		return mem_strdup("the answer is larger than permitted");
	if (kind.failure == FETCH_UNREADABLE)
		return mem_strdup("the body cannot be decompressed");
	if (code == CURLE_OPERATION_TIMEDOUT) {
		curl_easy_getinfo(request->easy, CURLINFO_TOTAL_TIME_T, &took_us);
		reason = mem_printf("%s after %.1f s", what, (double)took_us / 1e6);
	} else {
		reason = curl_common_reason(request->easy, code,
			*request->error_text ? request->error_text : curl_easy_strerror(code));
	}
	return mem_printf(
		"%s%s", reason, code == CURLE_SSL_CACERT_BADFILE ? advice_on_file : advice[kind.step] ?: "");
}

static const char *get_header(CURL *easy, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* Reads a number of digits only (RFC 9110, delta-seconds); -1 if it is absent or not a number, such as a
 * date. */
static int64_t get_number(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	size_t digits = value ? strspn(value, "0123456789") : 0;

	return digits > 0 && digits <= 15 && value[digits] == '\0' ? strtoll(value, NULL, 10) : -1;
}

/* 0: the date is absent or has none of the forms of RFC 9110, which all begin with the day of the week. */
static int64_t get_date(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	time_t date = value && isalpha((unsigned char)value[0]) ? curl_getdate(value, NULL) : -1;

	return date > 0 && date <= DATE_S_MAX ? date : 0;
}

static void read_headers(struct fetch_result *result, CURL *easy)
{
	const char *type = get_header(easy, "Content-Type");
	size_t length = type ? strcspn(type, "; \t") : 0;
	int64_t retry_s = get_date(easy, "Retry-After"), now_s;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
	/* A longer type than all known types counts as absent. */
	for (size_t i = 0; length < sizeof(result->content_type) && i < length; i++)
		result->content_type[i] = (char)tolower((unsigned char)type[i]);
	result->rate_limit = (long)get_number(easy, "X-RateLimit-Limit");
	result->rate_remaining = (long)get_number(easy, "X-RateLimit-Remaining");
	result->rate_reset_s = get_number(easy, "X-RateLimit-Reset");
	result->item_remaining = (long)get_number(easy, "X-Rate-Limit-Remaining");
	result->item_wait_s = (long)get_number(easy, "X-Rate-Limit-Remaining-Seconds");
	result->date_s = get_date(easy, "Date");
	/* Retry-After is a number of seconds, or a date by the server's clock, which Date shows. */
	now_s = result->date_s ? result->date_s : time_now_ms() / 1000;
	result->retry_after_s = !retry_s          ? (long)get_number(easy, "Retry-After")
				: retry_s > now_s ? (long)(retry_s - now_s)
						  : 0;
}

/* Ends a request and calls its callback, which may add others. `reason`: why the request failed; NULL: it has
 * an answer. */
static void finish(struct fetch *fetch, struct request *request, struct kind kind, const char *reason)
{
	const char *url = request->url, *host = strstr(url, "://");
	struct fetch_result result = {
		.failure = kind.failure,
		.step = kind.step,
		.retry_after_s = -1,
		.rate_limit = -1,
		.rate_remaining = -1,
		.rate_reset_s = -1,
		.item_remaining = -1,
		.item_wait_s = -1,
	};

	if (reason) {
		/* Show origin and path of the URL, but nothing if it contains a user name, which ours never
		 * do. */
		int length = host && !strchr(host, '@') ? (int)strcspn(url, "?#") : 0;
		snprintf(result.message, sizeof(result.message), "%.*s%s%s",
			length < URL_SHOWN_MAX ? length : URL_SHOWN_MAX, url, length > 0 ? ": " : "", reason);
		/* Parts of the message may come from the server: names in a certificate, for example. */
		utf8_defuse(result.message);
	} else {
		read_headers(&result, request->easy);
		result.body = request->answer;
		buf_init(&request->answer, 0);
	}
	detach(fetch, request);
	request->done(request->arg, &result);
	buf_done(&result.body);
	request_free(request);
}

/* Also ends the requests that callbacks add meanwhile. */
static void finish_all(struct fetch *fetch, enum fetch_failure failure, const char *reason)
{
	while (fetch->first)
		finish(fetch, fetch->first, (struct kind){ .failure = failure }, reason);
}

void fetch_cancel(struct fetch *fetch)
{
	finish_all(fetch, FETCH_CANCELLED, "cancelled");
}

void fetch_wake_at(struct fetch *fetch, uint64_t mono_ms)
{
	fetch->wake_mono_ms = mono_ms;
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

void fetch_run(struct fetch *fetch, uint64_t deadline_mono_ms, const atomic_bool *cancelled)
{
	const uint64_t deadline_ms = deadline_mono_ms ? deadline_mono_ms : UINT64_MAX;
	struct CURLMsg *message;
	int ignored;

	for (;;) {
		if (is_cancelled(cancelled)) {
			fetch_cancel(fetch);
			return;
		}
		if (time_mono_ms() >= deadline_ms) {
			finish_all(fetch, FETCH_TIMEOUT, "no complete answer within the time limit");
			return;
		}
		if (curl_multi_perform(fetch->multi, &ignored) != CURLM_OK)
			abort(); /* only if memory is exhausted or after misuse */
		while ((message = curl_multi_info_read(fetch->multi, &ignored))) {
			struct request *request = NULL;
			CURLcode code = message->data.result;

			if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request) != CURLE_OK)
				continue; /* does not happen */
			struct kind kind = kind_of(request, code);
			CLEANUP(mem_freep)
			char *reason = kind.failure == FETCH_OK ? NULL : reason_of(request, code, kind);
			finish(fetch, request, kind, reason);
		}
		if (!fetch->first || time_mono_ms() >= fetch->wake_mono_ms)
			return;
		uint64_t until_ms = deadline_ms < fetch->wake_mono_ms ? deadline_ms : fetch->wake_mono_ms;
		curl_multi_poll(fetch->multi, NULL, 0, slice_until(until_ms), NULL);
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
