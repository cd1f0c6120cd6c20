/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HEMERA_PROBE_H
#define AITHER_HEMERA_PROBE_H

/*
 * Is Hemera there, and does it accept the key? One request (a list of one row), no retry, no second origin,
 * no budget: of the hundred requests a minute it costs one. Blocks.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

struct hemera_probe_options { /* all borrowed */
	const char *origin;
	const char *key; /* NULL: asked without one, which tells whether Hemera is there */
	unsigned connect_timeout_ms, timeout_ms; /* the second: the whole call */
	const atomic_bool *cancelled;            /* may be NULL */
};

enum hemera_probe_end {
	HEMERA_PROBE_OK,
	HEMERA_PROBE_NO_ADDRESS,    /* the name is not known */
	HEMERA_PROBE_NO_CONNECTION, /* refused, or nobody there */
	HEMERA_PROBE_NO_TLS,        /* no TLS that both sides know */
	HEMERA_PROBE_NO_TRUST,      /* a certificate of a CA that is not known */
	HEMERA_PROBE_WRONG_TIME,    /* one that has expired or is not yet valid: by this machine's clock */
	HEMERA_PROBE_WRONG_NAME,    /* one for another host */
	HEMERA_PROBE_NO_ANSWER,     /* connected, then nothing, not in time, or too much */
	HEMERA_PROBE_KEY_REFUSED,   /* 401, or Hemera's own 403 */
	HEMERA_PROBE_NOT_HEMERA,    /* answers in HTML, redirects, knows no such path */
	HEMERA_PROBE_LIMITED,       /* 429: the key was not looked at */
	HEMERA_PROBE_BROKEN,        /* Hemera's own error, 5xx, or data that are none */
};

struct hemera_probe {
	enum hemera_probe_end end;
	int64_t clock_ahead_s; /* this machine's clock less Hemera's Date, in seconds, when has_clock */
	bool has_clock;
	unsigned took_ms;
};

/* *err is written unless HEMERA_PROBE_OK. */
void hemera_probe(
	const struct hemera_probe_options *options, struct hemera_probe *ret_probe, struct error *err);

#endif
