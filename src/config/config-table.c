/* SPDX-License-Identifier: MIT */
#include "config/config-table.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"

#define NAME_LENGTH_MAX 64 /* longer names are not compared for a suggestion */
#define URL_PATH_MAX 1024
#define SOCKET_PATH_MAX 107 /* sun_path of unix(7) without its NUL */

static const char *const web_schemes[] = { "https", "http", NULL };
static const char *const mail_schemes[] = { "smtp", "smtps", NULL };
static const char *const language_words[] = { "auto", "de", "en", NULL };
static const char *const level_words[] = { "info", "warning", "error", NULL };
static const char *const course_pages_words[] = { "private", "public", NULL };

#define AT(member) .offset = offsetof(struct config, member)

/* clang-format off */
#define NUMBER(least, most) { config_parse_number, .min = (least), .max = (most) }
#define SECONDS(least, most) { config_parse_number, .min = (least), .max = (most), .unit = "seconds" }

const struct config_key config_keys[] = {
	{ "Hemera", "BaseURL", NULL, { config_parse_url, .words = web_schemes }, AT(hemera.base_url),
		.environment = "HEMERA_API_BASE_URL" },
	{ "Hemera", "FallbackURL", NULL, { config_parse_url, .words = web_schemes },
		AT(hemera.fallback_url), .environment = "HEMERA_API_FALLBACK_URL" },
	{ "Hemera", "MaxConnections", "8", NUMBER(1, 64), AT(hemera.connections_max) },
	{ "Hemera", "RequestsPerMinute", "100", NUMBER(1, 1000000), AT(hemera.requests_per_minute) },
	{ "Hemera", "ConnectTimeoutSec", "5", SECONDS(1, 60), AT(hemera.connect_timeout_s) },
	{ "Hemera", "RequestTimeoutSec", "30", SECONDS(1, 300), AT(hemera.request_timeout_s) },
	{ "Hemera", "MaxRetries", "5", NUMBER(0, 20), AT(hemera.retries_max) },

	{ "Sync", "OutputDirectory", "/var/lib/aither/output", { config_parse_path, .max = PATH_MAX - 1 },
		AT(sync.output_directory), .environment = "HTML_OUTPUT_DIR", .shared = true },
	{ "Sync", "TimeLimitSec", "50", SECONDS(5, 600), AT(sync.time_limit_s) },
	{ "Sync", "MaxDeletePercent", "50", NUMBER(0, 100), AT(sync.delete_percent_max) },

	{ "Site", "TemplateDirectory", "/etc/aither/templates", { config_parse_path, .max = PATH_MAX - 1 },
		AT(site.template_directory), .shared = true },
	{ "Site", "Language", "auto", { config_parse_choice, .words = language_words }, AT(site.language),
		.shared = true },
	{ "Site", "TimeZone", "Europe/Berlin", { .parse = config_parse_zone }, AT(site.time_zone), .shared = true },
	{ "Site", "CoursePages", "private", { config_parse_flag, .words = course_pages_words },
		AT(site.course_pages_public), .shared = true },

	{ "Web", "LiveTTLSec", "30", SECONDS(0, 86400), AT(web.live_ttl_s), .shared = true },
	{ "Web", "LiveWaitSec", "2", SECONDS(0, 30), AT(web.live_wait_s), .shared = true },
	{ "Web", "MaxConnections", "1024", NUMBER(1, 65536), AT(web.connections_max), .shared = true },
	{ "Web", "LocalAccess", "yes", { .parse = config_parse_flag }, AT(web.local_access), .shared = true },

	{ "Worker", "Socket", "/run/aither/worker.sock", { config_parse_path, .max = SOCKET_PATH_MAX },
		AT(worker.socket), .environment = "AITHER_WORKER_SOCKET", .shared = true },
	{ "Worker", "IdleExitSec", "300", SECONDS(0, 86400), AT(worker.idle_exit_s), .shared = true },

	{ "Notify", "MailTo", NULL, { config_parse_mail, .max = 20 }, AT(notify.mail_to),
		.environment = "SMTP_TO", .environment_other = "NOTIFY_EMAIL_TO" },
	{ "Notify", "MailFrom", NULL, { config_parse_mail, .max = 1 }, AT(notify.mail_from),
		.environment = "SMTP_FROM" },
	{ "Notify", "SMTPURL", "smtp://localhost", { config_parse_url, .words = mail_schemes },
		AT(notify.smtp_url), .environment = "SMTP_HOST" },
	{ "Notify", "SMTPUser", NULL, { config_parse_text, .max = 255 }, AT(notify.smtp_user),
		.environment = "SMTP_USER" },
	{ "Notify", "FailureThreshold", "3", NUMBER(1, 1000), AT(notify.failure_threshold),
		.environment = "NOTIFY_FAILURE_THRESHOLD" },
	{ "Notify", "RetryDelaySec", "60", SECONDS(1, 3600), AT(notify.retry_delay_s) },

	{ "Rollbar", "Enabled", "no", { .parse = config_parse_flag }, AT(rollbar.enabled),
		.environment = "ROLLBAR_ENABLED" },
	{ "Rollbar", "Level", "warning", { config_parse_choice, .words = level_words },
		AT(rollbar.level) },
	{ "Rollbar", "Environment", "production", { config_parse_text, .max = 255 },
		AT(rollbar.environment) },
	{ "Rollbar", "Endpoint", "https://api.rollbar.com/api/1/item/",
		{ config_parse_url, .words = web_schemes, .max = URL_PATH_MAX }, AT(rollbar.endpoint) },
};
/* clang-format on */

const size_t config_key_count = ARRAY_SIZE(config_keys);

const struct config_key *config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

bool config_section_exists(const char *section)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].section, section) == 0)
			return true;
	return false;
}

/* Insertions, deletions and replacements of letters that lead from one name to the other (Levenshtein),
 * without regard to case; UINT_MAX for names too long to be a slip. */
static unsigned edit_distance(const char *given, const char *known)
{
	unsigned row[NAME_LENGTH_MAX + 1];
	size_t length = strlen(known);

	if (length > NAME_LENGTH_MAX || strlen(given) > NAME_LENGTH_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; given[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			unsigned replaced = diagonal + (strncasecmp(&given[i - 1], &known[j - 1], 1) != 0);
			unsigned changed = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = replaced < changed ? replaced : changed;
		}
	}
	return row[length];
}

const struct config_key *config_key_suggest(const char *section, const char *name)
{
	const struct config_key *best = NULL;
	unsigned best_score = UINT_MAX;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *known = name ? key->name : key->section;
		unsigned distance = edit_distance(name ? name : section, known);
		/* A third of the letters wrong is a slip (so two in "Sync": letters swapped count twice),
		 * more is another word. */
		if (distance > (strlen(known) + 2) / 3)
			continue;
		unsigned score = 2 * distance + (name && strcmp(key->section, section) != 0);
		if (score < best_score) {
			best_score = score;
			best = key;
		}
	}
	return best;
}
