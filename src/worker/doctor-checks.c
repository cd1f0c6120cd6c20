/* SPDX-License-Identifier: MIT */
#include "worker/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config-check.h"
#include "config/config.h"
#include "hemera/probe.h"
#include "net/smtp.h"
#include "sync/inspect.h"

#define SENDMAIL "/usr/sbin/sendmail"
#define NAMES_SIZE 256
#define CONNECT_TIMEOUT_MS 5000
#define CLOCK_TOLERANCE_S 60 /* longer than any network delay; beyond it TLS and rate limits suffer */
#define TRUST_CA "cp YOUR-CA.crt /usr/local/share/ca-certificates/\nupdate-ca-certificates\n" CHECK_RESTART

void doctor_check_configuration(const struct doctor_case *about, struct json *checks)
{
	const struct config *config = about->config;
	CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_SIZE);

	config_check(config, checks);
	if (config->secrets[CONFIG_SECRET_HEMERA_API_KEY])
		check_add(checks, "hemera-api-key", CHECK_OK, NULL, "is set and has the right form");
	else
		check_add(checks, "hemera-api-key", CHECK_FAILED, "aither set-secret hemera-api-key",
			"is not set or has the wrong form; without it, Hemera refuses all requests");
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (config->secrets[i])
			buf_printf(&names, "%s%s", names.length ? ", " : "",
				config_secret_name((enum config_secret)i));
	check_add(checks, "secrets", CHECK_OK, NULL, "loaded by aither-worker: %s",
		names.length ? buf_text(&names) : "none");
	if (config->rollbar.disabled_by)
		check_add(checks, "rollbar", CHECK_SKIPPED, NULL,
			"nothing is reported until the wrong value in [Rollbar] is corrected; see the configuration check");
	else if (!config->rollbar.enabled)
		check_add(checks, "rollbar", CHECK_SKIPPED, NULL, "not enabled");
	else if (!config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN])
		check_add(checks, "rollbar", CHECK_FAILED, "aither set-secret rollbar-token",
			"enabled, but without a token nothing can be reported");
	else
		check_add(checks, "rollbar", CHECK_OK, NULL,
			"enabled; to send a test item: aither test-rollbar");
}

/* ---- this machine ---- */

void doctor_check_local(const struct doctor_case *about, struct json *checks)
{
	const char *zone = about->config->site.time_zone;

	inspect_output(about->config, checks);
	inspect_manifest(about->config, checks);
	inspect_templates(about->config, about->shipped_templates, checks);
	inspect_site_files(about->config, checks);
	/* Private pages need a password, which only aither-web and root can read: see cli/stored.c. */
	if (about->config->site.course_pages_public)
		check_add(checks, "course-pages", CHECK_OK, NULL,
			"CoursePages=public: since version 0.2.0 public pages show nothing about participants; pages for staff need CoursePages=private");
	if (time_zone_check(zone, NULL) == 0)
		check_add(checks, "time-zone", CHECK_OK, NULL, "%s is installed", zone);
	else
		check_add(checks, "time-zone", CHECK_WARNING,
			"apt-get install --reinstall tzdata\n" CHECK_RESTART,
			"the time zone of [Site] TimeZone is not installed; dates are shown in UTC");
}

/* ---- Hemera ---- */

/* For the time service that is installed. timedatectl(1) would need D-Bus and one of these services. */
static const char *clock_remedy(void)
{
	static const struct {
		const char *unit, *remedy;
	} rows[] = {
		{ "/usr/lib/systemd/system/chrony.service", "systemctl restart chrony\ndate" },
		{ "/usr/lib/systemd/system/ntpsec.service", "systemctl restart ntpsec\ndate" },
		{ "/usr/lib/systemd/system/systemd-timesyncd.service",
			"systemctl enable --now systemd-timesyncd\ndate" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (access(rows[i].unit, F_OK) == 0)
			return rows[i].remedy;
	return "apt-get install systemd-timesyncd\ndate";
}

/* For each end of a probe: the words before its reason, and the kind of remedy. */
static const struct {
	const char *summary;
	enum { NOTHING, SET_KEY, SET_CLOCK, TRUST, LOOK_UP, EDIT } action;
} ENDS[] = {
	[HEMERA_PROBE_NO_ADDRESS] = { "", LOOK_UP },
	[HEMERA_PROBE_NO_CONNECTION] = { "", EDIT },
	[HEMERA_PROBE_NO_TLS] = { "", EDIT },
	[HEMERA_PROBE_NO_TRUST] = { "", TRUST },
	[HEMERA_PROBE_WRONG_TIME] = { "", SET_CLOCK },
	[HEMERA_PROBE_WRONG_NAME] = { "", EDIT },
	[HEMERA_PROBE_NO_ANSWER] = { "", EDIT },
	[HEMERA_PROBE_KEY_REFUSED] = { "the key is refused: ", SET_KEY },
	[HEMERA_PROBE_NOT_HEMERA] = { "the server is not Hemera: ", EDIT },
	[HEMERA_PROBE_LIMITED] = { "the rate limit is used up: ", NOTHING },
	[HEMERA_PROBE_BROKEN] = { "Hemera has failed: ", NOTHING },
};

/* `key`: the configuration key that sets the origin. Owned; NULL: there is no remedy on this machine. */
static char *origin_remedy(
	const struct config *config, enum hemera_probe_end end, const char *key, const char *origin)
{
	CLEANUP(mem_freep) char *edit = config_remedy(config, "Hemera", key, "https://YOUR-HEMERA");
	const char *host = strstr(origin, "://");

	switch (ENDS[end].action) {
	case SET_KEY:
		return mem_strdup("aither set-secret hemera-api-key");
	case SET_CLOCK:
		return mem_strdup(clock_remedy());
	case TRUST:
		return mem_strdup(TRUST_CA);
	case LOOK_UP: /* getent is part of libc-bin, which every Debian has */
		host = host ? host + strlen("://") : origin;
		return mem_printf("getent hosts %.*s\n%s", (int)strcspn(host, ":/"), host, edit);
	case EDIT:
		return STEAL(edit);
	case NOTHING:
		break;
	}
	return NULL;
}

/* `worst`: the status to report if the origin cannot be used. */
static void check_origin(const struct doctor_case *about, const char *id, const char *key, const char *origin,
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
			origin ? "not checked while a sync is using Hemera; see: aither status"
			       : "not configured");
		return;
	}
	hemera_probe(&options, &probe, &err);
	if (probe.end != HEMERA_PROBE_OK)
		remedy = origin_remedy(about->config, probe.end, key, origin);
	if (probe.end == HEMERA_PROBE_OK)
		check_add(checks, id, CHECK_OK, NULL, "%s accepts the key, answered in %u ms", origin,
			probe.took_ms);
	else if (!options.key && probe.end == HEMERA_PROBE_KEY_REFUSED) /* Hemera answers, then */
		check_add(checks, id, CHECK_SKIPPED, NULL,
			"%s answers; the key cannot be checked, because none is set", origin);
	else
		check_add(checks, id, probe.end == HEMERA_PROBE_LIMITED ? CHECK_WARNING : worst, remedy,
			"%s: %s%s", origin, ENDS[probe.end].summary, err.message);
	if (worst != CHECK_FAILED)
		return;
	if (!probe.has_clock)
		check_add(checks, "clock", CHECK_SKIPPED, NULL, "Hemera's time is not known");
	else if (llabs(probe.clock_ahead_s) > CLOCK_TOLERANCE_S)
		check_add(checks, "clock", CHECK_WARNING, clock_remedy(),
			"this machine's clock is %" PRId64 " s %s Hemera's",
			(int64_t)llabs(probe.clock_ahead_s), probe.clock_ahead_s > 0 ? "ahead of" : "behind");
	else
		check_add(checks, "clock", CHECK_OK, NULL, "agrees with Hemera's");
}

void doctor_check_hemera(const struct doctor_case *about, struct json *checks)
{
	check_origin(about, "hemera", "BaseURL", about->config->hemera.base_url, CHECK_FAILED, checks);
}

/* Syncs work without the fallback, so a failure is only a warning. */
void doctor_check_fallback(const struct doctor_case *about, struct json *checks)
{
	if (about->config->hemera.fallback_url)
		check_origin(about, "hemera-fallback", "FallbackURL", about->config->hemera.fallback_url,
			CHECK_WARNING, checks);
}

/* ---- mail ---- */

#define NULLMAILER "/usr/sbin/nullmailer-send"
#define SMTP_EXAMPLE "smtp://YOUR-MAIL-SERVER:587"

/* Debian's mail servers, and the command that starts each. Exim, OpenSMTPD and Postfix run as soon as they
 * are installed; msmtpd (of msmtp-mta) does not. exim4.service is an init script, for which --now does
 * nothing. */
static const struct {
	const char *program, *start;
} MAIL_SERVERS[] = {
	{ "/usr/sbin/postfix", "systemctl enable --now postfix.service" },
	{ "/usr/sbin/exim4", "systemctl enable exim4.service\nsystemctl start exim4.service" },
	{ "/usr/sbin/smtpd", "systemctl enable --now opensmtpd.service" },
	{ "/usr/bin/msmtpd", "systemctl enable --now msmtpd.service" },
};

/* The remedy if this machine's mail server does not answer: start it, or set another server. nullmailer does
 * not listen, so SMTPURL must name its relay. No test mail follows a start: msmtpd may not listen yet when
 * systemctl returns. Owned. */
static char *local_server_remedy(const struct config *config)
{
	CLEANUP(mem_freep) char *change = config_remedy(config, "Notify", "SMTPURL", SMTP_EXAMPLE);

	for (size_t i = 0; i < ARRAY_SIZE(MAIL_SERVERS); i++)
		if (access(MAIL_SERVERS[i].program, F_OK) == 0)
			return mem_strdup(MAIL_SERVERS[i].start);
	if (access(NULLMAILER, F_OK) == 0)
		return mem_printf("cat /etc/nullmailer/remotes\n%s\naither test-mail", change);
	return mem_printf("%s\naither test-mail", change);
}

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
	CLEANUP(mem_freep) char *change = NULL, *remedy = NULL;
	struct error err = { 0 };
	int r;

	if (config->notify.disabled_by) { /* the check "configuration" has the remedy */
		check_add(checks, "mail", CHECK_SKIPPED, NULL,
			"no mail is sent until the wrong value in [Notify] is corrected; see the configuration check");
		return;
	}
	if (!config->notify.mail_to) {
		change = config_remedy(config, "Notify", "MailTo", "YOUR-ADDRESS");
		remedy = mem_printf("%s\naither test-mail", change);
		check_add(checks, "mail", CHECK_WARNING, remedy,
			"[Notify] MailTo is not set, so no mail is sent when syncs keep failing");
		return;
	}
	r = smtp_probe(&server, &err);
	if (r == -EACCES)
		change = mem_strdup("aither set-secret smtp-password");
	else if (r == -EKEYREJECTED)
		change = mem_strdup(TRUST_CA);
	else if (r == -EHOSTUNREACH && config_url_is_local(server.url))
		remedy = local_server_remedy(config);
	else
		change = config_remedy(config, "Notify", "SMTPURL", SMTP_EXAMPLE);
	if (!remedy)
		remedy = mem_printf("%s\naither test-mail", change);
	if (r == -EHOSTUNREACH && config_url_is_local(server.url) && access(SENDMAIL, F_OK) == 0)
		error_prefix(&err, "aither speaks SMTP and does not use " SENDMAIL ": ");
	if (r < 0)
		check_add(checks, "mail", CHECK_FAILED, remedy, "cannot send mail to %s: %s",
			config->notify.mail_to, err.message);
	else if (err.message[0])
		check_add(checks, "mail", CHECK_WARNING, remedy, "%s", err.message);
	else
		check_add(checks, "mail", CHECK_OK, NULL,
			"%s accepts mail; to send a test mail: aither test-mail", config->notify.smtp_url);
}
