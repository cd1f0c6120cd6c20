/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_KEY_H
#define AITHER_CONFIG_CONFIG_KEY_H

/*
 * All configuration keys, and how a text becomes a value of each. data/aither.conf explains their meaning,
 * and man/update-keys takes the text of the manual from there.
 *
 * A parser checks a text completely before it touches its target; on failure the sentence in err completes
 * "Key=text: ..." and never repeats the text, which may hold a secret put in the wrong place.
 */

#include <stdbool.h>
#include <stddef.h>

struct config_type;
struct error;

/* 0, or -EINVAL with the target as it was. CONFIG_CORRECTED: the target has the value that was obviously
 * meant, and *err says what is wrong with the text. */
#define CONFIG_CORRECTED 1
typedef int config_parse(const struct config_type *type, const char *text, void *target, struct error *err);

struct config_type {
	config_parse *parse;
	unsigned min,
		max; /* numbers: bounds; texts, paths, the path of a URL: max bytes; mail: max addresses */
	const char *const *words; /* choices in the order of the values, schemes; NULL-terminated, or NULL */
	const char *unit;         /* of a number: "seconds"; NULL: none */
};

config_parse config_parse_number; /* unsigned */
config_parse config_parse_flag;   /* bool; yes, no, true, false, on, off, 1, 0; or one of two words */
config_parse config_parse_choice; /* enum, counted from 0 */
config_parse config_parse_text;   /* char *, printable ASCII */
config_parse config_parse_words;  /* char *, UTF-8 for people to read */
config_parse config_parse_path;   /* char *, absolute, without trailing slash */
config_parse config_parse_zone;   /* char *, a name that /usr/share/zoneinfo has */
config_parse config_parse_mail;   /* char *, addresses as RFC 5322 has them; bare, separated by commas, but if
				     only one is possible, with its name: "NAME <ADDRESS>" */
config_parse config_parse_url;    /* char *, scheme://host[:port] without trailing slash, or with a path */

/* char *, for links that visitors follow: the address of this site (http:// or https://, no path); one of a
 * course, with {id} or {slug} and perhaps {lang}; one of any page, elsewhere or, if it begins with /, here.
 */
config_parse config_parse_origin, config_parse_course_url, config_parse_link;

struct config_key {
	const char *section, *name;
	const char *default_text; /* in its final form; NULL: not set */
	struct config_type type;
	size_t offset;                               /* of the target in struct config */
	const char *environment, *environment_other; /* the second counts when the first is not set */
	bool shared; /* used by aither-web and the command line too: a wrong value stops them as well */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL when there is none of that name. Names are case-sensitive. */
const struct config_key *config_key_find(const char *section, const char *name);
bool config_section_exists(const char *section);

/* The key whose name is closest to `name`, preferably of the same section; with `name` NULL, a key of the
 * section whose name is closest to `section`. NULL when none is close. */
const struct config_key *config_key_suggest(const char *section, const char *name);

#endif
