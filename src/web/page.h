/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PAGE_H
#define AITHER_WEB_PAGE_H

/*
 * A page or another file ready to be sent: its bytes, their gzip form, a strong entity tag for each, and the
 * content security policy that permits the site's own images, fonts and styles, inline styles and the one
 * script of ours, nothing else. All are made once (the gzip form when the first client wants it); then a
 * request costs a lookup.
 *
 * Compressing takes a hundred times as long as sending. So HEAD and 304 never compress, and course pages, of
 * which there may be more than are kept in memory, take a tenth of the time at most.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_body;
struct http_request;
struct http_response;

#define PAGE_ETAG_SIZE 40 /* quotes, 32 digits of a SHA-256, "-gz", NUL */

enum page_trust {
	PAGE_OPEN, /* page_policy */
	/* A page with participants, whose template may come from Hemera: a sandbox without scripts, in which
	 * <meta http-equiv=refresh> does not carry a name to another site either. "allow-same-origin" is for
	 * the site's own fonts and images. */
	PAGE_SANDBOXED,
	PAGE_INERT, /* no page: an SVG image that a browser opens by itself loads and runs nothing */
};

#define PAGE_PRIVATE_CACHING "private, no-store" /* Cache-Control of pages for staff */
#define PAGE_HTML "text/html; charset=utf-8"

struct page_kind {                /* texts are static */
	const char *content_type; /* one that is neither text nor SVG is not compressed */
	const char *language;     /* Content-Language; NULL: not sent */
	const char *vary;
	enum page_trust trust;
};

struct page {
	struct http_body *plain, *gzip; /* owned; gzip: NULL until wanted */
	bool is_incompressible;
	char etag[PAGE_ETAG_SIZE], etag_gzip[PAGE_ETAG_SIZE];
	char *policy; /* owned; Content-Security-Policy */
	struct page_kind kind;
};

/* Fills *page, which was empty or is replaced. */
void page_set(struct page *page, char *owned_text, size_t length, const struct page_kind *kind);
void page_done(struct page *page);

/* The part of a request that the answer depends on, kept while a visitor waits. */
struct page_request {
	bool gzip, is_head;
	char *if_none_match; /* owned; NULL: none */
};

void page_request_read(struct page_request *ret_wanted, const struct http_request *request);
void page_request_done(struct page_request *wanted);

/* 200, or 304 when the client has the page. The answer to HEAD has no Content-Length when GET would have to
 * compress. Until *gzip_pause_ms (monotonic; 0 at first, shared by all course pages), a page that is not
 * compressed yet is sent uncompressed. NULL: no pause. */
void page_answer(struct page *page, const struct page_request *wanted, uint64_t *gzip_pause_ms,
	const char *cache_control, struct http_response *response);

/* Content-Security-Policy for a page with this text. Owned. */
char *page_policy(const char *text);

/* The headers that every answer for browsers has beside its own; page_answer includes them. */
void page_security_headers(struct http_response *response, const char *policy);

#endif
