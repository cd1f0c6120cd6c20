/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_CONFIG_TABLE_H
#define AITHER_BASE_CONFIG_TABLE_H

/*
 * Private to base/config*.c and its test: the one table of all configuration keys and the parser of each
 * type. A parser checks a text completely before it touches its target; on failure the sentence in err
 * completes "Key=text: ..." and never repeats the text, which may hold a secret put in the wrong place.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"

struct config_key;

/* Ends a sentence about an international host name (RFC 5890): converting one needs tables that only libcurl
 * brings, and aither-web does without it. */
#define CONFIG_WRITE_ASCII \
	"has letters that are not ASCII; write its ASCII form (xn--...), which idn2(1) prints"

/* 0, or -EINVAL with the target as it was. CONFIG_CORRECTED: what was meant is clear and is in the target;
 * *err says what is wrong nevertheless. */
#define CONFIG_CORRECTED 1
typedef int config_parse(const struct config_key *key, const char *text, void *target, struct error *err);

struct config_key {
	const char *section, *name;
	config_parse *parse;
	size_t offset;            /* of the target in struct config */
	const char *default_text; /* NULL: not set */
	const char *example;      /* what the sample shows where default_text is NULL */
	unsigned min, max;        /* numbers: bounds; texts and paths: max bytes; mail: max addresses */
	const char *const *words; /* choices, NULL-terminated, in the order of the values; else NULL */
	const char *unit;         /* of a number: "seconds"; NULL: none */
	const char *environment, *environment_other; /* the second is asked when the first is not set */
	bool shared; /* used by aither-web and the command line too: a wrong value stops them as well */
	const char *meaning; /* one line of at most 100 characters */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

config_parse config_parse_number;   /* unsigned */
config_parse config_parse_flag;     /* bool; yes, no, true, false, on, off, 1, 0; or one of two words */
config_parse config_parse_choice;   /* enum, counted from 0 */
config_parse config_parse_text;     /* char *, printable ASCII */
config_parse config_parse_path;     /* char *, absolute, without trailing slash */
config_parse config_parse_zone;     /* char *, a name that /usr/share/zoneinfo has */
config_parse config_parse_mail;     /* char *, addresses as RFC 5322 has them; bare, separated by commas */
config_parse config_parse_origin;   /* char *, scheme://host[:port] without trailing slash */
config_parse config_parse_endpoint; /* char *, the same with a path */
config_parse config_parse_smtp;     /* char *, smtp:// or smtps://host[:port] */

/* NULL when there is none of that name. Names are case-sensitive. */
const struct config_key *config_key_find(const char *section, const char *name);
bool config_section_exists(const char *section);

/* The key (or the key whose section) is spelled most like it, NULL when none is close. Keys of the section
 * itself are preferred. */
const struct config_key *config_key_suggest(const char *section, const char *name);
const struct config_key *config_section_suggest(const char *section);

/* What config.c and config-secret.c share while loading. */
struct config_loader {
	struct config *config;
	enum config_program program;
	bool base_url_wrong,
		secret_wrong[CONFIG_SECRETS]; /* then "not set" would be one complaint too many */
};

/* Sets one value; an empty text returns to the default. `where` begins the sentence when it is wrong:
 * "/etc/aither/aither.conf:12: [Sync] TimeLimitSec". */
void config_set(
	struct config_loader *loader, const struct config_key *key, const char *where, const char *text);

/* Adds a sentence to the list. `required`: it keeps the program from working. */
void config_problem(struct config *config, bool required, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The secrets that the program uses, from credentials or environment. */
void config_secrets_load(struct config_loader *loader);

#endif
