/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "config/config-table.h"
#include "config/config.h"
#include "scratch.h"

#define SAMPLE_LINE_MAX 102 /* "# " and a meaning of 100 characters */

static int parse(const struct config_key *key, const char *text, struct config *config)
{
	return key->type.parse(&key->type, text, (char *)config + key->offset, NULL);
}

static void every_default_is_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		CLEANUP(config_done) struct config config = { 0 };
		if (key->default_text && parse(key, key->default_text, &config) < 0)
			fail_msg("%s: %s", key->name, key->default_text);
		assert_ptr_equal(config_key_find(key->section, key->name), key);
	}
}

static void keys_are_found_by_their_exact_names(void **state)
{
	(void)state;
	assert_null(config_key_find("Hemera", "maxretries"));
	assert_null(config_key_find("hemera", "MaxRetries"));
	assert_null(config_key_find("Sync", "MaxRetries"));
	assert_true(config_section_exists("Sync"));
	assert_false(config_section_exists("sync"));
	assert_false(config_section_exists(""));
}

static void slips_are_recognised_and_other_words_are_not(void **state)
{
	static const struct {
		const char *section, *name, *expected_section, *expected_name; /* NULL: none */
	} rows[] = {
		{ "Hemera", "MaxRetrys", "Hemera", "MaxRetries" },
		{ "Hemera", "MAXRETRIES", "Hemera", "MaxRetries" },
		{ "Hemera", "BaseUrl", "Hemera", "BaseURL" },
		{ "Hemera", "BasURL", "Hemera", "BaseURL" },
		{ "Sync", "BaseURL", "Hemera", "BaseURL" },
		{ "Web", "MaxConnections", "Web", "MaxConnections" },
		{ "Hemera", "MaxConections", "Hemera", "MaxConnections" },
		{ "Web", "MaxConections", "Web", "MaxConnections" },
		{ "Notify", "SmtpUrl", "Notify", "SMTPURL" },
		{ "Notify", "Recipient", NULL, NULL },
		{ "Hemera", "", NULL, NULL },
		{ "Hemera", "MaxRetriesMaxRetriesMaxRetriesMaxRetriesMaxRetriesMaxRetriesMaxRetries", NULL,
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct config_key *key = config_key_suggest(rows[i].section, rows[i].name);
		if (!rows[i].expected_name && !key)
			continue;
		assert_non_null(key);
		assert_non_null(rows[i].expected_name);
		assert_string_equal(key->section, rows[i].expected_section);
		assert_string_equal(key->name, rows[i].expected_name);
	}
}

static void misspelled_sections_are_recognised(void **state)
{
	static const char *const rows[][2] = { { "sync", "Sync" }, { "Snyc", "Sync" },
		{ "Notification", NULL }, { "Notfy", "Notify" }, { "Workers", "Worker" }, { "", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct config_key *key = config_key_suggest(rows[i][0], NULL);
		assert_int_equal(key != NULL, rows[i][1] != NULL);
		if (key)
			assert_string_equal(key->section, rows[i][1]);
	}
}

static bool is_example(const char *line)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (!config_keys[i].default_text && *line == '#' &&
			strncmp(line + 1, config_keys[i].name, strlen(config_keys[i].name)) == 0)
			return true;
	return false;
}

static void load(struct config *config, const char *text)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/aither.conf", scratch_path);

	scratch_put("aither.conf", text);
	config_load(config, path, CONFIG_CLI);
}

static void assert_equal(const struct config_key *key, const struct config *a, const struct config *b)
{
	const void *at_a = (const char *)a + key->offset, *at_b = (const char *)b + key->offset;

	if (key->type.parse == config_parse_flag)
		assert_int_equal(*(const bool *)at_a, *(const bool *)at_b);
	else if (key->type.parse == config_parse_number || key->type.parse == config_parse_choice)
		assert_int_equal(*(const unsigned *)at_a, *(const unsigned *)at_b);
	else if (key->default_text)
		assert_string_equal(*(char *const *)at_a, *(char *const *)at_b);
}

static char *read_sample(void)
{
	const char *top = getenv("top_srcdir");
	CLEANUP(mem_freep) char *path = mem_printf("%s/data/aither.conf", top ? top : ".");
	CLEANUP(buf_done) struct buf sample = BUF_INIT(100000);

	assert_int_equal(file_read_path(path, &sample, NULL), 0);
	return buf_take(&sample);
}

/* "# Environment: ..." as it stands above the key; "" for a key without a variable. */
static char *environment_line(const struct config_key *key)
{
	if (!key->environment)
		return mem_strdup("");
	if (strcmp(key->name, "SMTPURL") == 0)
		return mem_printf("# Environment: %s with SMTP_PORT and SMTP_SECURE.", key->environment);
	if (key->environment_other)
		return mem_printf("# Environment: %s or %s.", key->environment, key->environment_other);
	return mem_printf("# Environment: %s.", key->environment);
}

static void check_key(const struct config_key *key, const char *section, const char *meaning,
	const char *environment, const char *line)
{
	CLEANUP(config_done) struct config config = { 0 };
	CLEANUP(mem_freep) char *start = mem_printf("#%s=", key->name);
	CLEANUP(mem_freep) char *expected = environment_line(key);
	CLEANUP(mem_freep) char *most = mem_printf("%u", key->type.max);

	assert_string_equal(section, key->section);
	assert_string_equal(environment, expected);
	assert_true(strlen(meaning) > strlen("# "));
	if (key->type.parse == config_parse_number && !strstr(meaning, most))
		fail_msg("%s: the most, %s, is not in \"%s\"", key->name, most, meaning);
	assert_int_equal(strncmp(line, start, strlen(start)), 0);
	if (key->default_text)
		assert_string_equal(line + strlen(start), key->default_text);
	else
		assert_int_equal(parse(key, line + strlen(start), &config), 0);
}

/* All keys of the table in its order, each below its meaning and its variables. */
static void the_sample_is_that_of_the_table(void **state)
{
	CLEANUP(mem_freep) char *sample = read_sample();
	const char *section = "", *meaning = "", *environment = "";
	size_t keys = 0;
	char *rest = sample;

	(void)state;
	for (char *line; (line = strsep(&rest, "\n"));) {
		assert_true(strlen(line) <= SAMPLE_LINE_MAX);
		if (*line == '[') {
			section = line + 1;
			line[strcspn(line, "]")] = '\0';
		} else if (strncmp(line, "# Environment:", 14) == 0) {
			environment = line;
		} else if (strncmp(line, "# ", 2) == 0) {
			meaning = line;
		} else if (*line == '#') {
			assert_true(keys < config_key_count);
			check_key(&config_keys[keys++], section, meaning, environment, line);
			meaning = environment = "";
		}
	}
	assert_int_equal(keys, config_key_count);
}

static void the_sample_names_every_secret(void **state)
{
	CLEANUP(mem_freep) char *sample = read_sample();
	CLEANUP(buf_done) struct buf line = BUF_INIT(1000);

	(void)state;
	buf_append_text(&line, "# where NAME is one of");
	for (int i = 0; i < CONFIG_SECRETS; i++)
		buf_printf(&line, "%s%s", i ? ", " : " ", config_secret_name((enum config_secret)i));
	buf_append_text(&line, ".\n");
	assert_non_null(strstr(sample, buf_text(&line)));
}

/* What an operator gets who removes the # in front of every default. */
static void the_sample_shows_the_defaults(void **state)
{
	CLEANUP(config_done) struct config from_sample = { 0 }, from_nothing = { 0 };
	CLEANUP(mem_freep) char *sample = read_sample();
	CLEANUP(buf_done) struct buf text = BUF_INIT(100000);
	char *rest = sample;

	(void)state;
	for (char *line; (line = strsep(&rest, "\n"));) {
		bool is_key = *line == '#' && line[1] != ' ';
		buf_printf(&text, "%s\n", line + (is_key && !is_example(line)));
	}
	load(&from_sample, buf_text(&text));
	load(&from_nothing, "");
	assert_int_equal(from_sample.problems.count, 0);
	for (size_t i = 0; i < config_key_count; i++)
		assert_equal(&config_keys[i], &from_sample, &from_nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_valid),
		cmocka_unit_test(keys_are_found_by_their_exact_names),
		cmocka_unit_test(slips_are_recognised_and_other_words_are_not),
		cmocka_unit_test(misspelled_sections_are_recognised),
		SCRATCH_TEST(the_sample_shows_the_defaults),
		cmocka_unit_test(the_sample_is_that_of_the_table),
		cmocka_unit_test(the_sample_names_every_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
