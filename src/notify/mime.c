/* SPDX-License-Identifier: MIT */
#include "notify/mime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#define LINE_MAX_FOLDED 78   /* RFC 5322, 2.1.1: should */
#define LINE_MAX_ENCODED 76  /* RFC 2047, 2, and RFC 2045, 6.7: must */
#define WORD_MAX 900         /* RFC 5322: a line has at most 998 bytes, and can be folded only at spaces */
#define TEXT_MAX (256 << 10) /* of one header; the line about an error has 2 KiB */

static const char ENCODED_BEGIN[] = "=?UTF-8?Q?", ENCODED_END[] = "?=";

/* Some programs treat U+0085 (a control character), U+2028 and U+2029 as the end of a line. */
void mime_clean(struct buf *out, const char *text)
{
	const char *at = text, *end = text + strlen(text);

	while (at < end) {
		const char *begin = at;
		int32_t character = utf8_next(&at, end);

		if (character < 0)
			buf_append_text(out, "\xef\xbf\xbd");
		else if (utf8_is_control(character) || character == 0x2028 || character == 0x2029)
			buf_append_char(out, ' ');
		else
			buf_append(out, begin, (size_t)(at - begin));
	}
}

static void mime_fold(struct buf *out, const char *name, const char *text)
{
	size_t column = strlen(name) + 1;
	bool first = true;

	buf_printf(out, "%s:", name);
	for (const char *word = text + strspn(text, " "); *word; word += strspn(word, " ")) {
		size_t length = strcspn(word, " ");

		if (!first && column + 1 + length > LINE_MAX_FOLDED) {
			buf_append_text(out, "\r\n");
			column = 0;
		}
		buf_append_char(out, ' ');
		buf_append(out, word, length);
		column += 1 + length;
		word += length;
		first = false;
	}
	buf_append_text(out, "\r\n");
}

void mime_header(struct buf *out, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf clean = BUF_INIT(TEXT_MAX);

	mime_clean(&clean, text);
	mime_fold(out, name, buf_text(&clean));
}

static bool mime_is_plain(const char *text)
{
	size_t word = 0;

	for (const char *at = text; *at; at++) {
		word = *at == ' ' ? 0 : word + 1;
		if ((unsigned char)*at >= 0x80 || word > WORD_MAX)
			return false;
	}
	return !strstr(text, "=?");
}

/* RFC 2047, 5 (3): characters that need no encoding, even inside a phrase. */
static bool mime_is_literal(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       (byte && strchr("!*+-/", byte));
}

static void mime_encode(struct buf *out, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf code = BUF_INIT(64); /* one character, never split between two words */
	const char *at = text, *end = text + strlen(text);
	size_t column = strlen(name) + 2 + strlen(ENCODED_BEGIN);

	buf_printf(out, "%s: %s", name, ENCODED_BEGIN);
	while (at < end) {
		const char *byte = at;

		(void)utf8_next(&at, end);
		buf_clear(&code);
		for (; byte < at; byte++) {
			if (mime_is_literal(*byte))
				buf_append_char(&code, *byte);
			else if (*byte == ' ')
				buf_append_char(&code, '_');
			else
				buf_printf(&code, "=%02X", (unsigned char)*byte);
		}
		if (column + code.length + strlen(ENCODED_END) > LINE_MAX_ENCODED) {
			buf_printf(out, "%s\r\n %s", ENCODED_END, ENCODED_BEGIN);
			column = 1 + strlen(ENCODED_BEGIN);
		}
		buf_append(out, buf_text(&code), code.length);
		column += code.length;
	}
	buf_append_text(out, ENCODED_END);
}

void mime_header_text(struct buf *out, const char *name, const char *text)
{
	CLEANUP(buf_done) struct buf clean = BUF_INIT(TEXT_MAX);

	mime_clean(&clean, text);
	if (mime_is_plain(buf_text(&clean))) {
		mime_fold(out, name, buf_text(&clean));
	} else {
		mime_encode(out, name, buf_text(&clean));
		buf_append_text(out, "\r\n");
	}
}

/* RFC 5322, 3.2.3: can the name be written without quotation marks? */
static bool mime_is_phrase(const char *text)
{
	for (; *text; text++)
		if (!mime_is_literal(*text) && !strchr(" #$%&'=?^_`{|}~", *text))
			return false;
	return true;
}

void mime_header_mailbox(struct buf *out, const char *name, const char *mailbox)
{
	CLEANUP(buf_done) struct buf clean = BUF_INIT(TEXT_MAX), quoted = BUF_INIT(TEXT_MAX);
	const char *address = strrchr(mailbox, '<');

	if (!address || address == mailbox) {
		mime_header(out, name, mailbox);
		return;
	}
	CLEANUP(mem_freep) char *person = mem_strndup(mailbox, (size_t)(address - mailbox) - 1);
	mime_clean(&clean, person);
	if (!mime_is_plain(buf_text(&clean))) {
		mime_encode(out, name, buf_text(&clean));
		buf_printf(out, "\r\n %s\r\n", address);
		return;
	}
	if (mime_is_phrase(buf_text(&clean))) {
		buf_append_text(&quoted, buf_text(&clean));
	} else {
		buf_append_char(&quoted, '"');
		for (const char *c = buf_text(&clean); *c; c++) {
			buf_append_text(&quoted, *c == '"' || *c == '\\' ? "\\" : "");
			buf_append_char(&quoted, *c);
		}
		buf_append_char(&quoted, '"');
	}
	buf_printf(&quoted, " %s", address);
	mime_fold(out, name, buf_text(&quoted));
}

/* May the character be written unencoded? A space at the end of a line would be lost in transport. */
static bool mime_stands_in_body(const char *at)
{
	return (*at > ' ' && *at <= '~' && *at != '=') || (*at == ' ' && at[1] && at[1] != '\n');
}

void mime_body(struct buf *out, const char *text)
{
	size_t column = 0;

	for (const char *at = text; *at; at++) {
		bool literal = mime_stands_in_body(at);
		size_t width = literal ? 1 : strlen("=XX");

		if (*at == '\n') {
			buf_append_text(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + width + strlen("=") > LINE_MAX_ENCODED) {
			buf_append_text(out, "=\r\n");
			column = 0;
		}
		if (literal)
			buf_append_char(out, *at);
		else
			buf_printf(out, "=%02X", (unsigned char)*at);
		column += width;
	}
}
