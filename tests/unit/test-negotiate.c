/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/http.h"
#include "web/negotiate.h"

static void languages_are_negotiated(void **state)
{
	static const struct {
		const char *name, *query, *accept;
		enum config_language site;
		enum language expected;
	} rows[] = {
		{ "nothing said", "", NULL, CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "English", "", "en", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "region", "", "en-GB,fr;q=0.9", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "Austria", "", "fr, de-AT;q=0.3, en;q=0.2", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "weights", "", "de;q=0.5, en;q=0.9", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "equal weights: first", "", "en, de", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "thousandths", "", "de;q=0.501,en;q=0.502", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "excluded", "", "de;q=0, en;q=0.1", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "neither", "", "fr", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "star", "", "*", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "star without German", "", "de;q=0, *", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "star stands for German", "", "en;q=0.4, *;q=0.5", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "another language of similar name", "", "enm, den", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "bad weight", "", "en;q=x, de;q=0.1", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "weight above one", "", "en;q=1.5, de;q=0.1", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
		{ "underscore", "", "en_US", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "a locale", "", "fr, en_GB.UTF-8;q=0.9", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "three letters", "", "eng, deu;q=0.5", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "upper case", "", "EN", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "script and region", "", "en-Latn-GB", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "blanks around a weight", "", "de ; q=0.1 , en ;\tq=0.2\t", CONFIG_LANGUAGE_AUTO,
			LANGUAGE_EN },
		{ "parameter wins", "lang=en", "de", CONFIG_LANGUAGE_DE, LANGUAGE_EN },
		{ "unknown parameter", "lang=fr", "en", CONFIG_LANGUAGE_AUTO, LANGUAGE_EN },
		{ "site's language", "", "de", CONFIG_LANGUAGE_EN, LANGUAGE_EN },
		{ "rubbish", "", ";;,,=;q", CONFIG_LANGUAGE_AUTO, LANGUAGE_DE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_field field = { "accept-language", rows[i].accept };
		struct http_request request = {
			.query = rows[i].query, .fields = &field, .field_count = rows[i].accept ? 1 : 0
		};
		if (negotiate_language(&request, rows[i].site) != rows[i].expected)
			fail_msg("%s", rows[i].name);
	}
}

static void only_a_language_of_ours_counts_as_chosen(void **state)
{
	static const struct {
		const char *query;
		bool is_chosen;
		enum language expected;
	} rows[] = {
		{ "lang=de", true, LANGUAGE_DE },
		{ "q=x&lang=en", true, LANGUAGE_EN },
		{ "lang=fr", false, LANGUAGE_DE },
		{ "lang=", false, LANGUAGE_DE },
		{ "lang=DE", false, LANGUAGE_DE },
		{ "", false, LANGUAGE_DE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_request request = { .query = rows[i].query };
		enum language language = LANGUAGE_DE;

		if (negotiate_chosen_language(&request, &language) != rows[i].is_chosen ||
			language != rows[i].expected)
			fail_msg("%s", rows[i].query);
	}
}

static void gzip_is_sent_only_to_those_who_ask(void **state)
{
	static const struct {
		const char *accept;
		bool expected;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "gzip", true },
		{ "GZIP", true },
		{ "deflate, gzip;q=0.5, br", true },
		{ "x-gzip", true },
		{ "gzip;q=0", false },
		{ "gzip; q=0.0", false },
		{ "*", true },
		{ "*;q=0", false },
		{ "gzip;q=0, *", false },
		{ "identity", false },
		{ "gzipped", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (negotiate_gzip(rows[i].accept) != rows[i].expected)
			fail_msg("%s", rows[i].accept ? rows[i].accept : "no header");
	}
}

static void html_is_for_those_who_prefer_it_to_json(void **state)
{
	static const struct {
		const char *accept;
		bool expected;
	} rows[] = {
		{ "", false },
		{ "*/*", false },
		{ "text/html", true },
		{ "Text/HTML;level=1", true },
		{ "text/*", true },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true },
		{ "application/json, text/html", true },
		{ "application/json", false },
		{ "application/*, text/*;q=0.9", false },
		{ "application/*;q=0.1, text/*", true },
		{ "application/json, text/html;q=0.9", false },
		{ "application/json;q=0.5, text/html;q=0.9", true },
		{ "text/html;q=0, */*", false },
		{ "text/plain, */*", false },
		{ "text/html;a=\";q=0, x\"", true },
		{ "x/y;a=\", text/html, \"", false },
		{ "x/y;a=\"\\\", text/html", false },
		{ "x/y;a=\"\\\"\", text/html", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct http_field field = { "accept", rows[i].accept };
		const struct http_request request = { .fields = &field, .field_count = 1 };
		if (negotiate_html(&request) != rows[i].expected)
			fail_msg("%s", rows[i].accept);
	}
}

static void entity_tags_are_compared_weakly(void **state)
{
	static const struct {
		const char *list;
		bool expected;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "\"abc\"", true },
		{ "W/\"abc\"", true },
		{ "\"x\", \"abc\"", true },
		{ "\"x\",W/\"y\" , W/\"abc\"", true },
		{ "*", true },
		{ " * ,", true },
		{ "*x", false },
		{ "\"abc", false },
		{ "abc", false },
		{ "\"ab\"", false },
		{ "\"abcd\"", false },
		{ "\"a,b\", \"abc\"", true },
		{ "\"x\" \"abc\"", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (negotiate_has_etag(rows[i].list, "\"abc\"") != rows[i].expected)
			fail_msg("%s", rows[i].list ? rows[i].list : "no header");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(languages_are_negotiated),
		cmocka_unit_test(only_a_language_of_ours_counts_as_chosen),
		cmocka_unit_test(gzip_is_sent_only_to_those_who_ask),
		cmocka_unit_test(html_is_for_those_who_prefer_it_to_json),
		cmocka_unit_test(entity_tags_are_compared_weakly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
