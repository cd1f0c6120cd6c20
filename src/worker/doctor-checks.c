/* SPDX-License-Identifier: MIT */
#include "worker/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "hemera/probe.h"
#include "net/smtp.h"
#include "sync/inspect.h"

#define NOTIFY_CONFIG CONFIG_PATH_DEFAULT ".d/notify.conf"
#define TOKEN_PROBLEM "environment AITHER_SYNC_TOKEN:"
#define RELATIVE_PROBLEM "environment HTML_OUTPUT_DIR="
#define REMOVE_LINE(name) "sed -i '/^ *" name " *=/d' " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART
#define NAMES_SIZE 256
#define CONNECT_TIMEOUT_MS 5000
#define CLOCK_TOLERANCE_S 60 /* longer than any network delay; beyond it TLS and rate limits suffer */
#define HEAD "curl -sS --head "
#define SET_CLOCK "timedatectl set-ntp true\ntimedatectl"
#define TRUST_CA "cp YOUR-CA.crt /usr/local/share/ca-certificates/\nupdate-ca-certificates\n" CHECK_RESTART

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* ---- configuration ---- */

/* Problems begin with "FILE:LINE:", "environment NAME:", "credential aither.NAME:" or `missing`, a secret's
 * name, or end with the file in which something is missing (config/config.c). Owned. */
static char *configuration_remedy(const char *problem, const char *missing)
{
	const char *last_in = strstr(problem, " in /");

	if (begins_with(problem, TOKEN_PROBLEM))
		return mem_strdup("aither set-secret sync-token\n" REMOVE_LINE("AITHER_SYNC_TOKEN"));
	if (begins_with(problem, RELATIVE_PROBLEM) && strstr(problem, "ignored"))
		return mem_strdup(REMOVE_LINE("HTML_OUTPUT_DIR"));
	if (missing)
		return mem_printf("aither set-secret %s", missing);
	if (*problem == '/' || last_in) {
		CLEANUP(mem_freep)
		char *file = *problem == '/' ? mem_strndup(problem, strcspn(problem, ":"))
					     : mem_strdup(last_in + strlen(" in "));
		CLEANUP(mem_freep) char *word = check_quote(file);

		return mem_printf("sensible-editor %s\n" CHECK_RESTART, word);
	}
	if (begins_with(problem, "environment "))
		return mem_strdup("sensible-editor " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART);
	if (begins_with(problem, "credential aither.")) {
		const char *name = problem + strlen("credential aither.");

		return mem_printf("aither set-secret %.*s", (int)strcspn(name, ":"), name);
	}
	return NULL;
}

static void check_problems(const struct config *config, struct json *checks)
{
	enum check_status status = config_is_usable(config) ? CHECK_WARNING : CHECK_FAILED;
	unsigned found = 0;

	for (size_t i = 0; i < config->problems.count; i++) {
		const char *problem = config->problems.text[i], *missing = NULL;
		CLEANUP(mem_freep) char *remedy = NULL;

		for (int k = 0; k < CONFIG_SECRETS && !missing; k++)
			if (begins_with(problem, config_secret_name((enum config_secret)k)))
				missing = config_secret_name((enum config_secret)k);
		/* A missing key or token has a check of its own, but not a missing password: the mail server
		 * may accept mail without a login. */
		if (missing && strcmp(missing, config_secret_name(CONFIG_SECRET_SMTP_PASSWORD)) != 0)
			continue;
		remedy = configuration_remedy(problem, missing);
		check_add(checks, "configuration", status, remedy, "%s", problem);
		found++;
	}
	if (found == 0)
		check_add(checks, "configuration", CHECK_OK, NULL, "no mistake in files and environment");
}

void doctor_check_configuration(const struct doctor_case *about, struct json *checks)
{
	const struct config *config = about->config;
	CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_SIZE);

	check_problems(config, checks);
	if (config->secrets[CONFIG_SECRET_HEMERA_API_KEY])
		check_add(checks, "hemera-api-key", CHECK_OK, NULL, "is set, and has the right form");
	else
		check_add(checks, "hemera-api-key", CHECK_FAILED, "aither set-secret hemera-api-key",
			"is not set or has not the right form: without it Hemera answers nothing");
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (config->secrets[i])
			buf_printf(&names, "%s%s", names.length ? ", " : "",
				config_secret_name((enum config_secret)i));
	check_add(checks, "secrets", CHECK_OK, NULL, "loaded by aither-worker: %s",
		names.length ? buf_text(&names) : "none");
	if (!config->rollbar.enabled)
		check_add(checks, "rollbar", CHECK_SKIPPED, NULL, "not enabled");
	else if (!config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN])
		check_add(checks, "rollbar", CHECK_FAILED, "aither set-secret rollbar-token",
			"enabled, but without a token nothing can be reported");
	else
		check_add(checks, "rollbar", CHECK_OK, NULL,
			"enabled; to see an item there: aither test-rollbar");
}

/* ---- this machine ---- */

void doctor_check_local(const struct doctor_case *about, struct json *checks)
{
	const char *zone = about->config->site.time_zone;

	inspect_output(about->config, checks);
	inspect_manifest(about->config, checks);
	inspect_templates(about->config, about->shipped_templates, checks);
	inspect_site_files(about->config, checks);
	/* Private pages need a password, which only aither-web and root know: see cli/stored.c. */
	if (about->config->site.course_pages_public)
		check_add(checks, "course-pages", CHECK_OK, NULL,
			"CoursePages=public: since version 0.2.0 public pages show nothing about participants; pages for staff need CoursePages=private");
	if (time_zone_check(zone, NULL) == 0)
		check_add(checks, "time-zone", CHECK_OK, NULL, "%s is installed", zone);
	else
		check_add(checks, "time-zone", CHECK_WARNING, "apt-get install tzdata\n" CHECK_RESTART,
			"the time zone of [Site] TimeZone is not installed, dates are shown in UTC");
}

/* ---- Hemera ---- */

/* The remedy of a failed probe: `before`, the origin, `after`. Only `before` where `after` is NULL; none
 * where both are NULL. */
static const struct {
	const char *summary, *before, *after;
} ENDS[] = {
	[HEMERA_PROBE_NO_ADDRESS] = { "", "resolvectl query \"$(echo ",
		" | cut -d/ -f3 | cut -d: -f1)\"\n" CHECK_EDIT_CONFIG },
	[HEMERA_PROBE_NO_CONNECTION] = { "", HEAD, "\n" CHECK_EDIT_CONFIG },
	[HEMERA_PROBE_NO_TLS] = { "", HEAD, "\n" CHECK_EDIT_CONFIG },
	[HEMERA_PROBE_NO_TRUST] = { "", HEAD, "\n" TRUST_CA },
	[HEMERA_PROBE_WRONG_TIME] = { "", SET_CLOCK "\n" HEAD, "" },
	[HEMERA_PROBE_WRONG_NAME] = { "", CHECK_EDIT_CONFIG, NULL },
	[HEMERA_PROBE_NO_ANSWER] = { "", HEAD, "\n" CHECK_EDIT_CONFIG },
	[HEMERA_PROBE_KEY_REFUSED] = { "the key is refused: ", "aither set-secret hemera-api-key", NULL },
	[HEMERA_PROBE_NOT_HEMERA] = { "something answers, but not Hemera: ", CHECK_EDIT_CONFIG, NULL },
	[HEMERA_PROBE_LIMITED] = { "the rate limit is spent for the moment: ", NULL, NULL },
	[HEMERA_PROBE_BROKEN] = { "Hemera itself fails: ", NULL, NULL },
};

/* `worst`: the status of an origin that cannot be used. */
static void check_origin(const struct doctor_case *about, const char *id, const char *origin,
	enum check_status worst, struct json *checks)
{
	const struct hemera_probe_options options = {
		.origin = origin,
		.key = about->config->secrets[CONFIG_SECRET_HEMERA_API_KEY],
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.timeout_ms = DOCTOR_NET_TIMEOUT_MS,
		.cancelled = about->cancelled,
	};
	CLEANUP(mem_freep) char *remedy = NULL;
	struct hemera_probe probe;
	struct error err = { 0 };

	if (!origin || about->sync_running) {
		check_add(checks, id, CHECK_SKIPPED, NULL, "%s",
			origin ? "a sync is running, which asks Hemera itself; see: aither status"
			       : "not configured");
		return;
	}
	hemera_probe(&options, &probe, &err);
	if (ENDS[probe.end].before)
		remedy = mem_printf("%s%s%s", ENDS[probe.end].before, ENDS[probe.end].after ? origin : "",
			ENDS[probe.end].after ?: "");
	if (probe.end == HEMERA_PROBE_OK)
		check_add(checks, id, CHECK_OK, NULL, "%s accepts the key, in %u ms", origin, probe.took_ms);
	else if (!options.key && probe.end == HEMERA_PROBE_KEY_REFUSED) /* so Hemera answers */
		check_add(checks, id, CHECK_SKIPPED, NULL,
			"%s is there; whether it accepts the key is not known without one", origin);
	else
		check_add(checks, id, probe.end == HEMERA_PROBE_LIMITED ? CHECK_WARNING : worst, remedy,
			"%s: %s%s", origin, ENDS[probe.end].summary, err.message);
	if (worst != CHECK_FAILED)
		return;
	if (!probe.has_clock)
		check_add(checks, "clock", CHECK_SKIPPED, NULL, "Hemera's time is not known");
	else if (llabs(probe.clock_ahead_s) > CLOCK_TOLERANCE_S)
		check_add(checks, "clock", CHECK_WARNING, SET_CLOCK,
			"this machine's clock is %" PRId64 " s %s Hemera's",
			(int64_t)llabs(probe.clock_ahead_s), probe.clock_ahead_s > 0 ? "ahead of" : "behind");
	else
		check_add(checks, "clock", CHECK_OK, NULL, "agrees with Hemera's");
}

void doctor_check_hemera(const struct doctor_case *about, struct json *checks)
{
	check_origin(about, "hemera", about->config->hemera.base_url, CHECK_FAILED, checks);
}

/* Syncs work without it. */
void doctor_check_fallback(const struct doctor_case *about, struct json *checks)
{
	if (about->config->hemera.fallback_url)
		check_origin(
			about, "hemera-fallback", about->config->hemera.fallback_url, CHECK_WARNING, checks);
}

/* ---- mail ---- */

void doctor_check_mail(const struct doctor_case *about, struct json *checks)
{
	const struct config *config = about->config;
	const struct smtp_server server = {
		.url = config->notify.smtp_url,
		.user = config->notify.smtp_user,
		.password = config->secrets[CONFIG_SECRET_SMTP_PASSWORD],
		.timeout_ms = DOCTOR_NET_TIMEOUT_MS,
		.cancelled = about->cancelled,
	};
	const char *remedy = "printf '[Notify]\\nSMTPURL=smtp://YOUR-MAIL-SERVER:587\\n' >>" NOTIFY_CONFIG
			     "\n" CHECK_RESTART "\naither test-mail";
	struct error err = { 0 };
	int r;

	if (!config->notify.mail_to) {
		check_add(checks, "mail", CHECK_WARNING,
			"printf '[Notify]\\nMailTo=YOUR-ADDRESS\\n' >>" NOTIFY_CONFIG "\n" CHECK_RESTART
			"\naither test-mail",
			"[Notify] MailTo is not set: nobody is told when syncs keep failing");
		return;
	}
	r = smtp_probe(&server, &err);
	if (r == -EACCES)
		remedy = "aither set-secret smtp-password\naither test-mail";
	else if (r == -EKEYREJECTED)
		remedy = TRUST_CA "\naither test-mail";
	if (r < 0)
		check_add(checks, "mail", CHECK_FAILED, remedy, "no mail to %s can be sent: %s",
			config->notify.mail_to, err.message);
	else if (err.message[0])
		check_add(checks, "mail", CHECK_WARNING, remedy, "%s", err.message);
	else
		check_add(checks, "mail", CHECK_OK, NULL, "%s takes mails; to get one: aither test-mail",
			config->notify.smtp_url);
}
