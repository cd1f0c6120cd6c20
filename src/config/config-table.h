/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CONFIG_CONFIG_TABLE_H
#define AITHER_CONFIG_CONFIG_TABLE_H

/* All configuration keys. What each means is written in data/aither.conf, from which man/update-keys takes
 * the text of the manual. */

#include <stdbool.h>
#include <stddef.h>

#include "config/config-value.h"

struct config_key {
	const char *section, *name;
	const char *default_text; /* in its final form; NULL: not set */
	struct config_type type;
	size_t offset;                               /* of the target in struct config */
	const char *environment, *environment_other; /* the second is asked when the first is not set */
	bool shared; /* used by aither-web and the command line too: a wrong value stops them as well */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL when there is none of that name. Names are case-sensitive. */
const struct config_key *config_key_find(const char *section, const char *name);
bool config_section_exists(const char *section);

/* The key that is spelled most like it, of the section itself rather than of another; with `name` NULL, a key
 * of the section that is spelled most like it. NULL when none is close. */
const struct config_key *config_key_suggest(const char *section, const char *name);

#endif
