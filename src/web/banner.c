/* SPDX-License-Identifier: MIT */
#include "web/banner.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/http.h"
#include "web/page.h"
#include "web/phrases.h"

#define NOTICE_SIZE_MAX 8192 /* a sentence; more than a translator will write */
#define ERROR_PAGE_SIZE_MAX 32768

char *banner_html(const struct phrases *phrases, enum language language, const struct banner_state *state)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(NOTICE_SIZE_MAX);
	const int64_t times[] = { state->data_ms, state->now_ms };

	if (state->data_ms != 0 && state->is_fresh)
		buf_append_text(&html, "<p class=\"status\">");
	else
		buf_append_text(&html, "<p class=\"notice\" role=\"status\">");
	if (state->data_ms == 0)
		phrases_append(&html, phrases, language, "notice.unknown");
	else
		phrases_append_with_time(
			&html, phrases, language, state->is_fresh ? "notice.fresh" : "notice.stale", times);
	buf_append_text(&html, "</p>");
	return buf_take(&html);
}

/* The look of templates/style.hbs, as far as a few lines need it. */
static const char error_head[] =
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<link rel=\"icon\" href=\"data:,\">\n<style>"
	":root{--paper:#f6f5f1;--ink:#20272b;--accent:#0a5a5c}"
	"@media (prefers-color-scheme:dark){:root{--paper:#14191b;--ink:#e8ebe9;--accent:#86cfca}}"
	"body{max-width:62rem;margin:0 auto;padding:1.75rem 1.5rem;background:var(--paper);color:var(--ink);"
	"font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto "
	"Sans\",Ubuntu,Cantarell,sans-serif}"
	".brand{margin:0;font-weight:600;letter-spacing:.02em;color:var(--accent)}"
	"h1{margin:2.25rem 0 .5rem;font-size:clamp(1.75rem,1.4rem + 1.6vw,2.5rem);line-height:1.2;"
	"font-weight:650;letter-spacing:-.01em}"
	"main p{max-width:44rem}"
	"a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.2em}"
	":focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:.2rem}"
	"@media (max-width:52rem){body{padding-left:1rem;padding-right:1rem}h1{margin-top:1.5rem}}"
	"</style>\n";

/* "error.404.title", or "error.other.title" of a status without words of its own. */
static void append_error(
	struct buf *html, const struct phrases *phrases, enum language language, int status, const char *part)
{
	char key[32];

	snprintf(key, sizeof(key), "error.%d.%s", status, part);
	if (!phrases_has(phrases, language, key))
		snprintf(key, sizeof(key), "error.other.%s", part);
	phrases_append(html, phrases, language, key);
}

void banner_error_page(
	struct http_response *response, const struct phrases *phrases, enum language language, int status)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(ERROR_PAGE_SIZE_MAX);

	buf_printf(&html, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n%s<title>", language_name(language),
		error_head);
	append_error(&html, phrases, language, status, "title");
	buf_append_text(&html, " · ");
	phrases_append(&html, phrases, language, "site.name");
	buf_append_text(&html, "</title>\n</head>\n<body>\n<header><p class=\"brand\">");
	phrases_append(&html, phrases, language, "site.name");
	buf_append_text(&html, "</p></header>\n<main>\n<h1>");
	append_error(&html, phrases, language, status, "title");
	buf_append_text(&html, "</h1>\n<p>");
	append_error(&html, phrases, language, status, "text");
	buf_append_text(&html, "</p>\n<p><a href=\"/\">");
	phrases_append(&html, phrases, language, "error.home");
	buf_append_text(&html, "</a></p>\n</main>\n</body>\n</html>\n");
	CLEANUP(mem_freep) char *policy = page_policy(buf_text(&html));
	http_response_text(response, status, "text/html; charset=utf-8", buf_text(&html));
	http_response_header(response, "cache-control", "no-store");
	http_response_header(response, "content-language", language_name(language));
	page_security_headers(response, policy);
}
