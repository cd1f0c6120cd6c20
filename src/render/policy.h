/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_POLICY_H
#define AITHER_RENDER_POLICY_H

/*
 * Finds the parts of a page that a browser will neither load nor run under aither-web's
 * Content-Security-Policy: everything from other sites except plain links, all frames, videos and plug-ins,
 * inline event handlers and style attributes, <base>, <meta http-equiv=refresh>, and every script except
 * aither's own.
 *
 * `aither doctor` uses it to check the pages that templates produce. Pages are served with the policy, no
 * matter what the scanner finds, so it reads HTML as people write it in templates and need not withstand
 * hostile pages.
 *
 *	policy_scan(html, &permitted, on_found, arg);
 *	on_found(arg, "the image", "https://a.example/x.png", 23)    is called for each part
 */

#include <stddef.h>

/* `what` is static; text[0..length) is a part of the page. */
typedef void policy_found(void *arg, const char *what, const char *text, size_t length);

struct policy_permitted {
	const char *script; /* the content of the only script that may run; NULL: no script may run */
	const char *origin; /* this site, "https://a.example"; NULL: not known */
};

void policy_scan(const char *html, const struct policy_permitted *permitted, policy_found *found, void *arg);

#endif
