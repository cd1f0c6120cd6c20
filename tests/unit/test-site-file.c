/* SPDX-License-Identifier: MIT */
#include "published/site-file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void the_suffix_decides_the_type(void **state)
{
	static const struct {
		const char *name, *type;
	} rows[] = {
		{ "logo.svg", "image/svg+xml" },
		{ "a.b.png", "image/png" },
		{ "robots.txt", "text/plain; charset=utf-8" },
		{ "imprint.html", "text/html; charset=utf-8" },
		{ "style.css", "text/css; charset=utf-8" },
		{ "x.woff2", "font/woff2" },
		{ "script.js", NULL },
		{ "page.php", NULL },
		{ "LOGO.SVG", NULL },
		{ "svg", NULL },
		{ "logo.", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *type = site_file_type(rows[i].name);

		if (strcmp(type ?: "-", rows[i].type ?: "-") != 0)
			fail_msg("%s: %s", rows[i].name, type ?: "-");
	}
}

static void a_path_is_a_file_at_most_one_folder_deep(void **state)
{
	static const struct {
		const char *path;
		bool is_path;
	} rows[] = {
		{ "logo.svg", true },
		{ "fonts/x.woff2", true },
		{ "a/b/x.woff2", false },
		{ "/logo.svg", false },
		{ "../logo.svg", false },
		{ ".hidden/logo.svg", false },
		{ "fonts/.x.woff2", false },
		{ "fonts/", false },
		{ "fonts", false },
		{ "a b.svg", false },
		{ "\xc3\xa4.svg", false },
		{ ".svg", false },
		{ "", false },
	};
	char longest[129] = "", longer[130] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (site_file_is_path(rows[i].path) != rows[i].is_path)
			fail_msg("%s", rows[i].path);
	memset(longest, 'x', 128);
	memset(longer, 'x', 129);
	memcpy(longest + 124, ".svg", 4);
	memcpy(longer + 125, ".svg", 4);
	assert_true(site_file_is_path(longest));
	assert_false(site_file_is_path(longer));
}

static void pages_of_aithers_own_hide_files(void **state)
{
	(void)state;
	assert_true(site_file_is_hidden("courses.json"));
	assert_true(site_file_is_hidden("courses.ics"));
	assert_true(site_file_is_hidden("courses/x.txt"));
	assert_true(site_file_is_hidden("api/openapi.json"));
	assert_false(site_file_is_hidden("api/other.json"));
	assert_false(site_file_is_hidden("courses.txt"));
	assert_false(site_file_is_hidden("logo.svg"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suffix_decides_the_type),
		cmocka_unit_test(a_path_is_a_file_at_most_one_folder_deep),
		cmocka_unit_test(pages_of_aithers_own_hide_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
