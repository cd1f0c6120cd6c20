/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_COLLATE_H
#define AITHER_BASE_COLLATE_H

/*
 * The order of titles for people, as in a German dictionary (DIN 5007, variant 1): case and marks do not
 * count, "ß" is "ss". English needs nothing else.
 *
 *	collate_prepare(err)                         once, when the program starts
 *	char *key = collate_key(title);
 *	...strcmp(key, other_key), and where they are equal the titles themselves
 *
 * The letters come from glibc, which transliterates to ASCII by the tables of C.UTF-8, a locale that is
 * always installed. The conversion from UTF-8 to ASCII is built into glibc: no module is loaded for it.
 */

struct error;

/* Opens the locale's files, before the first thread. 0 or -errno: then keys differ from titles only in the
 * case of ASCII letters. */
int collate_prepare(struct error *err);

/* Owned. Characters that glibc has no ASCII for (Cyrillic, Chinese) stay, in lower case, behind all ASCII;
 * invisible ones are left out. */
char *collate_key(const char *text);

#endif
