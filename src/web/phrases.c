/* SPDX-License-Identifier: MIT */
#include "web/phrases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

#define TEXTS_SIZE_MAX (256u << 10) /* the same as for the worker, which makes the pages of them */
#define TIME_HTML_MAX 1024          /* a date in any language */

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
	struct json *shipped[LANGUAGES], *own[LANGUAGES]; /* owned; own: NULL when there is none */
};

static int parse(struct json **ret_texts, const char *text, size_t length, struct error *err)
{
	static const struct json_limits limits = {
		.size_max = TEXTS_SIZE_MAX, .depth_max = 2, .node_max = 2000
	};

	return json_parse(ret_texts, text, length, &limits, err);
}

static void load_own(struct phrases *phrases, enum web_language language, const char *directory)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXTS_SIZE_MAX);
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/texts.%s.json", directory, language_name(language));
	struct error err = { 0 };

	int result = file_read_path(path, &text, &err);
	if (result == 0)
		result = parse(&phrases->own[language], buf_text(&text), text.length, &err);
	if (result < 0 && result != -ENOENT)
		log_write(LOG_WARNING, "%s is not used: %s", path, err.message);
}

struct phrases *phrases_new(const char *template_directory)
{
	struct phrases *phrases = mem_zalloc(sizeof(*phrases));

	parse(&phrases->shipped[LANGUAGE_DE], phrases_texts_de, strlen(phrases_texts_de), NULL);
	parse(&phrases->shipped[LANGUAGE_EN], phrases_texts_en, strlen(phrases_texts_en), NULL);
	for (int i = 0; i < LANGUAGES && template_directory; i++)
		load_own(phrases, (enum web_language)i, template_directory);
	return phrases;
}

void phrases_freep(struct phrases **phrases_pointer)
{
	struct phrases *phrases = STEAL(*phrases_pointer);

	if (!phrases)
		return;
	for (int i = 0; i < LANGUAGES; i++) {
		json_freep(&phrases->shipped[i]);
		json_freep(&phrases->own[i]);
	}
	free(phrases);
}

static const char *find(const struct phrases *phrases, enum web_language language, const char *key)
{
	const char *own = json_string(json_get(phrases->own[language], key));

	return own ? own : json_string(json_get(phrases->shipped[language], key));
}

bool phrases_has(const struct phrases *phrases, enum web_language language, const char *key)
{
	return find(phrases, language, key) != NULL;
}

static void append_escaped(struct buf *html, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '&':
			buf_append_text(html, "&amp;");
			break;
		case '<':
			buf_append_text(html, "&lt;");
			break;
		case '>':
			buf_append_text(html, "&gt;");
			break;
		case '"':
			buf_append_text(html, "&quot;");
			break;
		default:
			buf_append_char(html, text[i]);
		}
	}
}

void phrases_append(
	struct buf *html, const struct phrases *phrases, enum web_language language, const char *key)
{
	const char *text = find(phrases, language, key);

	if (text)
		append_escaped(html, text, strlen(text));
}

/* The text with what stands for each mark, up to "" for the last; `values` are HTML. */
static void append_filled(
	struct buf *html, const char *text, const char *const marks[], const char *const values[])
{
	while (text && *text) {
		size_t i = 0;

		while (marks[i] && strncmp(text, marks[i], strlen(marks[i])) != 0)
			i++;
		if (marks[i])
			buf_append_text(html, values[i]);
		else
			append_escaped(html, text, 1);
		text += marks[i] ? strlen(marks[i]) : 1;
	}
}

static void append_day(struct buf *html, const struct phrases *phrases, enum web_language language,
	const struct time_local *date)
{
	static const char *const marks[] = { "{day}", "{month}", "{year}", NULL };
	CLEANUP(buf_done) struct buf month = BUF_INIT(TIME_HTML_MAX);
	char day[12], year[12], key[24]; /* any int */

	snprintf(day, sizeof(day), "%d", date->day);
	snprintf(year, sizeof(year), "%d", date->year);
	snprintf(key, sizeof(key), "month.%d", date->month);
	phrases_append(&month, phrases, language, key);
	append_filled(html, find(phrases, language, "date.format"), marks,
		(const char *const[]){ day, buf_text(&month), year });
}

void phrases_append_with_time(struct buf *html, const struct phrases *phrases, enum web_language language,
	const char *key, const int64_t moment_and_now_ms[static 2])
{
	static const char *const marks[] = { "{time}", NULL };
	CLEANUP(buf_done) struct buf time = BUF_INIT(TIME_HTML_MAX);
	struct time_local moment = time_local(moment_and_now_ms[0]), now = time_local(moment_and_now_ms[1]);

	if (moment.day != now.day || moment.month != now.month || moment.year != now.year) {
		append_day(&time, phrases, language, &moment);
		buf_append_text(&time, ", ");
	}
	buf_printf(&time, "%02d:%02d", moment.hour, moment.minute);
	append_filled(html, find(phrases, language, key), marks, (const char *const[]){ buf_text(&time) });
}
