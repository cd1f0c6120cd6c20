/* SPDX-License-Identifier: MIT */
#include "base/config-table.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/mem.h"

#define SAMPLE_SIZE_MAX 65536
#define NAME_LENGTH_MAX 64  /* longer names are not compared for a suggestion */
#define SOCKET_PATH_MAX 107 /* sun_path of unix(7) without its NUL */

static const char *const language_words[] = { "auto", "de", "en", NULL };
static const char *const level_words[] = { "info", "warning", "error", NULL };
static const char *const course_pages_words[] = { "private", "public", NULL };

#define AT(member) .offset = offsetof(struct config, member)
#define NUMBER(least, most) .parse = config_parse_number, .min = (least), .max = (most)

/* clang-format off */
const struct config_key config_keys[] = {
	{ "Hemera", "BaseURL", config_parse_origin, AT(hemera.base_url), .example = "https://hemera.example.org",
		.environment = "HEMERA_API_BASE_URL",
		.meaning = "Where Hemera is: https://host[:port], or http:// to this machine only. Required." },
	{ "Hemera", "FallbackURL", config_parse_origin, AT(hemera.fallback_url),
		.example = "https://hemera-2.example.org", .environment = "HEMERA_API_FALLBACK_URL",
		.meaning = "Second address, used when the first cannot be reached." },
	{ "Hemera", "MaxConnections", NUMBER(1, 64), AT(hemera.connections_max), .default_text = "8",
		.meaning = "Requests at the same time, 1 to 64." },
	{ "Hemera", "RequestsPerMinute", NUMBER(1, 1000000), AT(hemera.requests_per_minute),
		.default_text = "100",
		.meaning = "Budget to start with, 1 to 1000000; what Hemera's own headers say wins." },
	{ "Hemera", "ConnectTimeoutSec", NUMBER(1, 60), AT(hemera.connect_timeout_s), .default_text = "5",
		.unit = "seconds", .meaning = "Time to connect, 1 to 60 seconds." },
	{ "Hemera", "RequestTimeoutSec", NUMBER(1, 300), AT(hemera.request_timeout_s), .default_text = "30",
		.unit = "seconds", .meaning = "Time for one whole request, 1 to 300 seconds." },
	{ "Hemera", "MaxRetries", NUMBER(0, 20), AT(hemera.retries_max), .default_text = "5",
		.meaning = "Further attempts after a 5xx status, 408, 425 or a lost connection, 0 to 20." },

	{ "Sync", "OutputDirectory", config_parse_path, AT(sync.output_directory),
		.default_text = "/var/lib/aither/output", .max = PATH_MAX - 1, .environment = "HTML_OUTPUT_DIR",
		.shared = true, .meaning = "Where the pages and the manifest are kept." },
	{ "Sync", "TimeLimitSec", NUMBER(5, 600), AT(sync.time_limit_s), .default_text = "50",
		.unit = "seconds", .meaning = "A sync ends its network work by then, 5 to 600 seconds." },
	{ "Sync", "MaxDeletePercent", NUMBER(0, 100), AT(sync.delete_percent_max), .default_text = "50",
		.meaning = "More courses or pages than this, and than 10, leave by --force only, 0 to 100." },

	{ "Site", "TemplateDirectory", config_parse_path, AT(site.template_directory),
		.default_text = "/etc/aither/templates", .max = PATH_MAX - 1, .shared = true,
		.meaning = "Templates here replace those of the same name in /usr/share/aither/templates." },
	{ "Site", "Language", config_parse_choice, AT(site.language), .default_text = "auto",
		.words = language_words, .shared = true,
		.meaning = "Of the site: de, en, or auto (as the browser asks; course pages in German)." },
	{ "Site", "TimeZone", config_parse_zone, AT(site.time_zone), .default_text = "Europe/Berlin",
		.shared = true, .meaning = "For the dates that are shown; a name below /usr/share/zoneinfo." },
	{ "Site", "CoursePages", config_parse_flag, AT(site.course_pages_public), .default_text = "private",
		.words = course_pages_words, .shared = true,
		.meaning = "private: for those with the pages password. public: linked from the homepage." },

	{ "Web", "LiveTTLSec", NUMBER(0, 86400), AT(web.live_ttl_s), .default_text = "30", .unit = "seconds",
		.shared = true, .meaning = "Age at which the homepage asks Hemera again, 0 to 86400 seconds." },
	{ "Web", "LiveWaitSec", NUMBER(0, 30), AT(web.live_wait_s), .default_text = "2", .unit = "seconds",
		.shared = true, .meaning = "How long a visitor waits for that at most, 0 to 30 seconds." },
	{ "Web", "MaxConnections", NUMBER(1, 65536), AT(web.connections_max), .default_text = "1024",
		.shared = true, .meaning = "Connections of visitors at the same time, 1 to 65536." },
	{ "Web", "LocalAccess", config_parse_flag, AT(web.local_access), .default_text = "yes",
		.shared = true,
		.meaning = "While no sync token is set: sync and status from this machine without one." },

	{ "Worker", "Socket", config_parse_path, AT(worker.socket), .default_text = "/run/aither/worker.sock",
		.max = SOCKET_PATH_MAX, .environment = "AITHER_WORKER_SOCKET", .shared = true,
		.meaning = "Where aither-web and aither find aither-worker." },
	{ "Worker", "IdleExitSec", NUMBER(0, 86400), AT(worker.idle_exit_s), .default_text = "300",
		.unit = "seconds", .shared = true,
		.meaning = "aither-worker leaves after so long without work, up to 86400 seconds; 0: never." },

	{ "Notify", "MailTo", config_parse_mail, AT(notify.mail_to), .example = "operator@example.org",
		.max = 20, .environment = "SMTP_TO", .environment_other = "NOTIFY_EMAIL_TO",
		.meaning = "Who gets mail when syncs keep failing, separated by commas. Not set: no mail." },
	{ "Notify", "MailFrom", config_parse_mail, AT(notify.mail_from), .example = "aither@host.example.org",
		.max = 1, .environment = "SMTP_FROM",
		.meaning = "Sender of the mails. Not set: aither at this machine's name." },
	{ "Notify", "SMTPURL", config_parse_smtp, AT(notify.smtp_url), .default_text = "smtp://localhost",
		.environment = "SMTP_HOST",
		.meaning = "smtp://host[:port] (STARTTLS unless on this machine) or smtps://host[:port]." },
	{ "Notify", "SMTPUser", config_parse_text, AT(notify.smtp_user), .example = "aither", .max = 255,
		.environment = "SMTP_USER",
		.meaning = "Name at the mail server, with the secret smtp-password. Not set: no login." },
	{ "Notify", "FailureThreshold", NUMBER(1, 1000), AT(notify.failure_threshold), .default_text = "3",
		.environment = "NOTIFY_FAILURE_THRESHOLD",
		.meaning = "Failed syncs in a row before a mail is sent, 1 to 1000." },
	{ "Notify", "RetryDelaySec", NUMBER(1, 3600), AT(notify.retry_delay_s), .default_text = "60",
		.unit = "seconds",
		.meaning = "Delay before a mail refused for now is sent again, 1 to 3600 seconds; doubles." },

	{ "Rollbar", "Enabled", config_parse_flag, AT(rollbar.enabled), .default_text = "no",
		.environment = "ROLLBAR_ENABLED",
		.meaning = "Report syncs to Rollbar, with the secret rollbar-token." },
	{ "Rollbar", "Level", config_parse_choice, AT(rollbar.level), .default_text = "warning",
		.words = level_words,
		.meaning = "error: failed syncs. warning: partial ones, a damaged manifest, too. info: all." },
	{ "Rollbar", "Environment", config_parse_text, AT(rollbar.environment), .default_text = "production",
		.max = 255, .meaning = "The environment that Rollbar shows." },
	{ "Rollbar", "Endpoint", config_parse_endpoint, AT(rollbar.endpoint),
		.default_text = "https://api.rollbar.com/api/1/item/",
		.meaning = "Rollbar's Items API." },
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

static unsigned lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
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
			diagonal = row[j];
			row[j] = lesser(replaced, lesser(row[j], row[j - 1]) + 1);
		}
	}
	return row[length];
}

/* A third of the letters wrong is a slip (so two in "Sync": letters swapped count twice), more is another
 * word. */
static bool is_close(const char *known, unsigned distance)
{
	return distance <= (strlen(known) + 2) / 3;
}

const struct config_key *config_key_suggest(const char *section, const char *name)
{
	const struct config_key *best = NULL;
	unsigned best_score = UINT_MAX;

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		unsigned distance = edit_distance(name, key->name);
		if (!is_close(key->name, distance))
			continue;
		unsigned score = 2 * distance + (strcmp(key->section, section) != 0);
		if (score < best_score) {
			best_score = score;
			best = key;
		}
	}
	return best;
}

const struct config_key *config_section_suggest(const char *section)
{
	const struct config_key *best = NULL;
	unsigned best_distance = UINT_MAX;

	for (size_t i = 0; i < config_key_count; i++) {
		unsigned distance = edit_distance(section, config_keys[i].section);
		if (is_close(config_keys[i].section, distance) && distance < best_distance) {
			best_distance = distance;
			best = &config_keys[i];
		}
	}
	return best;
}

static void append_key(struct buf *out, const struct config_key *key)
{
	buf_printf(out, "# %s\n", key->meaning);
	if (key->parse == config_parse_smtp)
		buf_printf(out, "# Environment: %s with SMTP_PORT and SMTP_SECURE.\n", key->environment);
	else if (key->environment_other)
		buf_printf(out, "# Environment: %s or %s.\n", key->environment, key->environment_other);
	else if (key->environment)
		buf_printf(out, "# Environment: %s.\n", key->environment);
	buf_printf(out, "#%s=%s\n", key->name, key->default_text ? key->default_text : key->example);
}

char *config_sample_text(void)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(SAMPLE_SIZE_MAX);
	const char *section = "";

	buf_append_text(&out,
		"# Configuration of aither, explained in aither.conf(5). What is commented out here is\n"
		"# the default, or an example where there is none. A comment begins with # or ; at the\n"
		"# start of a line, or with ; after a blank. \"Key=\" returns to the default.\n"
		"# Files aither.conf.d/*.conf beside this one are read after it, then the environment.\n"
		"# Check with, as root: CREDENTIALS_DIRECTORY=/etc/credstore aither-worker --check-config\n"
		"# Secrets are never written here but stored by: aither set-secret NAME\n"
		"# where NAME is one of");
	for (int i = 0; i < CONFIG_SECRETS; i++)
		buf_printf(&out, "%s%s", i ? ", " : " ", config_secret_name((enum config_secret)i));
	buf_append_text(&out, ".\n");
	for (size_t i = 0; i < config_key_count; i++) {
		if (strcmp(section, config_keys[i].section) != 0)
			buf_printf(&out, "\n[%s]\n", config_keys[i].section);
		section = config_keys[i].section;
		append_key(&out, &config_keys[i]);
	}
	return buf_take(&out);
}
