/* SPDX-License-Identifier: MIT */
#include "base/collate.h"

#include <errno.h>
#include <iconv.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ASCII_MAX 16 /* bytes of one character in ASCII; the longest has 7 */

static locale_t tables; /* for transliteration, in all threads */

static bool open_to_ascii(iconv_t *ret_converter)
{
	if (!tables)
		return false;
	*ret_converter = iconv_open("ASCII//TRANSLIT", "UTF-8");
	return (intptr_t)*ret_converter != -1;
}

int collate_prepare(struct error *err)
{
	iconv_t to_ascii;

	tables = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!open_to_ascii(&to_ascii))
		return error_set(err, -errno, "cannot sort titles as in a dictionary: C.UTF-8: %m");
	iconv_close(to_ascii);
	return 0;
}

/* The thread's locale must be `tables`. */
static void append_ascii(struct buf *key, iconv_t to_ascii, int32_t code_point)
{
	char utf8[MB_LEN_MAX], ascii[ASCII_MAX], *in = utf8, *out = ascii;
	size_t length = wcrtomb(utf8, (wchar_t)towlower((wint_t)code_point), &(mbstate_t){ 0 });
	size_t in_left = length, out_left = sizeof(ascii);

	/* iconv writes '?' for a character that has no ASCII form. */
	if (iconv(to_ascii, &in, &in_left, &out, &out_left) == (size_t)-1 ||
		(out - ascii == 1 && ascii[0] == '?')) {
		buf_append(key, utf8, length);
		return;
	}
	for (const char *letter = ascii; letter < out; letter++)
		buf_append_char(key, (char)towlower((wint_t)*letter));
}

char *collate_key(const char *text)
{
	iconv_t to_ascii = NULL;
	bool is_open = false;
	locale_t before = uselocale(tables);
	const char *at = text, *end = text + strlen(text);
	CLEANUP(buf_done) struct buf key = BUF_INIT((size_t)(end - at) * ASCII_MAX);

	while (at < end) {
		const char *start = at;
		int32_t code_point = utf8_next(&at, end);

		if (code_point >= 0 && code_point < 0x80)
			buf_append_char(&key, (char)towlower((wint_t)code_point));
		else if (code_point == UTF8_NONE || !(is_open = is_open || open_to_ascii(&to_ascii)))
			buf_append(&key, start, (size_t)(at - start));
		else if (!utf8_is_invisible(code_point))
			append_ascii(&key, to_ascii, code_point);
	}
	uselocale(before);
	if (is_open)
		iconv_close(to_ascii);
	return buf_take(&key);
}
