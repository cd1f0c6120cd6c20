/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_KEY_H
#define AITHER_CONFIG_CONFIG_KEY_H

/*
 * All configuration keys, and a parser for each type of value. data/aither.conf explains what the keys mean;
 * man/update-keys copies its text into the manual page.
 *
 * A parser checks the whole text before it changes its target. On failure, the sentence in err completes
 * "Key=text: ..." and never repeats the text, which may contain a misplaced secret.
 */

#include <stdbool.h>
#include <stddef.h>

struct config_type;
struct error;

/* Returns 0, or -EINVAL and leaves the target unchanged. CONFIG_CORRECTED: the target has the value that the
 * operator obviously meant, and *err says what is wrong with the text. */
#define CONFIG_CORRECTED 1
typedef int config_parse(const struct config_type *type, const char *text, void *target, struct error *err);

struct config_type {
	config_parse *parse;
	unsigned min,
		max; /* numbers: bounds; texts, paths, the path of a URL: max bytes; mail: max addresses */
	const char *const *words; /* choices in the order of their values, or schemes, then NULL; or NULL */
	const char *unit;         /* of a number, such as "seconds"; NULL: none */
};

config_parse config_parse_number; /* unsigned */
config_parse config_parse_flag;   /* bool; yes, no, true, false, on, off, 1, 0; or one of two words */
config_parse config_parse_choice; /* enum, counted from 0 */
config_parse config_parse_text;   /* char *, printable ASCII */
config_parse config_parse_words;  /* char *, UTF-8 text for people */
config_parse config_parse_path;   /* char *, absolute path without trailing slash */
config_parse config_parse_zone;   /* char *, a name in /usr/share/zoneinfo */
config_parse config_parse_mail; /* char *, addresses as in RFC 5322; stored bare and separated by commas, or,
				   if max is 1, with the name: "NAME <ADDRESS>" */
config_parse config_parse_url;  /* char *, scheme://host[:port] without trailing slash, or with a path */

/* char *, for links that visitors follow: the address of this site (http:// or https://, no path), of a
 * course (with {id} or {slug} and perhaps {lang}), or of any page (a path on this site if it begins with /).
 */
config_parse config_parse_origin, config_parse_course_url, config_parse_link;

struct config_key {
	const char *section, *name;
	const char *default_text; /* as a parser would store it; NULL: not set */
	struct config_type type;
	size_t offset;                               /* of the target in struct config */
	const char *environment, *environment_other; /* the second counts if the first is not set */
	bool shared; /* aither-web and the command line use it, too: a wrong value also stops them */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL if there is no such key. Names are case-sensitive. */
const struct config_key *config_key_find(const char *section, const char *name);
bool config_section_exists(const char *section);

/* The key whose name is closest to `name`, preferably in the same section. If `name` is NULL, a key of the
 * section whose name is closest to `section`. NULL if nothing is close. */
const struct config_key *config_key_suggest(const char *section, const char *name);

#endif
