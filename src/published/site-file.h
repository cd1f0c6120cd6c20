/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_SITE_FILE_H
#define AITHER_PUBLISHED_SITE_FILE_H

/*
 * The operator's own files ([Site] FileDirectory): logo, favicon, fonts, an imprint page. aither-web serves
 * them as they are, and aither-worker reports files that aither-web will not serve. Both follow the rules
 * here.
 *
 *	site_file_is_path("fonts/x.woff2")    a name, or a folder and a name
 *	site_file_type("x.woff2")             "font/woff2"
 */

#include <stdbool.h>

/* The media type, by the suffix; static. NULL: files of this type are not served. */
const char *site_file_type(const char *name);

/* Is this a path below FileDirectory, without a leading slash, that may be served: a file of a known type, at
 * most one folder deep, whose names follow the rule of published.h? */
bool site_file_is_path(const char *path);

/* Does aither itself serve something at that path, so that the operator's file is hidden? */
bool site_file_is_hidden(const char *path);

#endif
