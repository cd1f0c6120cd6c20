/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FUZZ_H
#define AITHER_TESTS_FUZZ_H

/*
 * What every fuzz target fuzz-NAME.c gives: the function that libFuzzer calls with one input after the other,
 * and the folder of its corpus. The same source is built twice: with libFuzzer as fuzz-NAME, and with
 * replay.c as replay-NAME, which is an ordinary test over the files of the corpus.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern const char fuzz_corpus[]; /* below tests/fuzz/corpus */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What has to hold for every input: else a sentence on stderr, and the process ends as by a crash. */
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
