/* SPDX-License-Identifier: MIT */
#include "cli/words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

char *words_count(int64_t count, const char *one, const char *many)
{
	return mem_printf("%" PRId64 " %s", count, count == 1 ? one : many);
}

char *words_span(int64_t seconds)
{
	if (seconds < 120)
		return words_count(seconds < 0 ? 0 : seconds, "second", "seconds");
	if (seconds < 2 * 3600)
		return words_count(seconds / 60, "minute", "minutes");
	if (seconds < 2 * 86400)
		return words_count(seconds / 3600, "hour", "hours");
	return words_count(seconds / 86400, "day", "days");
}

/* Calendar days since 1970, not units of 24 hours: with summer time, one day has 23 hours and one has 25. */
static int64_t calendar_day(const struct time_local *local)
{
	struct tm date = { .tm_year = local->year - 1900, .tm_mon = local->month - 1, .tm_mday = local->day };

	return timegm(&date) / 86400;
}

char *words_time(int64_t then_ms, int64_t now_ms)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	struct time_local then = time_local(then_ms), now = time_local(now_ms);
	int64_t days = calendar_day(&then) - calendar_day(&now), distance_ms = then_ms - now_ms;
	bool is_past = distance_ms <= 0;
	CLEANUP(mem_freep) char *span = words_span((is_past ? -distance_ms : distance_ms) / 1000);
	CLEANUP(mem_freep) char *day = NULL;

	if (days >= -1 && days <= 1)
		day = mem_strdup(days < 0 ? "yesterday" : days > 0 ? "tomorrow" : "today");
	else if (then.year == now.year)
		day = mem_printf("%d %s", then.day, months[then.month - 1]);
	else
		day = mem_printf("%d %s %d", then.day, months[then.month - 1], then.year);
	return mem_printf("%s %02d:%02d, %s%s%s", day, then.hour, then.minute, is_past ? "" : "in ", span,
		is_past ? " ago" : "");
}

__attribute__((format(printf, 3, 0))) static void print_line(
	FILE *out, const char *beginning, const char *format, va_list arguments)
{
	CLEANUP(mem_freep) char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		abort(); /* no memory, as in base/mem.c */
	utf8_defuse(text);
	fprintf(out, "%s%s\n", beginning, text);
}

void words_print(FILE *out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(out, "", format, arguments);
	va_end(arguments);
}

void words_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(stderr, "aither: ", format, arguments);
	va_end(arguments);
}
