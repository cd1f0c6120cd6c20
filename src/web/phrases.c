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
#include "published/published.h"
#include "published/texts.h"
#include "web/page.h"

#define TIME_SIZE_MAX 1024            /* a date in any language */
#define BANNER_SIZE_MAX 8192          /* a sentence; longer than any translation */
#define PHRASES_PAGE_MAX (256u << 10) /* the style has 8 KB; TEXTS_SIZE_MAX limits the texts */
#define KEY_SIZE 32                   /* of a built-in text's key */
#define HOME_SIZE sizeof("/?lang=de")

/* The assembler includes the files as they are, so no tool has to turn them into C. */
__asm__(".pushsection .rodata\n"
	".global phrases_texts_de\n"
	"phrases_texts_de: .incbin \"" AITHER_TEXTS_DIR "/texts.de.json\"\n"
	".byte 0\n"
	".global phrases_texts_en\n"
	"phrases_texts_en: .incbin \"" AITHER_TEXTS_DIR "/texts.en.json\"\n"
	".byte 0\n"
	".global phrases_style\n"
	"phrases_style: .incbin \"" AITHER_TEXTS_DIR "/style.hbs\"\n"
	".byte 0\n"
	".popsection\n");
extern const char phrases_texts_de[], phrases_texts_en[], phrases_style[];

struct phrases {
	struct phrases_options options;
	struct texts *texts[LANGUAGES]; /* owned */
	char *policy;                   /* owned; the same for every page, because all have the same style */
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

struct phrases *phrases_new(const struct phrases_options *options)
{
	static const char *const shipped[] = {
		[LANGUAGE_DE] = phrases_texts_de, [LANGUAGE_EN] = phrases_texts_en
	};
	struct phrases *phrases = mem_zalloc(sizeof(*phrases));

	phrases->options = *options;
	phrases->policy = page_policy(phrases_style);
	for (enum language i = 0; i < LANGUAGES; i++) {
		if (texts_parse(&phrases->texts[i], options->site_name, "texts", shipped[i],
			    strlen(shipped[i]), NULL) < 0)
			abort(); /* cannot happen: a unit test reads these files too */
		if (options->template_directory)
			load_own(phrases->texts[i], i, options->template_directory);
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
	free(phrases->policy);
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

/* Appends the text of the key, or nothing if there is none. */
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

/* ---- pages ---- */

/* The configuration has checked the URL, but it may contain "&". */
static void append_link(struct buf *html, const struct phrases *phrases, enum language language,
	const char *url, const char *key)
{
	buf_append_text(html, "<a href=\"");
	append_escaped(html, url, strlen(url));
	buf_append_text(html, "\">");
	append_text(html, phrases, language, key);
	buf_append_text(html, "</a>");
}

/* A page with a title, a sentence and a link. All members but `url` are keys of texts. */
struct plain_page {
	const char *title, *text, *link;
	const char *url;
	bool has_other_language; /* a link to the same page in the other language, which is the homepage */
};

static void append_header(struct buf *html, const struct phrases *phrases, enum language language,
	const struct plain_page *page)
{
	const char *directory = phrases->options.file_directory;
	const char *logo = directory ? published_logo(directory) : NULL;
	const char *other = language_name(language == LANGUAGE_DE ? LANGUAGE_EN : LANGUAGE_DE);

	buf_printf(html, "<header class=\"top\">\n<p class=\"brand\"><a href=\"%s\">", page->url);
	if (logo)
		buf_printf(html, "<img src=\"%s\" alt=\"", logo);
	append_text(html, phrases, language, "site.name");
	buf_append_text(html, logo ? "\"></a></p>\n" : "</a></p>\n");
	if (page->has_other_language) {
		buf_append_text(html, "<nav aria-label=\"");
		append_text(html, phrases, language, "nav.language");
		buf_printf(
			html, "\"><a href=\"/?lang=%s\" hreflang=\"%s\" lang=\"%s\">", other, other, other);
		append_text(html, phrases, language, "other.name");
		buf_append_text(html, "</a></nav>\n");
	}
	buf_append_text(html, "</header>\n");
}

static void append_footer(struct buf *html, const struct phrases *phrases, enum language language)
{
	const char *imprint = phrases->options.imprint_url, *privacy = phrases->options.privacy_url;

	if (!imprint && !privacy)
		return;
	buf_append_text(html, "<footer class=\"end\">\n<p class=\"links\">");
	if (imprint)
		append_link(html, phrases, language, imprint, "footer.imprint");
	if (imprint && privacy)
		buf_append_char(html, ' ');
	if (privacy)
		append_link(html, phrases, language, privacy, "footer.privacy");
	buf_append_text(html, "</p>\n</footer>\n");
}

/* The whole page; owned. */
static char *make_page(const struct phrases *phrases, enum language language, const struct plain_page *page)
{
	CLEANUP(buf_done) struct buf html = BUF_INIT(PHRASES_PAGE_MAX);
	const char *directory = phrases->options.file_directory;
	const char *style = directory ? published_style(directory) : NULL;

	buf_printf(&html,
		"<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n"
		"<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<meta name=\"robots\" content=\"noindex\">\n<title>",
		language_name(language));
	append_text(&html, phrases, language, page->title);
	buf_append_text(&html, " · ");
	append_text(&html, phrases, language, "site.name");
	buf_append_text(
		&html, "</title>\n<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n");
	buf_append_text(&html, phrases_style);
	if (style)
		buf_printf(&html, "<link rel=\"stylesheet\" href=\"%s\">\n", style);
	buf_append_text(&html, "</head>\n<body>\n");
	append_header(&html, phrases, language, page);
	buf_append_text(&html, "<main>\n<h1>");
	append_text(&html, phrases, language, page->title);
	buf_append_text(&html, "</h1>\n<p>");
	append_text(&html, phrases, language, page->text);
	buf_append_text(&html, "</p>\n<p>");
	append_link(&html, phrases, language, page->url, page->link);
	buf_append_text(&html, "</p>\n</main>\n");
	append_footer(&html, phrases, language);
	buf_append_text(&html, "</body>\n</html>\n");
	return buf_take(&html);
}

/* "error.404.title", or "error.other.title" for a status without texts of its own. */
static void write_error_key(
	char key[static KEY_SIZE], const struct texts *texts, int status, const char *part)
{
	snprintf(key, KEY_SIZE, "error.%d.%s", status, part);
	if (!texts_get(texts, key))
		snprintf(key, KEY_SIZE, "error.other.%s", part);
}

/* The homepage in this language. */
static void write_home(char url[static HOME_SIZE], enum language language)
{
	snprintf(url, HOME_SIZE, "/?lang=%s", language_name(language));
}

void phrases_error_page(const struct phrases *phrases, enum language language, bool is_chosen, int status,
	struct http_response *response)
{
	char title[KEY_SIZE], text[KEY_SIZE], home[HOME_SIZE];

	write_error_key(title, phrases->texts[language], status, "title");
	write_error_key(text, phrases->texts[language], status, "text");
	write_home(home, language);
	CLEANUP(mem_freep)
	char *html = make_page(phrases, language,
		&(struct plain_page){
			.title = title, .text = text, .link = "error.home", .url = is_chosen ? home : "/" });
	http_response_text(response, status, "text/html; charset=utf-8", html);
	http_response_header(response, "cache-control", "no-store");
	http_response_header(response, "content-language", language_name(language));
	page_security_headers(response, phrases->policy);
}

char *phrases_fallback_html(const struct phrases *phrases, enum language language)
{
	char home[HOME_SIZE];

	write_home(home, language);
	return make_page(phrases, language,
		&(struct plain_page){ .title = "fallback.title",
			.text = "fallback.text",
			.link = "fallback.again",
			.url = home,
			.has_other_language = true });
}
