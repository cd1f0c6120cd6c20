/* SPDX-License-Identifier: MIT */
#include "web/phrases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "published/texts.h"
#include "web/page.h"

#define TIME_SIZE_MAX 1024   /* a date in any language */
#define BANNER_SIZE_MAX 8192 /* a sentence; more than a translator will write */
#define ERROR_PAGE_SIZE_MAX 32768

/* The files themselves become part of the program; no tool has to turn them into C. */
__asm__(".pushsection .rodata\n"
	".global phrases_texts_de\n"
	"phrases_texts_de: .incbin \"" AITHER_TEXTS_DIR "/texts.de.json\"\n"
	".byte 0\n"
	".global phrases_texts_en\n"
	"phrases_texts_en: .incbin \"" AITHER_TEXTS_DIR "/texts.en.json\"\n"
	".byte 0\n"
	".popsection\n");
extern const char phrases_texts_de[], phrases_texts_en[];

struct phrases {
	struct texts *texts[LANGUAGES]; /* owned */
};

static void load_own(struct texts *texts, enum language language, const char *directory)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXTS_SIZE_MAX);
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/texts.%s.json", directory, language_name(language));
	struct error err = { 0 };
	int r = file_read_path(path, &text, &err);

	if (r == 0)
		r = texts_override(texts, path, buf_text(&text), text.length, &err);
	if (r < 0 && r != -ENOENT)
		log_write(LOG_WARNING, "%s is not used: %s", path, err.message);
}

struct phrases *phrases_new(const char *template_directory, const char *site_name)
{
	static const char *const shipped[] = {
		[LANGUAGE_DE] = phrases_texts_de, [LANGUAGE_EN] = phrases_texts_en
	};
	struct phrases *phrases = mem_zalloc(sizeof(*phrases));

	for (enum language i = 0; i < LANGUAGES; i++) {
		if (texts_parse(
			    &phrases->texts[i], site_name, "texts", shipped[i], strlen(shipped[i]), NULL) < 0)
			abort(); /* a unit test reads them as well */
		if (template_directory)
			load_own(phrases->texts[i], i, template_directory);
	}
	return phrases;
}

void phrases_freep(struct phrases **phrases_pointer)
{
	struct phrases *phrases = STEAL(*phrases_pointer);

	if (!phrases)
		return;
	for (enum language i = 0; i < LANGUAGES; i++)
		texts_free(phrases->texts[i]);
	free(phrases);
}

static void append_escaped(struct buf *html, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const char *escape = text[i] == '&'   ? "&amp;"
				     : text[i] == '<' ? "&lt;"
				     : text[i] == '>' ? "&gt;"
				     : text[i] == '"' ? "&quot;"
						      : NULL;
		if (escape)
			buf_append_text(html, escape);
		else
			buf_append_char(html, text[i]);
	}
}

/* Appends the text of the key; nothing when there is none. */
static void append_text(
	struct buf *html, const struct phrases *phrases, enum language language, const char *key)
{
	const char *text = texts_get(phrases->texts[language], key);

	if (text)
		append_escaped(html, text, strlen(text));
}

char *phrases_banner_html(
	const struct phrases *phrases, enum language language, const struct phrases_banner *banner)
{
	static const char mark[] = "{time}";
	CLEANUP(buf_done) struct buf html = BUF_INIT(BANNER_SIZE_MAX), time = BUF_INIT(TIME_SIZE_MAX);
	struct time_local moment = time_local(banner->data_ms), now = time_local(banner->now_ms);

	if (banner->data_ms == 0) {
		buf_append_text(&html, "<p class=\"notice\" role=\"status\">");
		append_text(&html, phrases, language, "notice.unknown");
		buf_append_text(&html, "</p>");
		return buf_take(&html);
	}
	if (moment.day != now.day || moment.month != now.month || moment.year != now.year) {
		texts_append_day(phrases->texts[language], &moment, &time);
		buf_append_text(&time, ", ");
	}
	buf_printf(&time, "%02d:%02d", moment.hour, moment.minute);
	buf_append_text(
		&html, banner->is_fresh ? "<p class=\"status\">" : "<p class=\"notice\" role=\"status\">");
	const char *text =
		texts_get(phrases->texts[language], banner->is_fresh ? "notice.fresh" : "notice.stale");
	for (const char *at; (at = strstr(text, mark)); text = at + strlen(mark)) {
		append_escaped(&html, text, (size_t)(at - text));
		append_escaped(&html, buf_text(&time), time.length);
	}
	append_escaped(&html, text, strlen(text));
	buf_append_text(&html, "</p>");
	return buf_take(&html);
}

/* The styles of templates/style.hbs, as far as a few lines need them. */
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
	if (!texts_get(phrases->texts[language], key))
		snprintf(key, sizeof(key), "error.other.%s", part);
	append_text(html, phrases, language, key);
}

void phrases_error_page(
	const struct phrases *phrases, enum language language, int status, struct http_response *response)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(ERROR_PAGE_SIZE_MAX);

	buf_printf(&html, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n%s<title>", language_name(language),
		error_head);
	append_error(&html, phrases, language, status, "title");
	buf_append_text(&html, " · ");
	append_text(&html, phrases, language, "site.name");
	buf_append_text(&html, "</title>\n</head>\n<body>\n<header><p class=\"brand\">");
	append_text(&html, phrases, language, "site.name");
	buf_append_text(&html, "</p></header>\n<main>\n<h1>");
	append_error(&html, phrases, language, status, "title");
	buf_append_text(&html, "</h1>\n<p>");
	append_error(&html, phrases, language, status, "text");
	buf_append_text(&html, "</p>\n<p><a href=\"/\">");
	append_text(&html, phrases, language, "error.home");
	buf_append_text(&html, "</a></p>\n</main>\n</body>\n</html>\n");
	CLEANUP(mem_freep) char *policy = page_policy(buf_text(&html));
	http_response_text(response, status, "text/html; charset=utf-8", buf_text(&html));
	http_response_header(response, "cache-control", "no-store");
	http_response_header(response, "content-language", language_name(language));
	page_security_headers(response, policy);
}
