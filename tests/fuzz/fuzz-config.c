/* SPDX-License-Identifier: MIT */
/*
 * Any text as a configuration file, read by each of the three programs. The environment is ignored here.
 *
 * These rules must hold:
 *  - problems are at most CONFIG_PROBLEMS_MAX sentences, each one line of plain text;
 *  - no problem contains a byte of a value that may be a secret;
 *  - every number is within its limits, every choice is one of the named ones, every text is printable;
 *  - the configuration, written to a file and read again, is the same, and no value causes a problem;
 *  - the environment is unchanged afterwards.
 */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "config/config-key.h"
#include "config/config.h"

#define FILE_SIZE_MAX 65536
/* Before an @ in a value. Problems must not repeat it, except in a wrong mail address. */
#define PASSWORD "pa55word"

const char fuzz_corpus[] = "config";

static bool is_choice(const struct config_key *key)
{
	return key->type.parse == config_parse_choice;
}

static bool is_string(const struct config_key *key)
{
	return key->type.parse != config_parse_number && key->type.parse != config_parse_flag &&
	       !is_choice(key);
}

static const void *value_of(const struct config *config, const struct config_key *key)
{
	return (const char *)config + key->offset;
}

/* Visible ASCII and blanks; words, and the name before the address in MailFrom, may have all of UTF-8, a path any
 * bytes except control characters. */
static bool is_printable(const struct config_key *key, const char *text)
{
	bool is_words = key->type.parse == config_parse_words ||
			(key->type.parse == config_parse_mail && key->type.max == 1);

	if (is_words && !utf8_is_text(text, strlen(text)))
		return false;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f ||
			((unsigned char)*c > 0x7f && !is_words && key->type.parse != config_parse_path))
			return false;
	return text[0];
}

static void check_value(const struct config *config, const struct config_key *key)
{
	const void *value = value_of(config, key);

	if (key->type.parse == config_parse_number) {
		unsigned number = *(const unsigned *)value;

		FUZZ_CHECK(number >= key->type.min && number <= key->type.max, "%s: %u", key->name, number);
	} else if (is_choice(key)) {
		int index = *(const int *)value, count = 0;

		while (key->type.words[count])
			count++;
		FUZZ_CHECK(index >= 0 && index < count, "%s: %d", key->name, index);
	} else if (is_string(key)) {
		const char *text = *(char *const *)value;

		FUZZ_CHECK(!text || is_printable(key, text), "%s: \"%s\"", key->name, text);
	}
}

static void check_problems(const struct config *config)
{
	FUZZ_CHECK(config->problems.count <= CONFIG_PROBLEMS_MAX, "%zu", config->problems.count);
	FUZZ_CHECK(config_is_usable(config) == (config->problems.required_count == 0), "%zu",
		config->problems.required_count);
	for (size_t i = 0; i < config->problems.count; i++) {
		const char *text = config->problems.text[i];

		FUZZ_CHECK(text[0] && utf8_is_text(text, strlen(text)), "\"%s\"", text);
		FUZZ_CHECK(!strstr(text, PASSWORD "@") || strstr(text, "[Notify] Mail"), "%s", text);
	}
}

/* config_load of a text, using a file in memory. */
static void load(struct config *config, const char *text, size_t length, enum config_program program)
{
	CLEANUP(file_closep) int fd = memfd_create("aither.conf", MFD_CLOEXEC);
	CLEANUP(mem_freep) char *path = mem_printf("/proc/self/fd/%d", fd);

	FUZZ_CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length, "no file in memory");
	config_load(config, path, program);
}

static void append_file(struct buf *file, const struct config *config)
{
	for (size_t i = 0; i < config_key_count; i++) {
		CLEANUP(mem_freep) char *value = config_value_text(config, &config_keys[i]);

		if (value)
			buf_printf(file, "[%s]\n%s=%s\n", config_keys[i].section, config_keys[i].name, value);
	}
}

static void check_again(const struct config *config, enum config_program program)
{
	CLEANUP(buf_done) struct buf first = BUF_INIT(FILE_SIZE_MAX);
	CLEANUP(buf_done) struct buf second = BUF_INIT(FILE_SIZE_MAX);
	CLEANUP(config_done) struct config again = { 0 };

	append_file(&first, config);
	load(&again, buf_text(&first), first.length, program);
	append_file(&second, &again);
	FUZZ_CHECK(strcmp(buf_text(&first), buf_text(&second)) == 0, "%s\n--- then ---\n%s", buf_text(&first),
		buf_text(&second));
	for (size_t i = 0; i < again.problems.count; i++)
		FUZZ_CHECK(!strstr(again.problems.text[i], "/proc/self/fd/") ||
				   strstr(again.problems.text[i], "is not set"),
			"%s\n%s", again.problems.text[i], buf_text(&first));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static char *nothing[] = { NULL };
	enum config_program program = (enum config_program)(size % 3);
	CLEANUP(config_done) struct config config = { 0 };
	char **before = environ;

	environ = nothing;
	load(&config, (const char *)bytes, size, program);
	for (size_t i = 0; i < config_key_count; i++)
		check_value(&config, &config_keys[i]);
	check_problems(&config);
	check_again(&config, program);
	FUZZ_CHECK(environ == nothing && !nothing[0], "the environment has changed");
	environ = before;
	return 0;
}
