/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over every file of its corpus, in the order of their names. The result is one test in
 * TAP; the name of each file is printed before it runs, so that a crash shows which file caused it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_SIZE_MAX (1 << 20)

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_file(const char *directory, const char *name)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", directory, name);
	CLEANUP(buf_done) struct buf input = BUF_INIT(INPUT_SIZE_MAX);
	struct error err = { 0 };
	int r;

	printf("# %s\n", name);
	fflush(stdout);
	r = file_read_path(path, &input, &err);
	if (r < 0)
		printf("# %s: %s\n", path, err.message);
	else
		LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&input), input.length);
	return r;
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	CLEANUP(mem_freep)
	char *directory = mem_printf("%s/tests/fuzz/corpus/%s", top ? top : ".", fuzz_corpus);
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_visible, alphasort), failed = 0;

	for (int i = 0; i < count; i++) {
		failed += replay_file(directory, entries[i]->d_name) < 0;
		free(entries[i]);
	}
	free(entries);
	if (count <= 0)
		printf("# %s is missing or empty\n", directory);
	printf("%s 1 - %d inputs of %s\n1..1\n", count > 0 && failed == 0 ? "ok" : "not ok", count,
		fuzz_corpus);
	return count > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
