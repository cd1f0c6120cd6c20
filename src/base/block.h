/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_BLOCK_H
#define AITHER_BASE_BLOCK_H

/*
 * Looking through text sixteen bytes at a time. A block is a vector in the sense of GCC and clang: an
 * operator works on all its bytes at once, and a comparison gives a byte of ones where it holds. On every
 * machine that has vector instructions this becomes a few of them.
 *
 *	block bytes = block_load(text);
 *	size_t plain = block_first((bytes == '<') | (bytes == '&'));    before the first of these
 *
 * The bytes are signed: whatever is not ASCII is negative.
 */

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE 16

typedef signed char block __attribute__((vector_size(BLOCK_SIZE)));

static inline block block_load(const char *bytes)
{
	block loaded;

	memcpy(&loaded, bytes, sizeof(loaded));
	return loaded;
}

/* Index of the first byte that is not 0; BLOCK_SIZE: there is none. */
static inline size_t block_first(block marks)
{
	uint64_t words[2];

	memcpy(words, &marks, sizeof(marks));
	if (words[0])
		return (size_t)__builtin_ctzll(le64toh(words[0])) / 8;
	return words[1] ? 8 + (size_t)__builtin_ctzll(le64toh(words[1])) / 8 : BLOCK_SIZE;
}

#endif
