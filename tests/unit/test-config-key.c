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

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "config/config-key.h"
#include "config/config.h"
#include "scratch.h"

#define SAMPLE_LINE_MAX 102 /* "# " and a description of 100 characters */
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char *const web_schemes[] = { "https", "http", NULL };
static const char *const mail_schemes[] = { "smtp", "smtps", NULL };

struct row {
	const char *text;
	const char *stored; /* NULL: refused, and nothing is stored */
};

/* Checks rows of a parser that stores strings. A refused text must leave the old value. */
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

static void the_address_of_the_site_is_an_origin(void **state)
{
	static const struct config_type type = { .parse = config_parse_origin };
	static const struct row rows[] = {
		{ "https://courses.example.org", "https://courses.example.org" },
		{ "https://courses.example.org/", "https://courses.example.org" },
		{ "HTTPS://Courses.Example.ORG:8443", "https://courses.example.org:8443" },
		{ "http://courses.example.org", "http://courses.example.org" },
		{ "https://[2001:db8::1]", "https://[2001:db8::1]" },
		{ "https://courses.example.org/courses", NULL },
		{ "https://courses.example.org?x", NULL },
		{ "https://courses.example.org#x", NULL },
		{ "https://user@courses.example.org", NULL },
		{ "https://m\xc3\xbcnchen.example", NULL },
		{ "courses.example.org", NULL },
		{ "//courses.example.org", NULL },
		{ "ftp://courses.example.org", NULL },
		{ "javascript:alert(1)", NULL },
		{ "https://a.example\" onclick=\"x", NULL },
		{ "https://a.example b", NULL },
		{ "https://a.example\r\nX: y", NULL },
		{ "https://", NULL },
		{ "/", NULL },
		{ "", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void links_lead_elsewhere_or_to_a_path_of_this_site(void **state)
{
	static const struct config_type type = { .parse = config_parse_link, .max = 30 };
	static const struct row rows[] = {
		{ "https://Academy.example.org/Imprint?a=1&b=2#x",
			"https://academy.example.org/Imprint?a=1&b=2#x" },
		{ "http://academy.example.org:8080", "http://academy.example.org:8080" },
		{ "https://a.example?x", "https://a.example?x" },
		{ "/imprint.html", "/imprint.html" },
		{ "/", "/" },
		{ "/a%20b", "/a%20b" },
		{ "/" TEN TEN "012345678", "/" TEN TEN "012345678" },
		{ "/" TEN TEN TEN, NULL },
		{ "https://a.example/" TEN TEN TEN, NULL },
		{ "//evil.example/", NULL },
		{ "/\\evil.example/", NULL },
		{ "\\\\evil.example/", NULL },
		{ "imprint.html", NULL },
		{ "javascript:alert(1)", NULL },
		{ "data:text/html,x", NULL },
		{ "mailto:a@example.org", NULL },
		{ "https://user:secret@a.example/", NULL },
		{ "/a b", NULL },
		{ "/a\tb", NULL },
		{ "/a\"b", NULL },
		{ "/a'b", NULL },
		{ "/a<b>", NULL },
		{ "/\xc3\xa4", NULL },
		{ "https://a.example/\xc3\xa4", NULL },
		{ "https://a.example/a\"b", NULL },
		{ "https://a.example/x\r\ny", NULL },
		{ "", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void the_address_of_a_course_names_the_course(void **state)
{
	static const struct config_type type = { .parse = config_parse_course_url, .max = 60 };
	static const struct row rows[] = {
		{ "https://academy.example/courses/{id}", "https://academy.example/courses/{id}" },
		{ "https://Academy.example/{lang}/{slug}?id={id}",
			"https://academy.example/{lang}/{slug}?id={id}" },
		{ "http://academy.example:8080/{slug}", "http://academy.example:8080/{slug}" },
		{ "https://academy.example?course={id}", "https://academy.example?course={id}" },
		{ "https://academy.example/{id}{id}", "https://academy.example/{id}{id}" },
		{ "https://academy.example/courses", NULL },
		{ "https://academy.example/{lang}", NULL },
		{ "https://academy.example/{foo}/{id}", NULL },
		{ "https://academy.example/{id", NULL },
		{ "https://academy.example/id}", NULL },
		{ "https://academy.example/{id}}", NULL },
		{ "https://academy.example/{{id}}", NULL },
		{ "https://academy.example/{ID}", NULL },
		{ "https://academy.example/{}", NULL },
		{ "https://{slug}.example/{id}", NULL },
		{ "/courses/{id}", NULL },
		{ "//academy.example/{id}", NULL },
		{ "javascript:alert({id})", NULL },
		{ "https://user@academy.example/{id}", NULL },
		{ "https://academy.example/a b/{id}", NULL },
		{ "https://academy.example/{id}\"", NULL },
		{ "https://academy.example/\xc3\xa4/{id}", NULL },
		{ "https://academy.example/{id}\r\nURL:x", NULL },
		{ "https://academy.example/{id}" TEN TEN TEN TEN TEN TEN, NULL },
		{ "", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

static void names_are_text_for_people(void **state)
{
	static const struct config_type type = { .parse = config_parse_words, .max = 200 };
	static const struct row rows[] = {
		{ "Hemera Academy", "Hemera Academy" },
		{ "Akademie f\xc3\xbcr L\xc3\xb6hne & <Geh\xc3\xa4lter> \"neu\"",
			"Akademie f\xc3\xbcr L\xc3\xb6hne & <Geh\xc3\xa4lter> \"neu\"" },
		{ "{site} {{x}}", "{site} {{x}}" },
		{ HUNDRED HUNDRED, HUNDRED HUNDRED },
		{ HUNDRED HUNDRED "x", NULL },
		{ "a\tb", NULL },
		{ "a\r\nBcc: x", NULL },
		{ "a\x1b[31m", NULL },
		{ "a\x7f", NULL },
		{ "a\xff", NULL },
		{ "a\xc3", NULL },
		{ "a\xed\xa0\x80", NULL },
		{ " ", NULL },
		{ "\xe2\x80\x8b", NULL },
		{ "", NULL },
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

static void a_zone_that_counts_leap_seconds_is_corrected(void **state)
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
		{ "root", "root" },
		{ "root, Operator on Duty <ops-team>, a@x.org", "root,ops-team,a@x.org" },
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
		{ "operator on duty", NULL },
		{ "\"operator\"", NULL },
		{ "r\xc3\xb6ot", NULL },
		{ HUNDRED, NULL },
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

static void a_sender_keeps_the_name(void **state)
{
	static const struct config_type type = { .parse = config_parse_mail, .max = 1 };
	static const struct row rows[] = {
		{ "a@x.org", "a@x.org" },
		{ "aither", "aither" },
		{ "<a@x.org>", "a@x.org" },
		{ "\"\" <a@x.org>", "a@x.org" },
		{ "(only a comment) <a@x.org>", "a@x.org" },
		{ "a@x.org (Hemera Academy)", "a@x.org" },
		{ "Hemera Academy <aither@example.org>", "Hemera Academy <aither@example.org>" },
		{ "  Hemera \t (the) Academy<a@x.org>", "Hemera Academy <a@x.org>" },
		{ "\"Academy, Hemera\" <a@x.org>", "Academy, Hemera <a@x.org>" },
		{ "\"a \\\"b\\\" <c>  d\" <a@x.org>", "a \"b\" <c>  d <a@x.org>" },
		{ "Akademie f\xc3\xbcr L\xc3\xb6hne <a@x.org>",
			"Akademie f\xc3\xbcr L\xc3\xb6hne <a@x.org>" },
		{ "Academy <a@x.org>, b@x.org", NULL },
		{ "Academy a@x.org", NULL },
		{ HUNDRED HUNDRED "x <a@x.org>", NULL },
	};

	(void)state;
	check_rows(&type, rows, ARRAY_SIZE(rows));
}

/* The message about a text; NULL: the text is valid. */
static const char *problem_of(const struct config_type *type, const char *text, struct error *err)
{
	CLEANUP(mem_freep) char *value = NULL;

	return type->parse(type, text, &value, err) < 0 ? err->message : NULL;
}

static void wrong_addresses_get_a_message_that_explains_them(void **state)
{
	static const struct config_type to = { .parse = config_parse_mail, .max = 20 },
					from = { .parse = config_parse_mail, .max = 1 },
					origin = { .parse = config_parse_url, .words = web_schemes },
					server = { .parse = config_parse_url, .words = mail_schemes },
					course = { .parse = config_parse_course_url, .max = 1024 },
					link = { .parse = config_parse_link, .max = 1024 },
					site = { .parse = config_parse_origin },
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
		{ &to, "root; a@x.org", "not a list of mail addresses separated by commas" },
		{ &to, "r\xc3\xb6ot", "letters before its @ that are not ASCII" },
		{ &from, "operator at x.org", "not a mail address" },
		{ &from, "J\xf6rg <a@x.org>", "the name before the address: not UTF-8 text" },
		{ &from, "\"a\nb\" <a@x.org>", "the name before the address: control characters" },
		{ &from, "a@x.org, b@x.org", "more than 1 mail address" },
		{ &origin, "https://hemer\xc3\xa4.example",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &server, "smtp://m\xc3\xa4il.example:25",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &item, "https://\xd0\xbf\xd1\x80.example/x",
			"host name has letters that are not ASCII; write its ASCII form (xn--" },
		{ &item, "https://x.example/\xc3\xa4", "the path may contain visible ASCII characters only" },
		{ &course, "https://a.example/courses",
			"contains neither {id} nor {slug}, so all courses would have the same address" },
		{ &course, "https://a.example/{foo}/{id}",
			"only {id}, {slug} and {lang} are allowed in braces" },
		{ &link, "//a.example/", "begins with two slashes" },
		{ &link, "/a b", "spaces, quotation marks" },
		{ &site, "https://a.example/x", "nothing may follow https://host[:port]" },
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

static void messages_about_choices_list_them(void **state)
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

/* ---- the table ---- */

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

/* The line "# Environment: ..." above the key; "" for a key without a variable. */
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

/* All keys of the table in its order, each below its description and its variables. */
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

/* The configuration of an operator who removes the # before every default. */
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
		cmocka_unit_test(origins_are_https_or_loopback_and_stored_plainly),
		cmocka_unit_test(endpoints_may_have_a_path),
		cmocka_unit_test(mail_servers_have_smtp_urls),
		cmocka_unit_test(the_address_of_the_site_is_an_origin),
		cmocka_unit_test(links_lead_elsewhere_or_to_a_path_of_this_site),
		cmocka_unit_test(the_address_of_a_course_names_the_course),
		cmocka_unit_test(names_are_text_for_people),
		cmocka_unit_test(this_machine_is_known_by_its_loopback_addresses),
		cmocka_unit_test(paths_are_absolute),
		cmocka_unit_test(time_zones_must_exist),
		cmocka_unit_test(a_zone_that_counts_leap_seconds_is_corrected),
		cmocka_unit_test(mail_addresses_are_a_list_of_rfc_5322),
		cmocka_unit_test(a_sender_keeps_the_name),
		cmocka_unit_test(wrong_addresses_get_a_message_that_explains_them),
		cmocka_unit_test(texts_are_printable_and_bounded),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(flags_know_the_usual_words),
		cmocka_unit_test(messages_about_choices_list_them),
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
