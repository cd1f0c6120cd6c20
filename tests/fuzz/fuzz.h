/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FUZZ_H
#define AITHER_TESTS_FUZZ_H

/*
 * The interface of every fuzz target fuzz-NAME.c: it defines the function that libFuzzer calls with one input
 * after the other, and the folder of its corpus. The same source is built twice: with libFuzzer as fuzz-NAME,
 * and with replay.c as replay-NAME, which is an ordinary test over the files of the corpus.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern const char fuzz_corpus[]; /* below tests/fuzz/corpus */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Checks a rule that must hold for every input: if not, prints a sentence on stderr and ends the process as
 * a crash would. */
#define FUZZ_CHECK(condition, ...)                                                      \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__);                                   \
			fputc('\n', stderr);                                            \
			abort();                                                        \
		}                                                                       \
	} while (0)

#endif
