/* SPDX-License-Identifier: MIT */
#include "web/phrases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "published/texts.h"

#define TIME_SIZE_MAX 1024 /* a date in any language */

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

struct phrases *phrases_new(const char *template_directory)
{
	static const char *const shipped[] = {
		[LANGUAGE_DE] = phrases_texts_de, [LANGUAGE_EN] = phrases_texts_en
	};
	struct phrases *phrases = mem_zalloc(sizeof(*phrases));

	for (enum language i = 0; i < LANGUAGES; i++) {
		if (texts_parse(&phrases->texts[i], "texts", shipped[i], strlen(shipped[i]), NULL) < 0)
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

bool phrases_has(const struct phrases *phrases, enum language language, const char *key)
{
	return texts_get(phrases->texts[language], key) != NULL;
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

void phrases_append(struct buf *html, const struct phrases *phrases, enum language language, const char *key)
{
	const char *text = texts_get(phrases->texts[language], key);

	if (text)
		append_escaped(html, text, strlen(text));
}

void phrases_append_with_time(struct buf *html, const struct phrases *phrases, enum language language,
	const char *key, const int64_t moment_and_now_ms[static 2])
{
	static const char mark[] = "{time}";
	CLEANUP(buf_done) struct buf time = BUF_INIT(TIME_SIZE_MAX);
	struct time_local moment = time_local(moment_and_now_ms[0]), now = time_local(moment_and_now_ms[1]);
	const char *text = texts_get(phrases->texts[language], key);

	if (moment.day != now.day || moment.month != now.month || moment.year != now.year) {
		texts_append_day(phrases->texts[language], &moment, &time);
		buf_append_text(&time, ", ");
	}
	buf_printf(&time, "%02d:%02d", moment.hour, moment.minute);
	for (const char *at; (at = strstr(text, mark)); text = at + strlen(mark)) {
		append_escaped(html, text, (size_t)(at - text));
		append_escaped(html, buf_text(&time), time.length);
	}
	append_escaped(html, text, strlen(text));
}
