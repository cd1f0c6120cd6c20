/* SPDX-License-Identifier: MIT */
#include "render/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define NUMBER_DIGITS_MAX 17 /* enough for every double */

/* Finds the shortest sequence of digits that, read as an integer and multiplied by 10^*ret_exponent, gives
 * the positive number again. Below a power of two, doubles are twice as dense as above it. Therefore the
 * decimal nearest to a power of two may be read as another number, while the next higher decimal is read as
 * that power. 2^-24 is 5.960464477539063e-8. */
static uint64_t number_shortest(double number, int *ret_exponent)
{
	uint64_t digits = 0;

	for (int count = 1; count <= NUMBER_DIGITS_MAX; count++) {
		char text[NUMBER_DIGITS_MAX + 16];
		const char *at;

		snprintf(text, sizeof(text), "%.*e", count - 1, number);
		digits = 0;
		for (at = text; *at != 'e'; at++) {
			if (*at >= '0' && *at <= '9') /* the decimal point depends on the locale */
				digits = digits * 10 + (uint64_t)(*at - '0');
		}
		*ret_exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
		for (int i = 0; i < 2; i++, digits++) {
			snprintf(text, sizeof(text), "%" PRIu64 "e%d", digits, *ret_exponent);
			if (strtod(text, NULL) == number)
				return digits;
		}
	}
	return digits;
}

void number_format(double number, char ret_text[static NUMBER_TEXT_SIZE])
{
	static const char zeros[] = "000000000000000000000";
	char digits[NUMBER_DIGITS_MAX + 4], *text = ret_text;
	size_t size = NUMBER_TEXT_SIZE;
	int exponent, count, point;

	if (number >= -1e15 && number <= 1e15 && number == (double)(int64_t)number) {
		snprintf(text, size, "%lld", (long long)number); /* -0 is "0", too */
		return;
	}
	if (number < 0) {
		*text++ = '-';
		size--;
	}
	if (isinf(number)) {
		snprintf(text, size, "Infinity");
		return;
	}
	count = snprintf(digits, sizeof(digits), "%" PRIu64, number_shortest(fabs(number), &exponent));
	point = count + exponent;
	/* The four layouts of Number::toString. */
	if (point >= count && point <= 21)
		snprintf(text, size, "%s%.*s", digits, point - count, zeros);
	else if (point > 0 && point < count)
		snprintf(text, size, "%.*s.%s", point, digits, digits + point);
	else if (point > -6 && point <= 0)
		snprintf(text, size, "0.%.*s%s", -point, zeros, digits);
	else
		snprintf(text, size, "%c%s%se%+d", digits[0], count > 1 ? "." : "", digits + 1, point - 1);
}

double number_from_text(struct slice text)
{
	static const char permitted[] = "0123456789.eE+-";
	size_t space = slice_space_begin(text), end_space = space < text.length ? slice_space_end(text) : 0;
	struct slice trimmed = { text.data + space, text.length - space - end_space };
	CLEANUP(mem_freep) char *copy = NULL;
	const char *digits;
	char *end;
	double value;

	if (trimmed.length == 0)
		return 0;
	if (trimmed.length > 2 && trimmed.data[0] == '0' && strchr("xXoObB", trimmed.data[1])) {
		/* 0x1F, 0o17, 0b11: at least one digit, and only digits of that base. */
		unsigned base = strchr("xX", trimmed.data[1]) ? 16 : strchr("oO", trimmed.data[1]) ? 8 : 2;

		value = 0;
		for (size_t i = 2; i < trimmed.length; i++) {
			char c = trimmed.data[i];
			unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
					 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
					 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
								: 99;

			if (digit >= base)
				return NAN;
			value = value * base + digit;
		}
		return value;
	}
	copy = mem_strndup(trimmed.data, trimmed.length);
	digits = copy + (copy[0] == '-' || copy[0] == '+');
	if (strcmp(digits, "Infinity") == 0)
		return copy[0] == '-' ? -INFINITY : INFINITY;
	/* strtod also reads nan, inf and hexadecimal fractions */
	if (strspn(copy, permitted) != trimmed.length)
		return NAN;
	value = strtod(copy, &end);
	return *end == '\0' && end != copy ? value : NAN;
}
