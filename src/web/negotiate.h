/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_NEGOTIATE_H
#define AITHER_WEB_NEGOTIATE_H

/*
 * The browser's preferences, and conditional requests (RFC 9110 sections 12.4, 12.5 and 13.1.2).
 */

#include <stdbool.h>

#include "config/config.h"
#include "published/published.h"

struct http_request;

/* The language of ?lang=de|en; false: the request has no such parameter. */
bool negotiate_chosen_language(const struct http_request *request, enum language *ret_language);

/* The language of ?lang=de|en; else of the site's setting; else of Accept-Language; else German. */
enum language negotiate_language(const struct http_request *request, enum config_language site);

/* Does the client accept gzip? The header has to name it, or "*". NULL (no header) means no. */
bool negotiate_gzip(const char *accept_encoding);

/* Does If-None-Match (a list, weak ones too, or *) name this strong entity tag? NULL is accepted. */
bool negotiate_has_etag(const char *if_none_match, const char *etag);

/* Does Accept prefer HTML to JSON? With equal weights, HTML must be named (text/html or a text range). */
bool negotiate_html(const struct http_request *request);

#endif
