/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_H
#define AITHER_CONFIG_CONFIG_H

/*
 * Reads the configuration: defaults, then /etc/aither/aither.conf, then the files in aither.conf.d beside it
 * in the order of their names, then the environment, then the secrets. config-key.c lists the keys. All
 * problems are collected, with file and line, instead of stopping at the first one.
 *
 *	CLEANUP(config_done) struct config config = {0};
 *	config_load(&config, path_or_NULL, CONFIG_WORKER);
 *	if (config.problems.count) ... each problem is one sentence that says what to do
 *
 * Secrets do not come from these files but from `$CREDENTIALS_DIRECTORY/aither.NAME` (systemd.exec(5),
 * Credentials), or else from the environment. Each program loads only the secrets that it uses: aither-web
 * the sync token and the pages password, the worker all others, the command line none.
 *
 * An indented line that is no assignment, section or comment continues the value above it. An empty value
 * ("MailTo=") restores the default; an empty variable counts as not set.
 */

#include <stdbool.h>
#include <stddef.h>

struct config_key;
struct error;

#define CONFIG_ENVIRONMENT_FILE "/etc/default/aither" /* only aither-worker.service reads it */
#define CONFIG_PROBLEMS_MAX 50                        /* the rest is not listed */

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

/* The program that reads the configuration. It decides what is required and which secrets are loaded. */
enum config_program { CONFIG_WORKER, CONFIG_WEB, CONFIG_CLI };

struct config_problems {
	size_t count, required_count;    /* required_count: problems that keep the program from working */
	size_t first_required;           /* index of the first of these, if there is one */
	char *text[CONFIG_PROBLEMS_MAX]; /* owned sentences: "/etc/aither/aither.conf:12: ..." */

	/* For the problem with the same index: */
	bool is_required[CONFIG_PROBLEMS_MAX];
	char *file[CONFIG_PROBLEMS_MAX];    /* owned; the file to edit; NULL: none */
	char *command[CONFIG_PROBLEMS_MAX]; /* owned; shell commands that fix it; NULL: none */
	size_t unread_count; /* problems about unread files, for which --check-config does not fail */
};

/* Where a key was set last. It may have been set to an empty value there, which restores the default. */
struct config_origin {
	const char *file;     /* borrowed from the configuration; NULL: not in a file */
	unsigned line;        /* in that file, from 1 */
	const char *variable; /* environment variable; NULL: not in the environment */
};                            /* neither file nor variable: the key was not set and has its default */

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
		char *course_url;                /* with {id} or {slug}, and perhaps {lang} */
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
		char *mail_to;              /* bare addresses, separated by commas without spaces */
		char *mail_from;            /* "NAME <ADDRESS>" without quotation marks, or a bare address */
		char *smtp_url, *smtp_user; /* smtp_url: smtp:// or smtps://host[:port], without a user */
		unsigned failure_threshold, retry_delay_s;
		char *disabled_by; /* the problem in [Notify] that makes mail_to NULL; NULL: none */
	} notify;
	struct {
		bool enabled;
		enum config_level level; /* the lowest level that is reported */
		char *environment, *endpoint;
		char *disabled_by; /* the problem in [Rollbar] that makes `enabled` false; NULL: none */
	} rollbar;
	char *secrets[CONFIG_SECRETS];
	struct config_problems problems;

	char **files; /* the files that were read, in this order */
	size_t file_count;
	char *path;                    /* of aither.conf, even if it does not exist */
	struct config_origin *origins; /* one for each key; use config_origin() */
};

/* Fills a zeroed struct. If `path` is NULL, reads the default path, which need not exist; a given path must
 * exist. */
void config_load(struct config *config, const char *path, enum config_program program);
void config_done(struct config *config);

/* Sets the environment variables in the file as systemd does for aither-worker.service, so that
 * --check-config sees what the unit sees. Fails like file_read_path. */
int config_environment_load(const char *path, struct error *err);

/* The first variable in such a file that contains a secret; static. NULL: there is none, or the file cannot
 * be read. */
const char *config_environment_find_secret(const char *path);

/* False if a required value is missing or wrong, so that the program cannot do its work. */
bool config_is_usable(const struct config *config);

/* Where the value of a key comes from; borrowed, never NULL. To get a key: config_key_find("Site", "URL"). */
const struct config_origin *config_origin(const struct config *config, const struct config_key *key);

/* "/etc/aither/aither.conf:12", "environment SMTP_TO" or "default"; owned. */
char *config_origin_text(const struct config_origin *origin);

/* The value as a file would contain it; owned. NULL: not set. */
char *config_value_text(const struct config *config, const struct config_key *key);

/* All problems, with `separator` (such as "\n") between them; owned. */
char *config_problems_text(const struct config *config, const char *separator);

/* Whether the host of a configured URL is this machine: localhost, 127.0.0.0/8 or [::1]. */
bool config_url_is_local(const char *url);

/* A secret's name, such as "hemera-api-key", and the secret with a name, or -1 if there is none. */
const char *config_secret_name(enum config_secret secret);
int config_secret_find(const char *name);
enum config_program config_secret_program(enum config_secret secret); /* the program that loads it */
const char *config_secret_environment(enum config_secret secret);     /* its variable; NULL: none */

/* Checks the form of a secret, such as 32 to 256 visible characters for hemera-api-key. Returns -EINVAL with
 * a sentence that does not contain the secret. */
int config_secret_check(enum config_secret secret, const char *value, struct error *err);

/* Checks a secret in a file such as a stored credential. Also fails if the file cannot be read (-ENOENT...).
 */
int config_secret_check_file(enum config_secret secret, const char *path, struct error *err);

/* Reads the secret from its credential or else from its variable; *ret_value is owned. Returns -ENOENT
 * without a sentence in err if it is not set, and other errors with a sentence that says where the mistake
 * is. */
int config_secret_load(enum config_secret secret, char **ret_value, struct error *err);

/* Directory of the templates that come with aither: $AITHER_SHIPPED_TEMPLATES (to run from a build tree) or
 * the installed directory. Borrowed. */
const char *config_shipped_templates(void);

/* Directory of files such as robots.txt that come with aither: $AITHER_SHIPPED_SITE or the installed one. */
const char *config_shipped_site(void);

#endif
