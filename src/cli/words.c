/* SPDX-License-Identifier: MIT */
#include "cli/words.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/mem.h"

char *words_count(int64_t count, const char *one, const char *many)
{
	return mem_printf("%" PRId64 " %s", count, count == 1 ? one : many);
}

char *words_span(int64_t seconds)
{
	if (seconds < 120)
		return mem_printf("%" PRId64 " s", seconds < 0 ? 0 : seconds);
	if (seconds < 2 * 3600)
		return mem_printf("%" PRId64 " min", seconds / 60);
	if (seconds < 2 * 86400)
		return mem_printf("%" PRId64 " h", seconds / 3600);
	return mem_printf("%" PRId64 " days", seconds / 86400);
}

char *words_harmless(const char *text)
{
	char *copy = mem_strdup(text);

	for (unsigned char *c = (unsigned char *)copy; *c; c++) {
		/* U+0080 to U+009F are C2 80 to C2 9F; in other characters 80 to 9F only continue. */
		bool is_c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;

		if (is_c1)
			*c++ = '?';
		if (is_c1 || *c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return copy;
}
