/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "config/config.h"
#include "scratch.h"

#define SIXTEEN "0123456789abcdef"
#define KEY SIXTEEN SIXTEEN
#define K256 KEY KEY KEY KEY KEY KEY KEY KEY

static const char *const variables[CONFIG_SECRETS] = {
	[CONFIG_SECRET_HEMERA_API_KEY] = "HEMERA_API_KEY",
	[CONFIG_SECRET_SYNC_TOKEN] = "AITHER_SYNC_TOKEN",
	[CONFIG_SECRET_PAGES_PASSWORD] = "AITHER_PAGES_PASSWORD", /* not a variable: it is never read */
	[CONFIG_SECRET_SMTP_PASSWORD] = "SMTP_PASS",
	[CONFIG_SECRET_ROLLBAR_TOKEN] = "ROLLBAR_SERVER_TOKEN",
};

/* An empty environment, credentials in the scratch directory, an empty configuration file. */
static int setup(void **state)
{
	int result = scratch_setup(state);

	for (int i = 0; i < CONFIG_SECRETS; i++)
		unsetenv(variables[i]);
	unsetenv("HEMERA_API_BASE_URL");
	scratch_put("aither.conf", "[Hemera]\nBaseURL=https://hemera.example.org\n");
	setenv("CREDENTIALS_DIRECTORY", scratch_path, 1);
	return result;
}

static void load(struct config *config, enum config_program program)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/aither.conf", scratch_path);

	config_load(config, path, program);
}

static void secrets_have_names(void **state)
{
	static const char *const names[] = { "hemera-api-key", "sync-token", "pages-password",
		"smtp-password", "rollbar-token" };

	(void)state;
	for (int i = 0; i < CONFIG_SECRETS; i++) {
		assert_string_equal(config_secret_name((enum config_secret)i), names[i]);
		assert_int_equal(config_secret_find(names[i]), i);
	}
	assert_int_equal(config_secret_find("password"), -1);
	assert_int_equal(config_secret_find(""), -1);
}

static void a_file_that_is_not_there_has_no_secret(void **state)
{
	(void)state;
	assert_null(config_environment_find_secret("/nonexistent/aither"));
}

static void the_form_of_secrets_is_checked(void **state)
{
	static const struct {
		enum config_secret secret;
		const char *value;
		bool good;
	} rows[] = {
		{ CONFIG_SECRET_HEMERA_API_KEY, KEY, true },
		{ CONFIG_SECRET_HEMERA_API_KEY, K256, true },
		{ CONFIG_SECRET_HEMERA_API_KEY, SIXTEEN "0123456789abcde", false },
		{ CONFIG_SECRET_HEMERA_API_KEY, K256 "x", false },
		{ CONFIG_SECRET_HEMERA_API_KEY, KEY " x", false },
		{ CONFIG_SECRET_HEMERA_API_KEY, KEY "\r\nX: y", false },
		{ CONFIG_SECRET_HEMERA_API_KEY, KEY "\xc3\xa4", false },
		{ CONFIG_SECRET_HEMERA_API_KEY, "", false },
		{ CONFIG_SECRET_SYNC_TOKEN, SIXTEEN, true },
		{ CONFIG_SECRET_SYNC_TOKEN, "0123456789abcde", false },
		{ CONFIG_SECRET_SYNC_TOKEN, SIXTEEN "\t", false },
		{ CONFIG_SECRET_PAGES_PASSWORD, "0123456789ab", true },
		{ CONFIG_SECRET_PAGES_PASSWORD, "correct horse", true },
		{ CONFIG_SECRET_PAGES_PASSWORD,
			"gr\xc3\xbc\xc3\x9f"
			"e an alle",
			true },
		{ CONFIG_SECRET_PAGES_PASSWORD, K256, true },
		{ CONFIG_SECRET_PAGES_PASSWORD, "0123456789a", false },
		{ CONFIG_SECRET_PAGES_PASSWORD, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", false },
		{ CONFIG_SECRET_PAGES_PASSWORD, K256 "x", false },
		{ CONFIG_SECRET_PAGES_PASSWORD, "no UTF-8 here \xe4", false },
		{ CONFIG_SECRET_PAGES_PASSWORD, "a tab\tis one too many", false },
		{ CONFIG_SECRET_SMTP_PASSWORD, "p", true },
		{ CONFIG_SECRET_SMTP_PASSWORD, "correct horse \xc3\xa4", true },
		{ CONFIG_SECRET_SMTP_PASSWORD, "", false },
		{ CONFIG_SECRET_SMTP_PASSWORD, "a\nb", false },
		{ CONFIG_SECRET_ROLLBAR_TOKEN, KEY, true },
		{ CONFIG_SECRET_ROLLBAR_TOKEN, "short", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		int result = config_secret_check(rows[i].secret, rows[i].value, &err);
		if (result != (rows[i].good ? 0 : -EINVAL))
			fail_msg("row %zu: %d, %s", i, result, err.message);
		if (result == 0)
			continue;
		assert_non_null(strstr(err.message, config_secret_name(rows[i].secret)));
		assert_true(!*rows[i].value || !strstr(err.message, rows[i].value));
	}
}

static void a_credential_comes_before_the_environment(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("HEMERA_API_KEY", "from-the-environment-" SIXTEEN, 1);
	setenv("SMTP_PASS", "only in the environment", 1);
	scratch_put("aither.conf", "[Hemera]\nBaseURL=https://a\n[Notify]\nSMTPUser=aither\n");
	scratch_put("aither.hemera-api-key", "\xef\xbb\xbf" KEY "\r\n");
	load(&config, CONFIG_WORKER);
	assert_string_equal(config.secrets[CONFIG_SECRET_HEMERA_API_KEY], KEY);
	assert_string_equal(config.secrets[CONFIG_SECRET_SMTP_PASSWORD], "only in the environment");
	assert_null(config.secrets[CONFIG_SECRET_ROLLBAR_TOKEN]);
	assert_int_equal(config.problems.count, 0);
}

static void without_a_credentials_directory_the_environment_counts(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	setenv("HEMERA_API_KEY", KEY, 1);
	load(&config, CONFIG_WORKER);
	assert_string_equal(config.secrets[CONFIG_SECRET_HEMERA_API_KEY], KEY);
	assert_true(config_is_usable(&config));
}

static void a_missing_key_names_the_command_that_sets_it(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("HEMERA_API_KEY", "", 1);
	load(&config, CONFIG_WORKER);
	assert_int_equal(config.problems.count, 1);
	assert_string_equal(
		config.problems.text[0], "hemera-api-key is not set: run `aither set-secret hemera-api-key`");
	assert_false(config_is_usable(&config));
}

static void every_program_loads_only_the_secrets_it_uses(void **state)
{
	static const struct {
		enum config_program program;
		bool loaded[CONFIG_SECRETS]; /* hemera-api-key, sync-token, pages-password, smtp-password,
						rollbar-token */
	} rows[] = {
		{ CONFIG_WORKER, { true, false, false, true, true } },
		{ CONFIG_WEB, { false, true, true, false, false } },
		{ CONFIG_CLI, { false } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		for (int secret = 0; secret < CONFIG_SECRETS; secret++)
			setenv(variables[secret], KEY, 1);
		scratch_put("aither.pages-password", "of the staff, with blanks\n");
		load(&config, rows[i].program);
		for (int secret = 0; secret < CONFIG_SECRETS; secret++)
			assert_int_equal(config.secrets[secret] != NULL, rows[i].loaded[secret]);
		assert_true(config_is_usable(&config));
	}
}

static void a_wrong_secret_is_reported_once_and_never_shown(void **state)
{
	static const struct {
		const char *name, *content;
	} rows[] = {
		{ "too short", "swordfish" },
		{ "a blank inside", "swordfish swordfish swordfish swordfish" },
		{ "two lines", "swordfish\nswordfish-" KEY },
		{ "too long", "swordfish" K256 },
		{ "far too long", "swordfish" K256 K256 K256 K256 },
		{ "empty", "\n" },
	};

	(void)state;
	/* A valid key in the environment must not hide the mistake. */
	setenv("HEMERA_API_KEY", KEY, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		scratch_put("aither.hemera-api-key", rows[i].content);
		load(&config, CONFIG_WORKER);
		CLEANUP(mem_freep) char *problems = config_problems_text(&config, "\n");
		if (config.problems.count != 1 || strstr(problems, "swordfish") ||
			!strstr(problems, "credential aither.hemera-api-key: "))
			fail_msg("%s: %s", rows[i].name, problems);
		assert_null(config.secrets[CONFIG_SECRET_HEMERA_API_KEY]);
		assert_false(config_is_usable(&config));
	}
}

static void a_wrong_token_does_not_look_like_none_to_the_web(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("AITHER_SYNC_TOKEN", "swordfish", 1);
	load(&config, CONFIG_WEB);
	assert_false(config_is_usable(&config));
	assert_string_equal(config.problems.text[0],
		"environment AITHER_SYNC_TOKEN: sync-token must have 16 to 256 characters, this one has 9");
}

static void rollbar_without_its_token_is_a_warning(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("HEMERA_API_KEY", KEY, 1);
	scratch_put("aither.conf", "[Hemera]\nBaseURL=https://a\n[Rollbar]\nEnabled=yes\n");
	load(&config, CONFIG_WORKER);
	assert_int_equal(config.problems.count, 1);
	assert_non_null(strstr(config.problems.text[0], "run `aither set-secret rollbar-token`"));
	assert_true(config_is_usable(&config));
}

static void a_mail_login_needs_user_and_password(void **state)
{
	static const struct {
		const char *name, *config, *password;
		enum config_program program;
		const char *problem; /* NULL: none */
	} rows[] = {
		{ "both", "[Notify]\nSMTPUser=aither\n", "swordfish", CONFIG_WORKER, NULL },
		{ "neither", "", "", CONFIG_WORKER, NULL },
		{ "user only", "[Notify]\nSMTPUser=aither\n", "", CONFIG_WORKER,
			"smtp-password is not set, so mails are sent without SMTPUser: run "
			"`aither set-secret smtp-password`" },
		{ "password only", "", "swordfish", CONFIG_WORKER,
			"Notify SMTPUser is not set, so smtp-password is not used: write SMTPUser=... below "
			"[Notify] in " },
		{ "a wrong password", "[Notify]\nSMTPUser=aither\n", "sword\nfish", CONFIG_WORKER,
			"environment SMTP_PASS: smtp-password must not contain control characters" },
		{ "not the worker", "[Notify]\nSMTPUser=aither\n", "", CONFIG_WEB, NULL },
	};

	(void)state;
	setenv("HEMERA_API_KEY", KEY, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep) char *text = mem_printf("[Hemera]\nBaseURL=https://a\n%s", rows[i].config);
		setenv("SMTP_PASS", rows[i].password, 1);
		scratch_put("aither.conf", text);
		load(&config, rows[i].program);
		CLEANUP(mem_freep) char *problems = config_problems_text(&config, "\n");
		if (config.problems.count != (rows[i].problem != NULL) ||
			(rows[i].problem && strncmp(problems, rows[i].problem, strlen(rows[i].problem)) != 0))
			fail_msg("%s: %s", rows[i].name, problems);
		assert_true(config_is_usable(&config)); /* pages need no mail */
	}
}

#define SECRET_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SECRET_TEST(secrets_have_names),
		SECRET_TEST(a_file_that_is_not_there_has_no_secret),
		SECRET_TEST(the_form_of_secrets_is_checked),
		SECRET_TEST(a_credential_comes_before_the_environment),
		SECRET_TEST(without_a_credentials_directory_the_environment_counts),
		SECRET_TEST(a_missing_key_names_the_command_that_sets_it),
		SECRET_TEST(every_program_loads_only_the_secrets_it_uses),
		SECRET_TEST(a_wrong_secret_is_reported_once_and_never_shown),
		SECRET_TEST(a_wrong_token_does_not_look_like_none_to_the_web),
		SECRET_TEST(rollbar_without_its_token_is_a_warning),
		SECRET_TEST(a_mail_login_needs_user_and_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
