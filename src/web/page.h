/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WEB_PAGE_H
#define AITHER_WEB_PAGE_H

/*
 * A page or another file ready to be sent: its bytes, their gzip form, a strong entity tag for each, and a
 * content security policy. The policy permits the site's own images, fonts and styles, inline styles and the
 * one script that aither ships, and nothing else. All are made once (the gzip form for the first client that
 * accepts it); then a request costs a lookup.
 *
 * Compressing takes a hundred times as long as sending. Therefore HEAD and 304 never compress. There may be
 * more course pages than the cache holds; compressing them takes at most a tenth of the time.
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
	PAGE_INERT, /* not a page; an SVG image that a browser opens as a document loads and runs nothing */
};

#define PAGE_PRIVATE_CACHING "private, no-store" /* Cache-Control of pages for staff */
#define PAGE_HTML "text/html; charset=utf-8"

struct page_kind {                /* texts are static */
	const char *content_type; /* only text and SVG are compressed */
	const char *language;     /* Content-Language; NULL: not sent */
	const char *vary;
	enum page_trust trust;
};

struct page {
	struct http_body *plain, *gzip; /* owned; gzip: NULL until a client accepts it */
	bool is_incompressible;
	char etag[PAGE_ETAG_SIZE], etag_gzip[PAGE_ETAG_SIZE];
	char *policy; /* owned; Content-Security-Policy */
	struct page_kind kind;
};

/* Fills *page, which is empty or is replaced. */
void page_set(struct page *page, char *owned_text, size_t length, const struct page_kind *kind);
void page_done(struct page *page);

/* The part of a request that the answer depends on, kept while a visitor waits. */
struct page_request {
	bool gzip, is_head;
	char *if_none_match; /* owned; NULL: none */
};

void page_request_read(struct page_request *ret_wanted, const struct http_request *request);
void page_request_done(struct page_request *wanted);

/* Answers with 200, or with 304 if the client has the page. The response to HEAD has no Content-Length if GET
 * would have to compress. Until *gzip_pause_ms (monotonic; 0 at first, shared by all course pages), a page
 * that is not compressed yet is sent uncompressed. NULL: no pause. */
void page_answer(struct page *page, const struct page_request *wanted, uint64_t *gzip_pause_ms,
	const char *cache_control, struct http_response *response);

/* The Content-Security-Policy for a page with this text. Owned. */
char *page_policy(const char *text);

/* Adds the headers that every response for browsers has; page_answer includes them. */
void page_security_headers(struct http_response *response, const char *policy);

#endif
