/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_COLLATE_H
#define AITHER_BASE_COLLATE_H

/*
 * Sorts titles as a German dictionary does (DIN 5007, variant 1): case and diacritics are ignored, and "ß"
 * counts as "ss". The same order suits English.
 *
 *	collate_prepare(err)                         once, when the program starts
 *	char *key = collate_key(title);
 *	...compare keys by strcmp(3); if they are equal, compare the titles themselves
 *
 * The letters come from glibc, which transliterates to ASCII by the tables of C.UTF-8, a locale that is
 * always installed. The conversion from UTF-8 to ASCII is built into glibc: no module is loaded for it.
 */

struct error;

/* Opens the locale's files. Call it before the first thread. 0 or -errno; after a failure keys differ from
 * titles only in the case of ASCII letters. */
int collate_prepare(struct error *err);

/* Owned. Characters for which glibc has no ASCII form (Cyrillic, Chinese) are kept in lower case and sort
 * after all ASCII; invisible characters are left out. */
char *collate_key(const char *text);

#endif
