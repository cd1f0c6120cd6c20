/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_FETCH_H
#define AITHER_NET_FETCH_H

/*
 * Sends HTTP requests with libcurl, several at a time over persistent connections, for hemera/ and notify/.
 * A `struct fetch` belongs to one thread:
 *
 *	fetch_new(&f, &options, err);
 *	fetch_add(f, &request, on_result, arg);      any number, also from on_result
 *	fetch_run(f, deadline_ms, &cancelled);       returns when no request is left, at the deadline,
 *	                                             on cancel, or when woken (fetch_wake_at)
 *
 * The same for every request: no redirects; https with verification, or http (callers decide where http is
 * permitted), and no other protocol; no HTTP/0.9, and HTTP/2 only if ALPN offers it; gzip is accepted, and
 * the size limit of bodies applies after decompression; no signals (but OpenSSL may raise SIGPIPE: block or
 * ignore it, as base/thread does). The system's CAs are trusted, and so are those in the PEM file that
 * SSL_CERT_FILE names. The proxy variables of the environment (curl(1)) apply to https only: an http request
 * would show its headers to the proxy, and goes to this machine anyway.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct error;
struct fetch;

struct fetch_options {
	unsigned connections_max; /* at a time, to all hosts together; further requests wait */
	unsigned connect_timeout_ms;
	unsigned request_timeout_ms; /* for the whole request, from the fetch_run after its fetch_add */
};

/* Loads the modules that libc and OpenSSL would otherwise load with the first request or mail: those of the
 * name service and of OpenSSL's configuration. Call it before noexec_enter and before the first thread. */
void fetch_load_libraries(void);

struct fetch_request {
	const char *url;            /* copied */
	const char *const *headers; /* "Name: value", NULL-terminated; copied; NULL: none */
	const char *body;           /* not NULL: POST with this body; copied */
	size_t body_max;            /* of the answer, in bytes after decompression */
};

/* Why a request got no complete answer. */
enum fetch_failure {
	FETCH_OK,          /* there is an answer, whatever its status */
	FETCH_UNREACHABLE, /* DNS, connect (also its time limit), TLS: no request was sent */
	FETCH_LOST,        /* the connection broke before or inside the answer */
	FETCH_TIMEOUT,     /* request_timeout_ms, a minute without a byte, or the deadline of fetch_run */
	FETCH_TOO_LARGE,   /* the body exceeds body_max */
	FETCH_UNREADABLE,  /* the body cannot be decompressed */
	FETCH_CANCELLED,
	FETCH_REFUSED, /* TLS verification, protocol or URL: a retry is useless */
};

/* The step in which a request failed, which shows where to look for the cause. */
enum fetch_step {
	FETCH_STEP_UNKNOWN,    /* also if the request did not fail */
	FETCH_STEP_NAME,       /* the host name has no address */
	FETCH_STEP_CONNECT,    /* no answer at the address */
	FETCH_STEP_TLS,        /* no common TLS version, or the handshake did not end */
	FETCH_STEP_TRUST,      /* an unknown CA, or a certificate refused for another reason */
	FETCH_STEP_TRUST_TIME, /* expired or not yet valid, by this machine's clock */
	FETCH_STEP_TRUST_NAME, /* the certificate is for another host */
	FETCH_STEP_ANSWER,     /* connected, but no complete answer */
};

struct fetch_result {
	enum fetch_failure failure;
	enum fetch_step step;
	char message[512];                /* for people, about the failure; "" on FETCH_OK */
	long status;                      /* HTTP status, 0 without answer */
	char content_type[128];           /* lower case, without parameters; "" when absent */
	long retry_after_s;               /* Retry-After, also where it is a date; -1 when absent */
	long rate_limit, rate_remaining;  /* X-RateLimit-Limit, -Remaining; -1 when absent */
	int64_t rate_reset_s;             /* X-RateLimit-Reset, Unix seconds; -1 when absent */
	long item_remaining, item_wait_s; /* X-Rate-Limit-Remaining, -Remaining-Seconds (Rollbar); or -1 */
	int64_t date_s;                   /* Date, Unix seconds; 0 when absent */
	struct buf body;                  /* borrowed: the callback may take it with buf_take */
};

/* Called by fetch_run, once for every request that was added. */
typedef void fetch_done(void *arg, struct fetch_result *result);

int fetch_new(struct fetch **ret_fetch, const struct fetch_options *options, struct error *err); /* owned */
void fetch_freep(struct fetch **fetch); /* not from a callback; drops pending requests without calling back */

void fetch_add(struct fetch *fetch, const struct fetch_request *wanted, fetch_done *done, void *arg);

/* Drives all requests. `deadline_mono_ms` 0: no deadline. When the deadline passes or *cancelled becomes
 * true, every pending request ends with FETCH_TIMEOUT or FETCH_CANCELLED, and so does every request that a
 * callback adds then. `cancelled` may be NULL; a change takes effect within 100 ms. */
void fetch_run(struct fetch *fetch, uint64_t deadline_mono_ms, const atomic_bool *cancelled);

/* Makes fetch_run return at that time even if requests are under way; they continue with its next call.
 * 0: at once, UINT64_MAX: never. May be called from a callback; applies until the next call. */
void fetch_wake_at(struct fetch *fetch, uint64_t mono_ms);

/* Ends every pending request with FETCH_CANCELLED. Not from a callback. */
void fetch_cancel(struct fetch *fetch);

/* Waits until that time, without requests; false if cancelled meanwhile. */
bool fetch_sleep(uint64_t until_mono_ms, const atomic_bool *cancelled);

#endif
