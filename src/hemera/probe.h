/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_PROBE_H
#define AITHER_HEMERA_PROBE_H

/*
 * Checks whether Hemera can be reached and accepts the key. Sends one request for a list of one row, without
 * retry, second origin or budget. Blocks.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

struct hemera_probe_options { /* all borrowed */
	const char *origin;
	const char *key;                         /* NULL: only checks whether Hemera can be reached */
	unsigned connect_timeout_ms, timeout_ms; /* timeout_ms: for the whole call */
	const atomic_bool *cancelled;            /* may be NULL */
};

enum hemera_probe_end {
	HEMERA_PROBE_OK,
	HEMERA_PROBE_NO_ADDRESS,    /* the host name has no address */
	HEMERA_PROBE_NO_CONNECTION, /* refused, or no answer at the address */
	HEMERA_PROBE_NO_TLS,        /* the two sides share no TLS version */
	HEMERA_PROBE_NO_TRUST,      /* the certificate is signed by an unknown CA */
	HEMERA_PROBE_WRONG_TIME,    /* the certificate has expired or is not valid yet by our clock */
	HEMERA_PROBE_WRONG_NAME,    /* the certificate is for another host */
	HEMERA_PROBE_NO_ANSWER,     /* connected, but the answer is missing, late or too large */
	HEMERA_PROBE_KEY_REFUSED,   /* 401, or Hemera's own 403 */
	HEMERA_PROBE_NOT_HEMERA,    /* an answer in HTML, a redirect, or no such path */
	HEMERA_PROBE_LIMITED,       /* 429: the key was not checked */
	HEMERA_PROBE_BROKEN,        /* Hemera's own error, 5xx, or data that make no sense */
};

struct hemera_probe {
	enum hemera_probe_end end;
	int64_t clock_ahead_s; /* this machine's clock minus Hemera's Date, if has_clock */
	bool has_clock;
	unsigned took_ms;
};

/* *err is written unless HEMERA_PROBE_OK. */
void hemera_probe(
	const struct hemera_probe_options *options, struct hemera_probe *ret_probe, struct error *err);

#endif
