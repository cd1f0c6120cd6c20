/* SPDX-License-Identifier: MIT */
#include "worker/doctor.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/config.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/smtp.h"
#include "base/time.h"
#include "sync/inspect.h"

#define NOTIFY_CONFIG CONFIG_PATH_DEFAULT ".d/notify.conf"
#define TOKEN_PROBLEM "environment AITHER_SYNC_TOKEN:"
#define RELATIVE_PROBLEM "environment HTML_OUTPUT_DIR="
#define REMOVE_LINE(name) "sed -i '/^ *" name " *=/d' " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART_WORKER
#define NAMES_SIZE 256

/* ---- configuration ---- */

/* The missing secret with which the sentence begins; NULL: it is about something else. */
static const char *missing_secret(const char *problem)
{
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		const char *name = config_secret_name((enum config_secret)i);

		if (strncmp(problem, name, strlen(name)) == 0)
			return name;
	}
	return NULL;
}

/* A missing key or token has a check of its own, a missing password has none: without it the mail server is
 * asked without a login, and may take that. */
static bool is_checked_elsewhere(const char *problem)
{
	const char *name = missing_secret(problem);

	return name && strcmp(name, config_secret_name(CONFIG_SECRET_SMTP_PASSWORD)) != 0;
}

/* The sentences begin with "FILE:LINE:", "environment NAME:", "credential aither.NAME:" or a secret's name,
 * or end with the file in which something is missing (base/config.c). Owned. */
static char *configuration_remedy(const char *problem)
{
	const char *last_in = strstr(problem, " in /"), *missing = missing_secret(problem);

	if (strncmp(problem, TOKEN_PROBLEM, strlen(TOKEN_PROBLEM)) == 0)
		return mem_strdup("aither set-secret sync-token\n" REMOVE_LINE("AITHER_SYNC_TOKEN"));
	if (strncmp(problem, RELATIVE_PROBLEM, strlen(RELATIVE_PROBLEM)) == 0 && strstr(problem, "ignored"))
		return mem_strdup(REMOVE_LINE("HTML_OUTPUT_DIR"));
	if (missing)
		return mem_printf("aither set-secret %s", missing);
	if (*problem == '/' || last_in) {
		CLEANUP(mem_freep)
		char *file = *problem == '/' ? mem_strndup(problem, strcspn(problem, ":"))
					     : mem_strdup(last_in + strlen(" in "));
		CLEANUP(mem_freep) char *word = check_quote(file);

		return mem_printf("sensible-editor %s\n" CHECK_RESTART_WORKER, word);
	}
	if (strncmp(problem, "environment ", strlen("environment ")) == 0)
		return mem_strdup("sensible-editor " CONFIG_ENVIRONMENT_FILE "\n" CHECK_RESTART_WORKER);
	if (strncmp(problem, "credential aither.", strlen("credential aither.")) == 0) {
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
		const char *problem = config->problems.text[i];
		CLEANUP(mem_freep) char *remedy = configuration_remedy(problem);

		if (is_checked_elsewhere(problem))
			continue;
		check_add(checks, "configuration", status, remedy, "%s", problem);
		found++;
	}
	if (found == 0)
		check_add(checks, "configuration", CHECK_OK, NULL, "no mistake in files and environment");
}

static void check_secrets(const struct config *config, struct json *checks)
{
	CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_SIZE);
	bool has_key = config->secrets[CONFIG_SECRET_HEMERA_API_KEY];

	if (has_key)
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
}

static void check_rollbar(const struct config *config, struct json *checks)
{
	if (!config->rollbar.enabled)
		check_add(checks, "rollbar", CHECK_SKIPPED, NULL, "not enabled");
	else if (!config->secrets[CONFIG_SECRET_ROLLBAR_TOKEN])
		check_add(checks, "rollbar", CHECK_FAILED, "aither set-secret rollbar-token",
			"enabled, but without a token nothing can be reported");
	else
		check_add(checks, "rollbar", CHECK_OK, NULL,
			"enabled; to see an item there: aither test-rollbar");
}

void doctor_check_configuration(const struct doctor_case *about, struct json *checks)
{
	check_problems(about->config, checks);
	check_secrets(about->config, checks);
	check_rollbar(about->config, checks);
}

/* ---- this machine ---- */

static void check_zone(const struct config *config, struct json *checks)
{
	const char *zone = config->site.time_zone;

	if (time_zone_check(zone, NULL) == 0)
		check_add(checks, "time-zone", CHECK_OK, NULL, "%s is installed", zone);
	else
		check_add(checks, "time-zone", CHECK_WARNING, "apt-get install tzdata\n" CHECK_RESTART_WORKER,
			"the time zone of [Site] TimeZone is not installed, dates are shown in UTC");
}

void doctor_check_local(const struct doctor_case *about, struct json *checks)
{
	inspect_output(about->config, checks);
	inspect_manifest(about->config, checks);
	inspect_templates(about->config, about->shipped_templates, checks);
	check_zone(about->config, checks);
}

/* ---- mail ---- */

static const char *mail_remedy(int errnum)
{
	if (errnum == -EACCES)
		return "aither set-secret smtp-password\naither test-mail";
	if (errnum == -EKEYREJECTED)
		return "cp YOUR-CA.crt "
		       "/usr/local/share/ca-certificates/\nupdate-ca-certificates\n" CHECK_RESTART_WORKER
		       "\naither test-mail";
	return "printf '[Notify]\\nSMTPURL=smtp://YOUR-MAIL-SERVER:587\\n' >>" NOTIFY_CONFIG
	       "\n" CHECK_RESTART_WORKER "\naither test-mail";
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
	struct error err = { 0 };
	int r;

	if (!config->notify.mail_to) {
		check_add(checks, "mail", CHECK_WARNING,
			"printf '[Notify]\\nMailTo=YOUR-ADDRESS\\n' >>" NOTIFY_CONFIG
			"\n" CHECK_RESTART_WORKER "\naither test-mail",
			"[Notify] MailTo is not set: nobody is told when syncs keep failing");
		return;
	}
	r = smtp_probe(&server, &err);
	if (r < 0)
		check_add(checks, "mail", CHECK_FAILED, mail_remedy(r), "no mail to %s can be sent: %s",
			config->notify.mail_to, err.message);
	else if (err.message[0])
		check_add(checks, "mail", CHECK_WARNING, mail_remedy(0), "%s", err.message);
	else
		check_add(checks, "mail", CHECK_OK, NULL, "%s takes mails; to get one: aither test-mail",
			config->notify.smtp_url);
}
