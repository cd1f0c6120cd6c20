/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/collate.h"
#include "base/mem.h"

static void letters_lose_case_and_marks(void **state)
{
	static const struct {
		const char *title, *key;
	} rows[] = {
		{ "", "" },
		{ "Zug 12", "zug 12" },
		{ "Äpfel", "apfel" },
		{ "a\u0308pfel", "apfel" }, /* the diaeresis as a separate character */
		{ "Straße", "strasse" },
		{ "STRAẞE", "strasse" },
		{ "Øre Łódź Đông Œuvre Ærø", "ore lodz dong oeuvre aero" },
		{ "Ça ñ å Ş ğ ı İ", "ca n a s g i i" },
		{ "„Zitat“ – Punkt…", ",,zitat\" - punkt..." },
		{ "Zeit\u00a0plan", "zeit plan" },
		{ "Zeit\u200bplan Kom\u00admunikation \ufeff", "zeitplan kommunikation " },
		{ "Что?", "что?" },
		{ "日本", "日本" },
		{ "ok?", "ok?" },
		{ "\xff\xfe", "\xff\xfe" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *key = collate_key(rows[i].title);

		assert_string_equal(key, rows[i].key);
	}
}

static void before_it_is_prepared_ascii_letters_only_lose_their_case(void **state)
{
	CLEANUP(mem_freep) char *key = collate_key("Übung IN Zeit");

	(void)state;
	assert_string_equal(key, "Übung in zeit");
	assert_int_equal(collate_prepare(NULL), 0);
}

static void the_callers_locale_stays_and_does_not_count(void **state)
{
	locale_t mine = newlocale(LC_ALL_MASK, "POSIX", (locale_t)0);
	CLEANUP(mem_freep) char *key = NULL;

	(void)state;
	uselocale(mine);
	key = collate_key("Übung");
	assert_ptr_equal(uselocale((locale_t)0), mine);
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(mine);
	assert_string_equal(key, "ubung");
}

/* The worker forbids executable mappings once it has started. After that, iconv could not load a module. */
static void glibc_loads_no_module_for_it(void **state)
{
	CLEANUP(mem_freep) char *key = collate_key("Übung");
	CLEANUP(buf_done) struct buf maps = BUF_INIT(1 << 20);
	FILE *file = fopen("/proc/self/maps", "re");
	char line[1000];

	(void)state;
	assert_string_equal(key, "ubung");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		buf_append_text(&maps, line);
	fclose(file);
	assert_non_null(strstr(buf_text(&maps), "/libc.so"));
	/* gconv-modules.cache is only a list: it contains no code. */
	for (const char *at = buf_text(&maps); (at = strstr(at, "/gconv/")); at++)
		assert_memory_equal(at, "/gconv/gconv-modules", strlen("/gconv/gconv-modules"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_is_prepared_ascii_letters_only_lose_their_case),
		cmocka_unit_test(letters_lose_case_and_marks),
		cmocka_unit_test(the_callers_locale_stays_and_does_not_count),
		cmocka_unit_test(glibc_loads_no_module_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
