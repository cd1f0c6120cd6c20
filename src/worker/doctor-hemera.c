/* SPDX-License-Identifier: MIT */
#include "worker/doctor.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/config.h"
#include "base/error.h"
#include "base/mem.h"
#include "hemera/probe.h"

#define CONNECT_TIMEOUT_MS 5000
#define CLOCK_TOLERANCE_S 60 /* more than any network's delay; TLS and rate limits begin to suffer later */
#define SET_CLOCK "timedatectl set-ntp true\ntimedatectl"

/* NULL: there is nothing to do here but to wait. Owned. */
static char *hemera_remedy(enum hemera_probe_end end, const char *origin)
{
	switch (end) {
	case HEMERA_PROBE_NO_ADDRESS:
		return mem_printf(
			"resolvectl query \"$(echo %s | cut -d/ -f3 | cut -d: -f1)\"\n" CHECK_EDIT_CONFIG,
			origin);
	case HEMERA_PROBE_NO_CONNECTION:
	case HEMERA_PROBE_NO_TLS:
	case HEMERA_PROBE_NO_ANSWER:
		return mem_printf("curl -sS --head %s\n" CHECK_EDIT_CONFIG, origin);
	case HEMERA_PROBE_WRONG_TIME:
		return mem_printf(SET_CLOCK "\ncurl -sS --head %s", origin);
	case HEMERA_PROBE_NO_TRUST:
		return mem_printf("curl -sS --head %s\n"
				  "cp YOUR-CA.crt /usr/local/share/ca-certificates/\n"
				  "update-ca-certificates\n" CHECK_RESTART_WORKER,
			origin);
	case HEMERA_PROBE_KEY_REFUSED:
		return mem_strdup("aither set-secret hemera-api-key");
	case HEMERA_PROBE_WRONG_NAME:
	case HEMERA_PROBE_NOT_HEMERA:
		return mem_strdup(CHECK_EDIT_CONFIG);
	case HEMERA_PROBE_OK:
	case HEMERA_PROBE_LIMITED:
	case HEMERA_PROBE_BROKEN:
		break;
	}
	return NULL;
}

/* NULL: the client's sentence says it. */
static const char *const summaries[] = {
	[HEMERA_PROBE_KEY_REFUSED] = "the key is refused",
	[HEMERA_PROBE_NOT_HEMERA] = "something answers, but not Hemera",
	[HEMERA_PROBE_LIMITED] = "the rate limit is spent for the moment",
	[HEMERA_PROBE_BROKEN] = "Hemera itself fails",
};

/* worst: what it means when this origin cannot be used. */
static void hemera_add(struct json *checks, const char *name, enum check_status worst, const char *origin,
	const struct hemera_probe *probe, const struct error *err)
{
	CLEANUP(mem_freep) char *remedy = hemera_remedy(probe->end, origin);

	if (probe->end == HEMERA_PROBE_OK)
		check_add(
			checks, name, CHECK_OK, NULL, "%s accepts the key, in %u ms", origin, probe->took_ms);
	else
		check_add(checks, name, probe->end == HEMERA_PROBE_LIMITED ? CHECK_WARNING : worst, remedy,
			"%s: %s%s%s", origin, summaries[probe->end] ?: "", summaries[probe->end] ? ": " : "",
			err->message);
}

static void clock_add(struct json *checks, const struct hemera_probe *probe)
{
	int64_t ahead_s = probe->clock_ahead_s;

	if (!probe->has_clock)
		check_add(checks, "clock", CHECK_SKIPPED, NULL, "Hemera's time is not known");
	else if (llabs(ahead_s) > CLOCK_TOLERANCE_S)
		check_add(checks, "clock", CHECK_WARNING, SET_CLOCK,
			"this machine's clock is %" PRId64 " s %s Hemera's", (int64_t)llabs(ahead_s),
			ahead_s > 0 ? "ahead of" : "behind");
	else
		check_add(checks, "clock", CHECK_OK, NULL, "agrees with Hemera's");
}

/* Without a key the answer tells at least whether Hemera is there: it refuses. */
static void hemera_check(const struct doctor_case *about, const char *name, const char *origin,
	enum check_status worst, struct json *checks)
{
	const struct hemera_probe_options options = {
		.origin = origin,
		.key = about->config->secrets[CONFIG_SECRET_HEMERA_API_KEY],
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.timeout_ms = DOCTOR_NET_TIMEOUT_MS,
		.cancelled = about->cancelled,
	};
	struct hemera_probe probe;
	struct error err = { 0 };

	hemera_probe(&options, &probe, &err);
	if (!options.key && probe.end == HEMERA_PROBE_KEY_REFUSED)
		check_add(checks, name, CHECK_SKIPPED, NULL,
			"%s is there; whether it accepts the key is not "
			"known without one",
			origin);
	else
		hemera_add(checks, name, worst, origin, &probe, &err);
	if (worst == CHECK_FAILED)
		clock_add(checks, &probe);
}

static void check_origin(const struct doctor_case *about, const char *name, const char *origin,
	enum check_status worst, struct json *checks)
{
	if (!origin)
		check_add(checks, name, CHECK_SKIPPED, NULL, "not configured");
	else if (about->sync_running)
		check_add(checks, name, CHECK_SKIPPED, NULL,
			"a sync is running, which asks Hemera itself; see: aither status");
	else
		hemera_check(about, name, origin, worst, checks);
}

void doctor_check_hemera(const struct doctor_case *about, struct json *checks)
{
	check_origin(about, "hemera", about->config->hemera.base_url, CHECK_FAILED, checks);
}

/* The second one is a help in need: syncs work without it. */
void doctor_check_fallback(const struct doctor_case *about, struct json *checks)
{
	if (about->config->hemera.fallback_url)
		check_origin(
			about, "hemera-fallback", about->config->hemera.fallback_url, CHECK_WARNING, checks);
}
