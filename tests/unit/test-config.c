/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "config/config-check.h"
#include "config/config-key.h"
#include "config/config.h"
#include "scratch.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define TEN "aaaaaaaaaa"
#define NO_MAIL "; no mail is sent until it is corrected"
#define NO_ITEM "; nothing is reported to Rollbar until it is corrected"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char *const other_variables[] = { "SMTP_PORT", "SMTP_SECURE", "CREDENTIALS_DIRECTORY",
	"AITHER_SYNC_TOKEN", "SMTP_PASS", "ROLLBAR_SERVER_TOKEN" };

/* A scratch directory, and none of aither's variables in the environment except the key that a worker
 * needs. */
static int setup(void **state)
{
	for (size_t i = 0; i < config_key_count; i++) {
		if (config_keys[i].environment)
			unsetenv(config_keys[i].environment);
		if (config_keys[i].environment_other)
			unsetenv(config_keys[i].environment_other);
	}
	for (size_t i = 0; i < ARRAY_SIZE(other_variables); i++)
		unsetenv(other_variables[i]);
	setenv("HEMERA_API_KEY", KEY, 1);
	return scratch_setup(state);
}

static void load(struct config *config, enum config_program program)
{
	CLEANUP(mem_freep) char *path = mem_printf("%s/aither.conf", scratch_path);

	config_load(config, path, program);
}

/* Loads a file with this text; returns the problems without the directory at their beginning. */
static char *problems_of(struct config *config, enum config_program program, const char *text)
{
	CLEANUP(buf_done) struct buf result = BUF_INIT(100000);
	size_t directory = strlen(scratch_path) + 1;

	scratch_put("aither.conf", text);
	load(config, program);
	for (size_t i = 0; i < config->problems.count; i++) {
		const char *problem = config->problems.text[i];
		buf_printf(&result, "%s\n",
			problem + (strncmp(problem, scratch_path, directory - 1) == 0 ? directory : 0));
	}
	return buf_take(&result);
}

static void assert_is_default(const struct config *config)
{
	assert_null(config->hemera.fallback_url);
	assert_int_equal(config->hemera.connections_max, 8);
	assert_int_equal(config->hemera.requests_per_minute, 100);
	assert_int_equal(config->hemera.connect_timeout_s, 5);
	assert_int_equal(config->hemera.request_timeout_s, 30);
	assert_int_equal(config->hemera.retries_max, 5);
	assert_string_equal(config->sync.output_directory, "/var/lib/aither/output");
	assert_int_equal(config->sync.time_limit_s, 50);
	assert_int_equal(config->sync.delete_percent_max, 50);
	assert_string_equal(config->site.template_directory, "/etc/aither/templates");
	assert_string_equal(config->site.time_zone, "Europe/Berlin");
	assert_int_equal(config->site.language, CONFIG_LANGUAGE_AUTO);
	assert_false(config->site.course_pages_public);
	assert_string_equal(config->site.name, "Hemera Academy");
	assert_null(config->site.url);
	assert_null(config->site.course_url);
	assert_null(config->site.imprint_url);
	assert_null(config->site.privacy_url);
	assert_string_equal(config->site.file_directory, "/etc/aither/site");
	assert_int_equal(config->web.live_ttl_s, 30);
	assert_int_equal(config->web.live_wait_s, 2);
	assert_int_equal(config->web.connections_max, 1024);
	assert_true(config->web.local_access);
	assert_string_equal(config->worker.socket, "/run/aither/worker.sock");
	assert_int_equal(config->worker.idle_exit_s, 300);
	assert_null(config->notify.mail_to);
	assert_null(config->notify.mail_from);
	assert_string_equal(config->notify.smtp_url, "smtp://localhost");
	assert_null(config->notify.smtp_user);
	assert_int_equal(config->notify.failure_threshold, 3);
	assert_false(config->rollbar.enabled);
	assert_int_equal(config->rollbar.level, CONFIG_LEVEL_WARNING);
	assert_string_equal(config->rollbar.environment, "production");
	assert_string_equal(config->rollbar.endpoint, "https://api.rollbar.com/api/1/item/");
}

static void an_empty_file_leaves_the_defaults_and_asks_for_the_address(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };
	CLEANUP(mem_freep)
	char *expected = mem_printf(
		"Hemera BaseURL is not set: write BaseURL=https://... below [Hemera] in %s/aither.conf\n",
		scratch_path);

	(void)state;
	CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, "");
	assert_string_equal(problems, expected);
	assert_false(config_is_usable(&config));
	assert_null(config.hemera.base_url);
	assert_is_default(&config);
	for (int program = CONFIG_WEB; program <= CONFIG_CLI; program++) {
		CLEANUP(config_done) struct config other = { 0 };
		load(&other, (enum config_program)program);
		assert_int_equal(other.problems.count, 0);
	}
}

static void lines_are_read_as_operators_write_them(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	CLEANUP(mem_freep)
	char *problems = problems_of(&config, CONFIG_WORKER,
		"\xef\xbb\xbf# a comment\n; another\n\n[Hemera] # where it is\r\n"
		"BaseURL = https://hemera.example.org/ ; a comment\r\n  MaxRetries=7\n\tMaxConnections\t= 2 "
		"\n"
		"[Site]\nCoursePages=public\nLanguage=de\n[Notify]\nMailTo=a@x.org, b@x.org\n# " HUNDRED
			HUNDRED HUNDRED "\n[Rollbar]\nEnvironment=my server = best\n[Web]\nLocalAccess=no");
	assert_string_equal(problems, "");
	assert_string_equal(config.hemera.base_url, "https://hemera.example.org");
	assert_int_equal(config.hemera.retries_max, 7);
	assert_int_equal(config.hemera.connections_max, 2);
	assert_true(config.site.course_pages_public);
	assert_int_equal(config.site.language, CONFIG_LANGUAGE_DE);
	assert_string_equal(config.notify.mail_to, "a@x.org,b@x.org");
	assert_string_equal(config.rollbar.environment, "my server = best");
	assert_false(config.web.local_access);
}

static void the_site_is_what_the_operator_says(void **state)
{
	static const char text[] =
		"[Hemera]\nBaseURL=https://h\n[Site]\nName=Akademie f\xc3\xbcr L\xc3\xb6hne\n"
		"URL=https://courses.example.org/\n"
		"CourseURL=https://academy.example/{lang}/courses/{id}?a=1#top\n"
		"ImprintURL=/imprint.html\nPrivacyURL=https://academy.example/privacy\n"
		"FileDirectory=/srv/site/\n";

	(void)state;
	for (int program = CONFIG_WORKER; program <= CONFIG_CLI; program++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep) char *problems = problems_of(&config, (enum config_program)program, text);

		assert_string_equal(problems, "");
		assert_string_equal(config.site.name, "Akademie f\xc3\xbcr L\xc3\xb6hne");
		assert_string_equal(config.site.url, "https://courses.example.org");
		assert_string_equal(
			config.site.course_url, "https://academy.example/{lang}/courses/{id}?a=1#top");
		assert_string_equal(config.site.imprint_url, "/imprint.html");
		assert_string_equal(config.site.privacy_url, "https://academy.example/privacy");
		assert_string_equal(config.site.file_directory, "/srv/site");
	}
}

/* A wrong value stops both daemons, so that no page is made or served with a wrong setting. */
static void a_wrong_site_is_an_error_with_its_line(void **state)
{
	(void)state;
	for (int program = CONFIG_WORKER; program <= CONFIG_CLI; program++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep)
		char *problems = problems_of(&config, (enum config_program)program,
			"[Hemera]\nBaseURL=https://h\n[Site]\nURL=courses.example.org\n"
			"CourseURL=https://academy.example/courses\nImprintURL=//evil.example\n"
			"PrivacyURL=javascript:alert(1)\nName=a\x01\nFileDirectory=site\n");

		assert_false(config_is_usable(&config));
		for (int line = 4; line <= 9; line++) {
			CLEANUP(mem_freep) char *place = mem_printf("aither.conf:%d: ", line);
			if (!strstr(problems, place))
				fail_msg("line %d: %s", line, problems);
		}
		assert_null(config.site.url);
		assert_null(config.site.course_url);
		assert_null(config.site.imprint_url);
		assert_null(config.site.privacy_url);
		assert_string_equal(config.site.name, "Hemera Academy");
		assert_string_equal(config.site.file_directory, "/etc/aither/site");
	}
}

#define ADDRESSES                                                                   \
	"a-rather-long-name-of-a-person@department-of-something.example.org,"       \
	"another-rather-long-name-of-a-person@department-of-something.example.org," \
	"a-third-rather-long-name-of-a-person@department-of-something.example.org"

static void long_values_stand_in_one_line_or_go_on_in_the_next(void **state)
{
	static const char *const rows[] = {
		"MailTo=" ADDRESSES "," ADDRESSES "\n",
		"MailTo=" ADDRESSES ",\n  " ADDRESSES "\n",
		"MailTo = \r\n\t" ADDRESSES
		", ; the first three\r\n\r\n# and these\r\n  ; as well\r\n\t" ADDRESSES "\r\n",
	};

	(void)state;
	setenv("HEMERA_API_BASE_URL", "https://a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep) char *text = mem_printf("[Notify]\n%sFailureThreshold=4", rows[i]);
		CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, text);
		assert_string_equal(problems, "");
		assert_string_equal(config.notify.mail_to, ADDRESSES "," ADDRESSES);
		assert_int_equal(config.notify.failure_threshold, 4);
	}
}

static void later_files_and_the_environment_win(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "aither.conf.d", 0755), 0);
	scratch_put("aither.conf.d/20-b.conf", "\xef\xbb\xbf[Sync]\nTimeLimitSec=20\nMaxDeletePercent=20\n");
	scratch_put("aither.conf.d/10-a.conf",
		"[Sync]\nTimeLimitSec=10\nMaxDeletePercent=10\n[Hemera]\nMaxRetries=\n");
	scratch_put("aither.conf.d/.placeholder", "nonsense");
	scratch_put("aither.conf.d/README", "nonsense");
	setenv("HTML_OUTPUT_DIR", "/srv/output/", 1);
	CLEANUP(mem_freep)
	char *problems = problems_of(&config, CONFIG_WORKER,
		"[Hemera]\nBaseURL=https://a\nFallbackURL=https://b\nFallbackURL=\nMaxRetries=9\n"
		"[Sync]\nOutputDirectory=/a\nTimeLimitSec=5\nMaxDeletePercent=5\n");
	assert_string_equal(problems, "");
	assert_int_equal(config.sync.time_limit_s, 20);
	assert_int_equal(config.sync.delete_percent_max, 20);
	assert_int_equal(config.hemera.retries_max, 5);
	assert_null(config.hemera.fallback_url);
	assert_string_equal(config.sync.output_directory, "/srv/output");
}

/* "+name" becomes the path of a file in the scratch directory. */
static char *in_scratch(const char *path)
{
	return *path == '+' ? mem_printf("%s/%s", scratch_path, path + 1) : mem_strdup(path);
}

static void each_value_has_an_origin(void **state)
{
	static const struct {
		const char *section, *name, *origin, *file; /* "+": in the scratch directory */
	} rows[] = {
		{ "Hemera", "BaseURL", "+aither.conf:2", "+aither.conf" },
		{ "Hemera", "MaxRetries", "default", "+aither.conf" },
		{ "Sync", "TimeLimitSec", "+aither.conf.d/20-b.conf:3", "+aither.conf.d/20-b.conf" },
		/* An empty value counts as set: earlier values no longer apply. */
		{ "Sync", "MaxDeletePercent", "+aither.conf.d/20-b.conf:4", "+aither.conf.d/20-b.conf" },
		/* A wrong value does not count as set. */
		{ "Site", "Language", "+aither.conf:7", "+aither.conf" },
		{ "Sync", "OutputDirectory", "environment HTML_OUTPUT_DIR", "/etc/default/aither" },
		{ "Notify", "MailTo", "environment NOTIFY_EMAIL_TO", "/etc/default/aither" },
		{ "Notify", "SMTPURL", "environment SMTP_HOST", "/etc/default/aither" },
	};
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "aither.conf.d", 0755), 0);
	scratch_put("aither.conf.d/20-b.conf",
		"[Sync]\n\nTimeLimitSec=20\nMaxDeletePercent=\n[Site]\nLanguage=fr\n");
	setenv("HTML_OUTPUT_DIR", "/srv/output", 1);
	setenv("NOTIFY_EMAIL_TO", "a@x.org", 1);
	setenv("SMTP_HOST", "mail", 1);
	CLEANUP(mem_freep)
	char *problems = problems_of(&config, CONFIG_WORKER,
		"[Hemera]\nBaseURL=https://a\n[Sync]\nTimeLimitSec=10\nMaxDeletePercent=3\n"
		"[Site]\nLanguage=de\n");
	CLEANUP(mem_freep) char *wrong = in_scratch("+aither.conf.d/20-b.conf");

	assert_non_null(strstr(problems, "Language=fr"));
	assert_int_equal(config.problems.count, 1);
	assert_true(config.problems.is_required[0]);
	assert_string_equal(config.problems.file[0], wrong);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct config_key *key = config_key_find(rows[i].section, rows[i].name);
		CLEANUP(mem_freep) char *origin = config_origin_text(config_origin(&config, key));
		const char *file = config_find_file(&config, rows[i].section, rows[i].name) ?: config.path;
		CLEANUP(mem_freep) char *expected_origin = in_scratch(rows[i].origin);
		CLEANUP(mem_freep) char *expected_file = in_scratch(rows[i].file);

		assert_string_equal(origin, expected_origin);
		assert_string_equal(file, expected_file);
	}
}

static void every_problem_is_a_sentence_with_its_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "[Sync]\nTimeLimitSec=abc",
			":2: [Sync] TimeLimitSec=abc: not a number of seconds from 5 to 600" },
		{ "\n\n [Sync]\n\n  TimeLimitSec = 4 ; few",
			":5: [Sync] TimeLimitSec=4: not a number of seconds from 5 to 600" },
		{ "[Web]\nLocalAccess=maybe", ":2: [Web] LocalAccess=maybe: neither yes nor no" },
		{ "[Site]\nLanguage=fr", ":2: [Site] Language=fr: not one of: auto, de, en" },
		{ "[Sync]\nOutputDirectory=output",
			":2: [Sync] OutputDirectory=output: not an absolute path (one that begins with /)" },
		{ "[Worker]\nSocket=/" HUNDRED "123456789",
			":2: [Worker] Socket=/" TEN TEN TEN TEN TEN TEN TEN "aaaaa...: "
			"longer than 107 bytes" },
		{ "[Hemera]\nMaxRetrys=1", ":2: [Hemera] unknown key MaxRetrys; did you mean MaxRetries?" },
		{ "[Sync]\nmaxretries=1",
			":2: [Sync] unknown key maxretries; did you mean MaxRetries below [Hemera]?" },
		{ "[Web]\nMaxConnection=1",
			":2: [Web] unknown key MaxConnection; did you mean MaxConnections?" },
		{ "[Site]\nLanguage=\xc3\xa4\x01", ":2: [Site] Language=???: not one of: auto, de, en" },
		{ "[Site]\nColour=red", ":2: [Site] unknown key Colour" },
		{ "[Hemera]\nApiKey=swordfish",
			":2: [Hemera] unknown key ApiKey; "
			"secrets do not belong in this file; store them with `aither set-secret`" },
		{ "[Snyc]\nA=1\nB=2", ":1: unknown section [Snyc]; did you mean [Sync]?" },
		{ "[Database]\nA=1", ":1: unknown section [Database]" },
		{ "MaxRetries=1",
			":1: MaxRetries is outside a [Section]; did you mean MaxRetries below [Hemera]?" },
		{ "# x\nMailTo = a@x.org\n[Site]",
			":2: MailTo is outside a [Section]; did you mean MailTo below [Notify]?" },
		{ "Colour=red", ":1: Colour is outside a [Section]" },
		{ "api_key=swordfish",
			":1: api_key is outside a [Section]; "
			"secrets do not belong in this file; store them with `aither set-secret`" },
		{ "[Sync]\nnonsense", ":2: neither [Section] nor Key=value" },
		{ "[Sync]\n=5", ":2: neither [Section] nor Key=value" },
		{ "[Sync]\nTimeLimitSec: 5", ":2: neither [Section] nor Key=value" },
		{ "[Sync] TimeLimitSec=5", ":1: neither [Section] nor Key=value" },
		{ "[Web]\n[Sync\nTimeLimitSec=abc", ":2: neither [Section] nor Key=value" },
		{ "[Web]\nLocalAccess=may\n be ; not\n\n [Site]",
			":2: [Web] LocalAccess=may be: neither yes nor no" },
		{ "[Web]\nLocalAccess=yes\nsee above", ":3: neither [Section] nor Key=value" },
		{ "[Web\nLocalAccess=yes\n  see above", ":1: neither [Section] nor Key=value" },
		{ "[Web]\n  see below\nLocalAccess=yes", ":2: neither [Section] nor Key=value" },
		{ "[Site]\nTint=a,\n  b\n  c", ":2: [Site] unknown key Tint" },
		{ "[Site]\nTimeZone=" HUNDRED HUNDRED,
			":2: [Site] TimeZone=" TEN TEN TEN TEN TEN TEN TEN
			"aaaaaa...: not a time zone in /usr/share/zoneinfo/ (like Europe/Berlin)" },
	};

	(void)state;
	setenv("HEMERA_API_BASE_URL", "https://a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, rows[i].text);
		CLEANUP(mem_freep) char *expected = mem_printf("aither.conf%s\n", rows[i].expected);
		assert_string_equal(problems, expected);
		assert_is_default(&config);
	}
}

static void a_problem_stops_only_programs_that_use_the_key(void **state)
{
	static const struct {
		const char *text;
		bool worker, others; /* usable? */
	} rows[] = {
		{ "[Sync]\nTimeLimitSec=abc", false, true },
		{ "[Notify]\nMailTo=<", true, true },
		{ "[Notify]\nFailureThreshold=0", true, true },
		{ "[Rollbar]\nLevel=loud", true, true },
		{ "[Hemera]\nBaseURL=http://a", false, true },
		{ "[Sync]\nOutputDirectory=output", false, false },
		{ "[Site]\nTimeZone=Mars/Base", false, false },
		{ "[Web]\nLiveWaitSec=99", false, false },
		{ "[Worker]\nSocket=worker.sock", false, false },
		{ "nonsense", false, true },
		{ "TimeLimitSec=5", false, true },
		{ "[Sync]\nTimeLimit=5", true, true },
		{ "[Snyc]\nTimeLimitSec=5", true, true },
	};

	(void)state;
	setenv("HEMERA_API_BASE_URL", "https://a", 1);
	for (size_t i = 0; i < 3 * ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		enum config_program program = (enum config_program)(i % 3);
		CLEANUP(mem_freep) char *problems = problems_of(&config, program, rows[i / 3].text);
		assert_int_equal(config.problems.count, 1);
		if (config_is_usable(&config) !=
			(program == CONFIG_WORKER ? rows[i / 3].worker : rows[i / 3].others))
			fail_msg("program %d: %s", (int)program, problems);
	}
}

static void a_wrong_value_disables_mail_or_rollbar_but_not_the_site(void **state)
{
	static const struct {
		const char *lines, *expected;
		bool mail, rollbar; /* is it disabled? */
	} rows[] = {
		{ "", "", false, false },
		{ "[Notify]\nMailTo=a@",
			"aither.conf:9: [Notify] MailTo=a@: not a list of mail addresses "
			"separated by commas" NO_MAIL,
			true, false },
		{ "[Notify]\nMailFrom=<a", "aither.conf:9: [Notify] MailFrom=<a: not a mail address" NO_MAIL,
			true, false },
		{ "[Notify]\nSMTPURL=mail",
			"aither.conf:9: [Notify] SMTPURL=mail: does not begin with smtp:// or smtps://" NO_MAIL,
			true, false },
		{ "[Notify]\nSMTPUser=\xc3\xa4",
			"aither.conf:9: [Notify] SMTPUser=??: only printable ASCII characters are allowed" NO_MAIL,
			true, false },
		{ "[Notify]\nFailureThreshold=0",
			"aither.conf:9: [Notify] FailureThreshold=0: not a number from 1 to 1000" NO_MAIL,
			true, false },
		{ "[Notify]\nRetryDelaySec=soon",
			"aither.conf:9: [Notify] RetryDelaySec=soon: not a number of seconds from 1 to 3600" NO_MAIL,
			true, false },
		{ "[Rollbar]\nEnabled=perhaps",
			"aither.conf:9: [Rollbar] Enabled=perhaps: neither yes nor no" NO_ITEM, false, true },
		{ "[Rollbar]\nLevel=loud",
			"aither.conf:9: [Rollbar] Level=loud: not one of: info, warning, error" NO_ITEM,
			false, true },
		{ "[Rollbar]\nEndpoint=http://x",
			"aither.conf:9: [Rollbar] Endpoint=http://x: http:// is allowed for this machine only "
			"(localhost, 127.0.0.0/8, [::1]); use https://" NO_ITEM,
			false, true },
	};

	(void)state;
	setenv("ROLLBAR_SERVER_TOKEN", KEY, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep)
		char *text = mem_printf("[Hemera]\nBaseURL=https://a\n[Notify]\nMailTo=a@x.org\n"
					"[Rollbar]\nEnabled=yes\n\n%s\n",
			rows[i].lines);
		CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, text);
		CLEANUP(mem_freep)
		char *expected = mem_printf("%s%s", rows[i].expected, *rows[i].expected ? "\n" : "");

		assert_string_equal(problems, expected);
		assert_true(config_is_usable(&config));
		assert_int_equal(config.notify.mail_to == NULL, rows[i].mail);
		assert_int_equal(config.notify.disabled_by != NULL, rows[i].mail);
		assert_int_equal(!config.rollbar.enabled, rows[i].rollbar);
		assert_int_equal(config.rollbar.disabled_by != NULL, rows[i].rollbar);
	}
}

static void variables_and_secrets_of_mail_and_rollbar_do_not_stop_the_site(void **state)
{
	static const struct {
		const char *variable, *value, *expected;
	} rows[] = {
		{ "SMTP_PORT", "0", "environment SMTP_PORT=0: not a number from 1 to 65535" NO_MAIL },
		{ "SMTP_SECURE", "?", "environment SMTP_SECURE=?: neither yes nor no" NO_MAIL },
		{ "SMTP_TO", "<",
			"environment SMTP_TO=<: not a list of mail addresses separated by commas" NO_MAIL },
		{ "SMTP_PASS", "\x01",
			"environment SMTP_PASS: smtp-password must not contain control characters" NO_MAIL },
		{ "ROLLBAR_SERVER_TOKEN", "short",
			"environment ROLLBAR_SERVER_TOKEN: rollbar-token must have 16 to 256 characters, this one "
			"has 5" NO_ITEM },
	};

	(void)state;
	setenv("SMTP_HOST", "mail.example.org", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };

		setenv(rows[i].variable, rows[i].value, 1);
		CLEANUP(mem_freep)
		char *problems = problems_of(&config, CONFIG_WORKER,
			"[Hemera]\nBaseURL=https://a\n[Notify]\nMailTo=a@x.org\nSMTPUser=u\n"
			"[Rollbar]\nEnabled=yes\n");
		unsetenv(rows[i].variable);
		assert_memory_equal(problems, rows[i].expected, strlen(rows[i].expected));
		assert_true(config_is_usable(&config));
		assert_true(
			strstr(rows[i].expected, NO_MAIL) ? !config.notify.mail_to : !config.rollbar.enabled);
	}
}

#define RESTART "\nsystemctl restart aither aither-worker"

/* Replaces each "@" by `directory`. */
static char *expand(const char *text, const char *directory)
{
	CLEANUP(buf_done) struct buf result = BUF_INIT(10000);

	for (; *text; text++)
		if (*text == '@')
			buf_append_text(&result, directory);
		else
			buf_append_char(&result, *text);
	return buf_take(&result);
}

static void a_file_that_is_not_read_is_a_warning(void **state)
{
	static const struct {
		const char *name, *sentence, *command; /* "@" is the directory; NULL: no warning */
	} rows[] = {
		{ "hemera.conf~",
			"does not end in .conf; copy what is still needed into hemera.conf, and move it elsewhere",
			"mv --backup=numbered '@/hemera.conf~' /var/backups/" RESTART },
		{ "hemera.conf.dpkg-old",
			"does not end in .conf; copy what is still needed into hemera.conf, and move it elsewhere",
			"mv --backup=numbered @/hemera.conf.dpkg-old /var/backups/" RESTART },
		{ "x.conf.dpkg-dist", "does not end in .conf; rename it to x.conf, or move it elsewhere",
			"mv @/x.conf.dpkg-dist @/x.conf" RESTART },
		{ "foo.txt", "does not end in .conf; rename it to foo.conf, or move it elsewhere",
			"mv @/foo.txt @/foo.conf" RESTART },
		{ "mail", "does not end in .conf; rename it to mail.conf, or move it elsewhere",
			"mv @/mail @/mail.conf" RESTART },
		{ "A.CONF", "does not end in .conf; rename it to A.conf, or move it elsewhere",
			"mv @/A.CONF @/A.conf" RESTART },
		{ "#a.conf#", "does not end in .conf; rename it to a.conf, or move it elsewhere",
			"mv '@/#a.conf#' @/a.conf" RESTART },
		{ ".hidden.conf", "begins with a dot; rename it to hidden.conf, or move it elsewhere",
			"mv @/.hidden.conf @/hidden.conf" RESTART },
		{ "README", NULL, NULL },
		{ "README.txt", NULL, NULL },
		{ ".gitignore", NULL, NULL },
		{ ".hemera.conf.swp", NULL, NULL },
		{ "tab\t.txt", NULL, NULL },
	};
	CLEANUP(mem_freep) char *directory = mem_printf("%s/aither.conf.d", scratch_path);

	(void)state;
	assert_int_equal(mkdirat(scratch_fd, "aither.conf.d", 0755), 0);
	assert_int_equal(mkdirat(scratch_fd, "aither.conf.d/old", 0755), 0);
	scratch_put("aither.conf.d/hemera.conf", "[Hemera]\nBaseURL=https://a\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int program = CONFIG_WORKER; program <= CONFIG_CLI; program++) {
			CLEANUP(config_done) struct config config = { 0 };
			CLEANUP(mem_freep) char *name = mem_printf("aither.conf.d/%s", rows[i].name);

			scratch_put(name, "[Site]\nLanguage=fr\n");
			CLEANUP(mem_freep)
			char *problems = problems_of(&config, (enum config_program)program, "");
			assert_int_equal(unlinkat(scratch_fd, name, 0), 0);
			assert_true(config_is_usable(&config));
			if (!rows[i].sentence) {
				assert_string_equal(problems, "");
				continue;
			}
			CLEANUP(mem_freep)
			char *sentence =
				mem_printf("%s: is not read, because its name %s\n", name, rows[i].sentence);
			assert_string_equal(problems, sentence);
			assert_int_equal(config.problems.unread_count, 1);
			assert_false(config.problems.is_required[0]);
			assert_null(config.problems.file[0]);
			CLEANUP(mem_freep) char *command = expand(rows[i].command, directory);
			assert_string_equal(config.problems.command[0], command);
		}
}

static void a_password_in_an_address_is_not_repeated(void **state)
{
	static const char *const rows[] = { "[Hemera]\nBaseURL=https://u:swordfish@a",
		"[Notify]\nSMTPURL=smtp://u:swordfish@a", "[Rollbar]\nEndpoint=https://swordfish@a/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, rows[i]);
		assert_non_null(strstr(problems, "must not contain a user name or password"));
		assert_null(strstr(problems, "swordfish"));
		assert_is_default(&config);
	}
}

static void files_that_cannot_be_read_stop_every_program(void **state)
{
	static const char *const problems[] = { "No such file or directory", "", "NUL byte" };

	(void)state;
	for (size_t i = 0; i < 3 * ARRAY_SIZE(problems); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		if (i == 3)
			assert_int_equal(mkdirat(scratch_fd, "aither.conf", 0755), 0);
		if (i == 6) {
			assert_int_equal(unlinkat(scratch_fd, "aither.conf", AT_REMOVEDIR), 0);
			assert_int_equal(
				file_write(scratch_fd, "aither.conf", "[Web]\0", 6, 0644, false, NULL), 0);
		}
		load(&config, (enum config_program)(i % 3));
		assert_false(config_is_usable(&config));
		assert_non_null(strstr(config.problems.text[0], problems[i / 3]));
		assert_non_null(strstr(config.problems.text[0], "/aither.conf: "));
	}
}

static void the_environment_sets_the_keys_of_the_table(void **state)
{
	static const struct {
		const char *variable, *value;
		size_t offset;
		const char *expected;
	} rows[] = {
		{ "HEMERA_API_BASE_URL", "https://a/", offsetof(struct config, hemera.base_url),
			"https://a" },
		{ "HEMERA_API_FALLBACK_URL", "https://b", offsetof(struct config, hemera.fallback_url),
			"https://b" },
		{ "HTML_OUTPUT_DIR", "/o", offsetof(struct config, sync.output_directory), "/o" },
		{ "AITHER_WORKER_SOCKET", "/s", offsetof(struct config, worker.socket), "/s" },
		{ "SMTP_TO", "a@x.org", offsetof(struct config, notify.mail_to), "a@x.org" },
		{ "NOTIFY_EMAIL_TO", "not.used@x.org", offsetof(struct config, notify.mail_to), "a@x.org" },
		{ "SMTP_FROM", "Aither <b@x.org>", offsetof(struct config, notify.mail_from),
			"Aither <b@x.org>" },
		{ "SMTP_USER", "u", offsetof(struct config, notify.smtp_user), "u" },
	};
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		setenv(rows[i].variable, rows[i].value, 1);
	setenv("NOTIFY_FAILURE_THRESHOLD", "4", 1);
	setenv("SMTP_PASS", "swordfish", 1);
	setenv("ROLLBAR_ENABLED", "true", 1);
	setenv("ROLLBAR_SERVER_TOKEN", KEY, 1);
	CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, "");
	assert_string_equal(problems, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(*(char **)((char *)&config + rows[i].offset), rows[i].expected);
	assert_int_equal(config.notify.failure_threshold, 4);
	assert_true(config.rollbar.enabled);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].environment)
			setenv(config_keys[i].environment, "", 1);
	setenv("SMTP_PORT", "587", 1);
	setenv("SMTP_SECURE", "false", 1);
	setenv("NOTIFY_EMAIL_TO", "second@x.org", 1);
	CLEANUP(mem_freep)
	char *problems = problems_of(&config, CONFIG_WORKER, "[Hemera]\nBaseURL=https://a");
	assert_string_equal(problems, "");
	assert_string_equal(config.hemera.base_url, "https://a");
	assert_string_equal(config.notify.mail_to, "second@x.org");
	assert_string_equal(config.notify.smtp_url, "smtp://localhost");
}

static void the_mail_server_is_made_of_three_variables(void **state)
{
	static const struct {
		const char *host, *port, *secure, *url, *problem;
	} rows[] = {
		{ "mail.x.org", "", "", "smtp://mail.x.org:587", "" },
		{ "mail.x.org", "", "false", "smtp://mail.x.org:587", "" },
		{ "mail.x.org", "", "true", "smtps://mail.x.org:465", "" },
		{ "mail.x.org", "25", "", "smtp://mail.x.org:25", "" },
		{ "mail.x.org", "465", "", "smtps://mail.x.org:465", "" },
		{ "mail.x.org", "465", "0", "smtp://mail.x.org:465", "" },
		{ "mail.x.org", "465", "true", "smtps://mail.x.org:465", "" },
		{ "mail.x.org", "2525", "1", "smtps://mail.x.org:2525", "" },
		{ "::1", "25", "", "smtp://[::1]:25", "" },
		{ "mail.x.org", "0", "", "smtp://mail.x.org:587",
			"environment SMTP_PORT=0: not a number from 1 to 65535" NO_MAIL "\n" },
		{ "mail.x.org", "", "maybe", "smtp://mail.x.org:587",
			"environment SMTP_SECURE=maybe: neither yes nor no" NO_MAIL "\n" },
		{ "mail server", "", "", "smtp://file",
			"environment SMTP_HOST=mail server: only a port from 1 to 65535 may follow the host name" NO_MAIL
			"\n" },
	};

	(void)state;
	setenv("HEMERA_API_BASE_URL", "https://a", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(config_done) struct config config = { 0 };
		setenv("SMTP_HOST", rows[i].host, 1);
		setenv("SMTP_PORT", rows[i].port, 1);
		setenv("SMTP_SECURE", rows[i].secure, 1);
		CLEANUP(mem_freep)
		char *problems = problems_of(&config, CONFIG_WORKER, "[Notify]\nSMTPURL=smtp://file");
		assert_string_equal(config.notify.smtp_url, rows[i].url);
		assert_string_equal(problems, rows[i].problem);
	}
}

static void a_wrong_variable_is_named(void **state)
{
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("HEMERA_API_BASE_URL", "http://hemera.example.org", 1);
	setenv("SMTP_TO", "no body", 1);
	CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, "");
	assert_string_equal(problems,
		"environment HEMERA_API_BASE_URL=http://hemera.example.org: http:// is allowed for this "
		"machine only (localhost, 127.0.0.0/8, [::1]); use https://\n"
		"environment SMTP_TO=no body: not a list of mail addresses separated by commas" NO_MAIL "\n");
}

static void a_file_full_of_nonsense_has_a_bounded_list(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(10000);
	CLEANUP(config_done) struct config config = { 0 };

	(void)state;
	setenv("HEMERA_API_BASE_URL", "https://a", 1);
	buf_append_text(&text, "[Site]\n");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "Colour%d=red\n", i);
	buf_append_text(&text, "Language=fr\n");
	CLEANUP(mem_freep) char *problems = problems_of(&config, CONFIG_WORKER, buf_text(&text));
	assert_non_null(strstr(problems, "aither.conf:2: [Site] unknown key Colour0\n"));
	assert_int_equal(config.problems.count, CONFIG_PROBLEMS_MAX);
	assert_string_equal(config.problems.text[CONFIG_PROBLEMS_MAX - 1],
		"There are more problems, which are not listed.");
	/* The last problem had no room in the list, but it counts. */
	assert_false(config_is_usable(&config));
	CLEANUP(mem_freep) char *all = config_problems_text(&config, "\n");
	assert_non_null(strstr(all, "unknown key Colour48\n"));
}

#define CONFIG_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(an_empty_file_leaves_the_defaults_and_asks_for_the_address),
		CONFIG_TEST(lines_are_read_as_operators_write_them),
		CONFIG_TEST(the_site_is_what_the_operator_says),
		CONFIG_TEST(a_wrong_site_is_an_error_with_its_line),
		CONFIG_TEST(long_values_stand_in_one_line_or_go_on_in_the_next),
		CONFIG_TEST(later_files_and_the_environment_win),
		CONFIG_TEST(each_value_has_an_origin),
		CONFIG_TEST(every_problem_is_a_sentence_with_its_line),
		CONFIG_TEST(a_problem_stops_only_programs_that_use_the_key),
		CONFIG_TEST(a_wrong_value_disables_mail_or_rollbar_but_not_the_site),
		CONFIG_TEST(variables_and_secrets_of_mail_and_rollbar_do_not_stop_the_site),
		CONFIG_TEST(a_file_that_is_not_read_is_a_warning),
		CONFIG_TEST(a_password_in_an_address_is_not_repeated),
		CONFIG_TEST(files_that_cannot_be_read_stop_every_program),
		CONFIG_TEST(the_environment_sets_the_keys_of_the_table),
		CONFIG_TEST(an_empty_variable_counts_as_not_set),
		CONFIG_TEST(the_mail_server_is_made_of_three_variables),
		CONFIG_TEST(a_wrong_variable_is_named),
		CONFIG_TEST(a_file_full_of_nonsense_has_a_bounded_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
