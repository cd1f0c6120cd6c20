/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_POLICY_H
#define AITHER_RENDER_POLICY_H

/*
 * Finds the parts of a page that a browser will neither load nor run under aither-web's
 * Content-Security-Policy: everything of other sites but plain links, all frames, videos and plugins, inline
 * event handlers and style attributes, <base>, <meta http-equiv=refresh> and every script that is not ours.
 * For `aither doctor`, which looks at the pages that templates give; a page is served with the policy,
 * whatever this finds. So the scanner reads HTML as people write it in templates, not as hostile pages have
 * it.
 *
 *	policy_scan(html, &permitted, on_found, arg);
 *	on_found(arg, "the image", "https://a.example/x.png", 23)    what it calls
 */

#include <stddef.h>

/* `what` is static; text[0..length) is a part of the page. */
typedef void policy_found(void *arg, const char *what, const char *text, size_t length);

struct policy_permitted {
	const char *script; /* the content of the one script that may run; NULL: none may */
	const char *origin; /* "https://a.example", this site; NULL: not known */
};

void policy_scan(const char *html, const struct policy_permitted *permitted, policy_found *found, void *arg);

#endif
