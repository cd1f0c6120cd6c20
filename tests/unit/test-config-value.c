/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "config/config-value.h"
#include "config/config.h"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char *const web_schemes[] = { "https", "http", NULL };
static const char *const mail_schemes[] = { "smtp", "smtps", NULL };

struct row {
	const char *text;
	const char *stored; /* NULL: refused, and nothing is stored */
};

/* Checks rows of a parser that stores strings. What is refused must leave the old value. */
static void check_rows(const struct config_type *type, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(mem_freep) char *value = mem_strdup("old");
		struct error err = { 0 };
		int result = type->parse(type, rows[i].text, &value, &err);
		const char *expected = rows[i].stored ? rows[i].stored : "old";
		if (result != (rows[i].stored ? 0 : -EINVAL) || strcmp(value, expected) != 0)
			fail_msg("\"%s\": %d, \"%s\", %s", rows[i].text, result, value, err.message);
		if (result < 0)
			assert_true(*err.message && err.errnum == -EINVAL);
	}
}

static void origins_are_https_or_loopback_and_stored_plainly(void **state)
{
	static const struct config_type type = { .parse = config_parse_url, .words = web_schemes };
	static const struct row rows[] = {
		{ "https://hemera.example.org", "https://hemera.example.org" },
		{ "https://hemera.example.org/", "https://hemera.example.org" },
		{ "HTTPS://Hemera.Example.ORG:8443", "https://hemera.example.org:8443" },
		{ "https://[2001:DB8::1]:443/", "https://[2001:DB8::1]:443" },
		{ "https://192.0.2.1", "https://192.0.2.1" },
		{ "https://my_host-1", "https://my_host-1" },
		{ "http://localhost:3000", "http://localhost:3000" },
		{ "http://LocalHost", "http://localhost" },
		{ "http://127.0.0.1", "http://127.0.0.1" },
		{ "http://127.255.0.9:80", "http://127.255.0.9:80" },
		{ "http://[::1]:3000", "http://[::1]:3000" },
		{ "http://localhost.:3000", "http://localhost.:3000" },
		{ "http://[0:0::1]:3000", "http://[0:0::1]:3000" },
		{ "http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]" },
		{ "http://[::1%25lo]", "http://[::1%25lo]" },
		{ "https://[fe80::1%eth0]", "https://[fe80::1%eth0]" },
		{ "https://[fe80::1%25eth0]:8443", "https://[fe80::1%25eth0]:8443" },
		{ "https://a:1", "https://a:1" },
		{ "https://a:65535", "https://a:65535" },
		{ "http://hemera.example.org", NULL },
		{ "http://localhost.example.org", NULL },
		{ "http://127.1", NULL },
		{ "http://128.0.0.1", NULL },
		{ "http://127.0.0.1.example.org", NULL },
		{ "http://[::2]", NULL },
		{ "http://0.0.0.0", NULL },
		{ "ftp://localhost", NULL },
		{ "file:///etc/passwd", NULL },
		{ "hemera.example.org", NULL },
		{ "https:/hemera.example.org", NULL },
		{ "https://", NULL },
		{ "https:///", NULL },
		{ "https://user@host", NULL },
		{ "https://user:secret@host", NULL },
		{ "http://localhost:3000@example.org", NULL },
		{ "https://host/api", NULL },
		{ "https://host//", NULL },
		{ "https://host?", NULL },
		{ "https://host/?a=b", NULL },
		{ "https://host#x", NULL },
		{ "https://host:", NULL },
		{ "https://host:0", NULL },
		{ "https://host:65536", NULL },
		{ "https://host:+1", NULL },
		{ "https://host:8o", NULL },
		{ "https://ho st", NULL },
		{ "https://h\xc3\xb6st", NULL },
		{ "https://-host", NULL },
		{ "https://.host", NULL },
		{ "https://[::1", NULL },
		{ "https://[]", NULL },
		{ "https://[fe80::1%]", NULL },
		{ "https://[fe80::1%eth/0]", NULL },
		{ "http://[fe80::1%lo]", NULL },
		{ "http://[::ffff:192.0.2.1]", NULL },
		{ "https://[::1]x", NULL },
		{ "https://host\\@evil", NULL },
		{ "https://host\r\n", NULL },
		{ "https://" HUNDRED HUNDRED HUNDRED, NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void endpoints_may_have_a_path(void **state)
{
	static const struct config_type type = {
		.parse = config_parse_url, .words = web_schemes, .max = 1024
	};
	static const struct row rows[] = {
		{ "https://API.rollbar.com/api/1/Item/", "https://api.rollbar.com/api/1/Item/" },
		{ "http://127.0.0.1:9/items", "http://127.0.0.1:9/items" },
		{ "https://host", "https://host" },
		{ "http://host/items", NULL },
		{ "https://host/items?token=x", NULL },
		{ "https://host/items#x", NULL },
		{ "https://host/a b", NULL },
		{ "https://host/\xc3\xa4", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void mail_servers_have_smtp_urls(void **state)
{
	static const struct config_type type = { .parse = config_parse_url, .words = mail_schemes };
	static const struct row rows[] = {
		{ "smtp://localhost", "smtp://localhost" },
		{ "smtps://mail.example.org:465/", "smtps://mail.example.org:465" },
		{ "SMTP://[::1]:25", "smtp://[::1]:25" },
		{ "https://mail.example.org", NULL },
		{ "smtp://user:secret@mail.example.org", NULL },
		{ "smtp://mail.example.org/helo.name", NULL },
		{ "mail.example.org", NULL },
		{ "smtp:mail.example.org", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void this_machine_is_known_by_its_loopback_addresses(void **state)
{
	static const struct {
		const char *url;
		bool local;
	} rows[] = {
		{ "smtp://localhost", true },
		{ "smtps://localhost:465", true },
		{ "smtp://127.0.0.1:25", true },
		{ "https://127.9.9.9/api/1/item/", true },
		{ "http://[::1]:3000", true },
		{ "http://[0:0:0:0:0:0:0:1]", true },
		{ "smtp://[::ffff:127.0.0.1]", true },
		{ "smtp://localhost.", true },
		{ "smtp://0.0.0.0:25", false },
		{ "smtp://mail.example.org", false },
		{ "smtp://localhost.example.org", false },
		{ "smtp://128.0.0.1", false },
		{ "smtp://[fe80::1]", false },
		{ "localhost", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (config_url_is_local(rows[i].url) != rows[i].local)
			fail_msg("%s", rows[i].url);
}

static void paths_are_absolute(void **state)
{
	static const struct config_type type = { .parse = config_parse_path, .max = 10 };
	static const struct row rows[] = {
		{ "/var/lib", "/var/lib" },
		{ "/var/lib//", "/var/lib" },
		{ "/", "/" },
		{ "/a b/\xc3\xa4", "/a b/\xc3\xa4" },
		{ "/" TEN, NULL },
		{ "output", NULL },
		{ "./output", NULL },
		{ "~/output", NULL },
		{ "/a\tb", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void time_zones_must_exist(void **state)
{
	static const struct config_type type = { .parse = config_parse_zone };
	static const struct row rows[] = {
		{ "Europe/Berlin", "Europe/Berlin" },
		{ "UTC", "UTC" },
		{ "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires" },
		{ "Etc/GMT+3", "Etc/GMT+3" },
		{ "Europe/Berlim", NULL },
		{ "Europe", NULL },
		{ "/usr/share/zoneinfo/UTC", NULL },
		{ "../zoneinfo/UTC", NULL },
		{ "Europe/../UTC", NULL },
		{ "zone.tab", NULL },
		{ "right/Mars", NULL },
		{ "CET-1CEST", NULL },
		{ ":UTC", NULL },
		{ HUNDRED, NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void a_zone_that_counts_leap_seconds_is_the_one_that_does_not(void **state)
{
	static const struct config_type type = { .parse = config_parse_zone };
	CLEANUP(mem_freep) char *zone = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(config_parse_zone(&type, "right/Europe/Berlin", &zone, &err), CONFIG_CORRECTED);
	assert_string_equal(zone, "Europe/Berlin");
	assert_non_null(strstr(err.message, "write Europe/Berlin"));
}

static void mail_addresses_are_a_list_of_rfc_5322(void **state)
{
	static const struct config_type type = { .parse = config_parse_mail, .max = 3 };
	static const struct row rows[] = {
		{ "a@example.org", "a@example.org" },
		{ "root@localhost", "root@localhost" },
		{ "a+b.c@[192.0.2.1]", "a+b.c@[192.0.2.1]" },
		{ "<a:b@x.org>", NULL },
		{ "a@x.org,b@x.org , c@x.org", "a@x.org,b@x.org,c@x.org" },
		{ "Operator on Duty <op@x.org>, <b@x.org>", "op@x.org,b@x.org" },
		{ "\"Doe, Jane\" <jane@x.org>, ops@y.org", "jane@x.org,ops@y.org" },
		{ "\"a \\\" <b@x.org>, c\"<a@x.org>", "a@x.org" },
		{ "\"\" < a@x.org >", "a@x.org" },
		{ "J\xc3\xb6rg M. <a@x.org>", "a@x.org" },
		{ "a@x.org (day, and (nested \\) <b@x.org>) night),b@x.org", "a@x.org,b@x.org" },
		{ "(first) Jane (second) <(third) a@x.org (fourth)> (fifth)", "a@x.org" },
		{ "\ta@[IPv6:2001:db8::1] , b@x.org", "a@[IPv6:2001:db8::1],b@x.org" },
		{ "a@x.org,b@x.org,c@x.org,d@x.org", NULL },
		{ "a@x.org,", NULL },
		{ ",a@x.org", NULL },
		{ "a@x.org b@x.org", NULL },
		{ "a@x.org; b@x.org", NULL },
		{ "ops: a@x.org, b@x.org;", NULL },
		{ "ops:;", NULL },
		{ "\"Doe, Jane\", a@x.org", NULL },
		{ "\"a@x.org\"", NULL },
		{ "\"a\"@x.org", NULL },
		{ "\"Jane <a@x.org>", NULL },
		{ "a@x.org (comment", NULL },
		{ "a@x.org )", NULL },
		{ "(comment)", NULL },
		{ "\"", NULL },
		{ "a@x.org <b@x.org>", NULL },
		{ "Jane <a@x.org> b@x.org", NULL },
		{ "Jane <a@x.org> <b@x.org>", NULL },
		{ "Jane <a@x.org, b@x.org>", NULL },
		{ "Jane <>", NULL },
		{ "Jane <\"a\"@x.org>", NULL },
		{ "<@relay.org:a@x.org>", NULL },
		{ "a@[192.0.2.1", NULL },
		{ "a @x.org", NULL },
		{ "a@x.org,,b@x.org", NULL },
		{ "a@x.org,\"x\r\nBcc: y\" b@x.org", NULL },
		{ "operator", NULL },
		{ "@x.org", NULL },
		{ "a@", NULL },
		{ "a@b@c", NULL },
		{ "a@.org", NULL },
		{ "a@x.org>", NULL },
		{ "<a@x.org", NULL },
		{ "a@x.org\r\nBcc: b@x.org", NULL },
		{ "<a@x.org\r\nRCPT TO:b@x.org>", NULL },
		{ "\xc3\xa4@x.org", NULL },
		{ "a@x_y.org", NULL },
		{ HUNDRED "@x.org", NULL },
		{ "a@" HUNDRED HUNDRED HUNDRED ".org", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

/* What is wrong with a text; NULL: nothing. */
static const char *problem_of(const struct config_type *type, const char *text, struct error *err)
{
	CLEANUP(mem_freep) char *value = NULL;

	return type->parse(type, text, &value, err) < 0 ? err->message : NULL;
}

static void wrong_addresses_are_told_in_the_right_words(void **state)
{
	static const struct config_type to = { .parse = config_parse_mail, .max = 20 },
					from = { .parse = config_parse_mail, .max = 1 },
					origin = { .parse = config_parse_url, .words = web_schemes },
					server = { .parse = config_parse_url, .words = mail_schemes },
					item = {
						.parse = config_parse_url, .words = web_schemes, .max = 1024
					};
	static const struct {
		const struct config_type *type;
		const char *text, *problem;
	} rows[] = {
		{ &to, "op@m\xc3\xbcnchen.example",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &to, "a@x.org, Jane <j\xc3\xbcrgen@x.org>", "letters before its @ that are not ASCII" },
		{ &to, "ops: a@x.org, b@x.org;", "a group of mail addresses" },
		{ &to, "\"Doe, Jane <a@x.org>", "a quotation mark or parenthesis is not closed" },
		{ &to, "a@x.org; b@x.org", "not a list of mail addresses separated by commas" },
		{ &from, "operator", "not a mail address" },
		{ &from, "a@x.org, b@x.org", "more than 1 mail address" },
		{ &origin, "https://hemer\xc3\xa4.example",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &server, "smtp://m\xc3\xa4il.example:25",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &item, "https://\xd0\xbf\xd1\x80.example/x",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &item, "https://x.example/\xc3\xa4", "the path may have visible ASCII characters only" },
		{ &origin, "https://xn--hemer-jra.example", NULL },
		{ &to, "op@xn--mnchen-3ya.example", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		const char *problem = problem_of(rows[i].type, rows[i].text, &err);

		if (!problem != !rows[i].problem || (problem && !strstr(problem, rows[i].problem)))
			fail_msg("\"%s\": %s", rows[i].text, problem ? problem : "is taken");
	}
}

static void texts_are_printable_and_bounded(void **state)
{
	static const struct config_type type = { .parse = config_parse_text, .max = 10 };
	static const struct row rows[] = {
		{ "staging 2", "staging 2" },
		{ TEN, TEN },
		{ TEN "a", NULL },
		{ "a\tb", NULL },
		{ "\xc3\xa4", NULL },
		{ "a\x7f", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void numbers_keep_their_bounds(void **state)
{
	static const struct config_type type = {
		.parse = config_parse_number, .min = 5, .max = 600, .unit = "seconds"
	};
	static const struct {
		const char *text;
		unsigned stored; /* 77: refused */
	} rows[] = {
		{ "5", 5 },
		{ "600", 600 },
		{ "0050", 50 },
		{ "4", 77 },
		{ "601", 77 },
		{ "", 77 },
		{ "-5", 77 },
		{ "+5", 77 },
		{ " 5", 77 },
		{ "5s", 77 },
		{ "5.0", 77 },
		{ "0x10", 77 },
		{ "4294967301", 77 },
		{ "18446744073709551621", 77 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		unsigned value = 77;
		int result = type.parse(&type, rows[i].text, &value, &err);
		if (value != rows[i].stored || (result < 0) != (value == 77))
			fail_msg("\"%s\": %d, %u", rows[i].text, result, value);
		if (result < 0)
			assert_string_equal(err.message, "not a number of seconds from 5 to 600");
	}
}

static void flags_know_the_usual_words(void **state)
{
	static const char *const pages[] = { "private", "public", NULL };
	static const struct config_type plain = { .parse = config_parse_flag };
	static const struct config_type named = { .parse = config_parse_flag, .words = pages };
	static const struct {
		const struct config_type *type;
		const char *text;
		int stored; /* -1: refused */
	} rows[] = {
		{ &plain, "yes", 1 },
		{ &plain, "TRUE", 1 },
		{ &plain, "on", 1 },
		{ &plain, "1", 1 },
		{ &plain, "no", 0 },
		{ &plain, "False", 0 },
		{ &plain, "off", 0 },
		{ &plain, "0", 0 },
		{ &plain, "2", -1 },
		{ &plain, "y", -1 },
		{ &plain, "yes please", -1 },
		{ &named, "private", 0 },
		{ &named, "Public", 1 },
		{ &named, "yes", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool before = i % 2, value = before;
		int result = rows[i].type->parse(rows[i].type, rows[i].text, &value, NULL);
		if (result != (rows[i].stored < 0 ? -EINVAL : 0) ||
			value != (rows[i].stored < 0 ? before : rows[i].stored))
			fail_msg("\"%s\": %d, %d", rows[i].text, result, value);
	}
}

static void choices_list_what_is_possible(void **state)
{
	static const char *const words[] = { "auto", "de", "en", NULL };
	static const struct config_type type = { .parse = config_parse_choice, .words = words };
	enum config_language language = CONFIG_LANGUAGE_AUTO;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(type.parse(&type, "EN", &language, &err), 0);
	assert_int_equal(language, CONFIG_LANGUAGE_EN);
	assert_int_equal(type.parse(&type, "fr", &language, &err), -EINVAL);
	assert_int_equal(language, CONFIG_LANGUAGE_EN);
	assert_string_equal(err.message, "not one of: auto, de, en");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins_are_https_or_loopback_and_stored_plainly),
		cmocka_unit_test(endpoints_may_have_a_path),
		cmocka_unit_test(mail_servers_have_smtp_urls),
		cmocka_unit_test(this_machine_is_known_by_its_loopback_addresses),
		cmocka_unit_test(paths_are_absolute),
		cmocka_unit_test(time_zones_must_exist),
		cmocka_unit_test(a_zone_that_counts_leap_seconds_is_the_one_that_does_not),
		cmocka_unit_test(mail_addresses_are_a_list_of_rfc_5322),
		cmocka_unit_test(wrong_addresses_are_told_in_the_right_words),
		cmocka_unit_test(texts_are_printable_and_bounded),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(flags_know_the_usual_words),
		cmocka_unit_test(choices_list_what_is_possible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
