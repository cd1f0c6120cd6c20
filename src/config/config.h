/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_H
#define AITHER_CONFIG_CONFIG_H

/*
 * Configuration: defaults, then /etc/aither/aither.conf, then aither.conf.d/ *.conf beside it in the order
 * of their names, then the environment, then secrets. The keys are those of config-key.c. All problems are
 * collected with file and line; nothing here fails at the first one.
 *
 *	CLEANUP(config_done) struct config config = {0};
 *	config_load(&config, path_or_NULL, CONFIG_WORKER);
 *	if (config.problems.count) ... each is one sentence that says what to do
 *
 * Secrets are never in these files: `$CREDENTIALS_DIRECTORY/aither.NAME` (systemd.exec(5), Credentials),
 * then the environment. A program loads only what it uses: aither-web the sync token and the pages password,
 * the worker all others, the command line none.
 *
 * An indented line that is no assignment, section or comment goes on with the value above it. An empty value
 * ("MailTo=") returns to the default; an empty variable counts as not set.
 */

#include <stdbool.h>
#include <stddef.h>

struct config_key;
struct error;

#define CONFIG_ENVIRONMENT_FILE "/etc/default/aither" /* of aither-worker.service alone */
#define CONFIG_PROBLEMS_MAX 50                        /* a file full of nonsense is not worth more lines */

enum config_secret {
	CONFIG_SECRET_HEMERA_API_KEY,
	CONFIG_SECRET_SYNC_TOKEN,
	CONFIG_SECRET_PAGES_PASSWORD,
	CONFIG_SECRET_SMTP_PASSWORD,
	CONFIG_SECRET_ROLLBAR_TOKEN,
	CONFIG_SECRETS
};

enum config_language { CONFIG_LANGUAGE_AUTO, CONFIG_LANGUAGE_DE, CONFIG_LANGUAGE_EN };

/* The severity of an item for Rollbar, in ascending order. */
enum config_level { CONFIG_LEVEL_INFO, CONFIG_LEVEL_WARNING, CONFIG_LEVEL_ERROR };

/* Which program reads: what is required, and which secrets are loaded, depends on it. */
enum config_program { CONFIG_WORKER, CONFIG_WEB, CONFIG_CLI };

struct config_problems {
	size_t count, required_count;    /* required_count: problems that keep the program from working */
	size_t first_required;           /* index of the first of them, if there is one */
	char *text[CONFIG_PROBLEMS_MAX]; /* owned sentences: "/etc/aither/aither.conf:12: ..." */

	/* For the same index: */
	bool is_required[CONFIG_PROBLEMS_MAX];
	char *file[CONFIG_PROBLEMS_MAX];    /* owned; the file to edit; NULL: none */
	char *command[CONFIG_PROBLEMS_MAX]; /* owned; lines of shell that fix it; NULL: none */
	size_t unread_count; /* files beside those that were read; without others, all that was read is right
			      */
};

/* Where a key was set last, perhaps to nothing (then its default counts). */
struct config_origin {
	const char *file;     /* borrowed from the configuration; NULL: not in a file */
	unsigned line;        /* in that file, from 1 */
	const char *variable; /* of the environment; NULL: not there */
};                            /* neither file nor variable: it was not set, the default counts */

struct config { /* all strings owned, NULL when not set */
	struct {
		char *base_url, *fallback_url; /* origins without a trailing slash */
		unsigned connections_max, requests_per_minute, connect_timeout_s, request_timeout_s,
			retries_max;
	} hemera;
	struct {
		char *output_directory;
		unsigned time_limit_s, delete_percent_max;
	} sync;
	struct {
		char *template_directory, *time_zone;
		enum config_language language;
		bool course_pages_public;
		char *name, *url;                /* url: an origin without a trailing slash */
		char *course_url;                /* with {id} or {slug}, perhaps {lang} */
		char *imprint_url, *privacy_url; /* URLs, or paths on this site */
		char *file_directory;
	} site;
	struct {
		unsigned live_ttl_s, live_wait_s, connections_max;
		bool local_access;
	} web;
	struct {
		char *socket;
		unsigned idle_exit_s;
	} worker;
	struct {
		char *mail_to;              /* bare addresses, separated by commas only */
		char *mail_from;            /* "NAME <ADDRESS>", not quoted, or a bare address */
		char *smtp_url, *smtp_user; /* smtp:// or smtps://host[:port]; no user in it */
		unsigned failure_threshold, retry_delay_s;
		char *disabled_by; /* the problem with a value of [Notify], for which mail_to is NULL */
	} notify;
	struct {
		bool enabled;
		enum config_level level; /* the lowest that is reported */
		char *environment, *endpoint;
		char *disabled_by; /* the problem with a value of [Rollbar], for which it is not enabled */
	} rollbar;
	char *secrets[CONFIG_SECRETS];
	struct config_problems problems;

	char **files; /* that were read, in this order */
	size_t file_count;
	char *path;                    /* of aither.conf, whether it exists or not */
	struct config_origin *origins; /* of each key, for config_origin */
};

/* Fills a zeroed struct. path NULL: the default path, which may be missing; a path that was given must
 * exist. */
void config_load(struct config *config, const char *path, enum config_program program);
void config_done(struct config *config);

/* Sets the variables of the file as systemd does for aither-worker.service, so that --check-config sees what
 * the unit sees. Errors of file_read_path. */
int config_environment_load(const char *path, struct error *err);

/* The first variable in such a file that holds a secret; static, NULL: none, or the file cannot be read. */
const char *config_environment_find_secret(const char *path);

/* Can the program do its work? False when a required value is missing or a value given is wrong. */
bool config_is_usable(const struct config *config);

/* Where a key's value comes from; borrowed, never NULL. A key: config_key_find("Site", "URL"). */
const struct config_origin *config_origin(const struct config *config, const struct config_key *key);

/* "/etc/aither/aither.conf:12", "environment SMTP_TO" or "default"; owned. */
char *config_origin_text(const struct config_origin *origin);

/* The value as it would stand in a file; owned, NULL: not set. */
char *config_value_text(const struct config *config, const struct config_key *key);

/* All problems with `separator` between them ("\n", "; "); owned. */
char *config_problems_text(const struct config *config, const char *separator);

/* Is the host of a configured URL this machine: localhost, 127.0.0.0/8 or [::1]? */
bool config_url_is_local(const char *url);

/* "hemera-api-key"; config_secret_find returns -1 for an unknown name. */
const char *config_secret_name(enum config_secret secret);
int config_secret_find(const char *name);
enum config_program config_secret_program(enum config_secret secret); /* that loads it */
const char *config_secret_environment(enum config_secret secret);     /* "HEMERA_API_KEY"; NULL: none */

/* Checks a secret's form (hemera-api-key: 32 to 256 visible characters...); -EINVAL with a sentence
 * that does not contain it. */
int config_secret_check(enum config_secret secret, const char *value, struct error *err);

/* The same for a file with the content of a credential; or the error of reading it (-ENOENT, -EACCES...). */
int config_secret_check_file(enum config_secret secret, const char *path, struct error *err);

/* Reads the secret from its credential or else from its variable; *ret_value is owned. -ENOENT: it is not
 * set, nothing is in err; other errors with a sentence that says where it is wrong. */
int config_secret_load(enum config_secret secret, char **ret_value, struct error *err);

/* Where the templates that aither ships are: $AITHER_SHIPPED_TEMPLATES (to run from a build tree) or the
 * installed directory. Borrowed. */
const char *config_shipped_templates(void);

/* The same for files like robots.txt: $AITHER_SHIPPED_SITE. */
const char *config_shipped_site(void);

#endif
