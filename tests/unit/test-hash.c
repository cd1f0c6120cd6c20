/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

#define ABC_HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void digests_follow_fips_180(void **state)
{
	char hex[HASH_HEX_SIZE], base64[HASH_BASE64_SIZE];

	(void)state;
	hash_hex("abc", 3, hex);
	assert_string_equal(hex, ABC_HEX);
	hash_hex("", 0, hex);
	assert_string_equal(hex, EMPTY_HEX);
	hash_base64("abc", 3, base64);
	assert_string_equal(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

static void fields_hex(const char *const *fields, size_t count, char ret_hex[static HASH_HEX_SIZE])
{
	CLEANUP(buf_done) struct buf joined = BUF_INIT(1000);

	for (size_t i = 0; i < count; i++)
		hash_add_field(&joined, fields[i]);
	hash_hex(joined.data, joined.length, ret_hex);
}

static void fields_do_not_run_into_each_other(void **state)
{
	static const struct {
		size_t count;
		const char *fields[3];
	} rows[] = {
		{ 1, { NULL } },
		{ 1, { "" } },
		{ 2, { "", NULL } },
		{ 2, { NULL, "" } },
		{ 1, { "abc" } },
		{ 2, { "ab", "c" } },
		{ 2, { "a", "bc" } },
		{ 3, { "a", "b", "c" } },
		{ 2, { "abc", "" } },
		{ 2, { "abc", NULL } },
	};
	char hex[ARRAY_SIZE(rows)][HASH_HEX_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fields_hex(rows[i].fields, rows[i].count, hex[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hex[i], hex[j]);
	}
}

/* The digest is kept in the manifest, so it must never change: 01, the length 3 in eight bytes, least
 * significant first, "abc". */
static void a_field_has_a_fixed_form(void **state)
{
	static const char form[] = "\1\3\0\0\0\0\0\0\0abc";
	const char *const fields[] = { "abc" };
	char expected[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	(void)state;
	hash_hex(form, sizeof(form) - 1, expected);
	fields_hex(fields, 1, hex);
	assert_string_equal(hex, expected);
}

static void uuids_are_of_version_4_and_differ(void **state)
{
	char uuids[100][HASH_UUID_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uuids); i++) {
		const char *uuid = uuids[i];
		hash_uuid(uuids[i]);
		for (size_t earlier = 0; earlier < i; earlier++)
			assert_string_not_equal(uuid, uuids[earlier]);
		assert_int_equal(strlen(uuid), HASH_UUID_SIZE - 1);
		assert_int_equal(strspn(uuid, "0123456789abcdef-"), HASH_UUID_SIZE - 1);
		assert_true(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
		assert_int_equal(uuid[14], '4');
		assert_non_null(strchr("89ab", uuid[19]));
	}
}

static void secrets_compare_by_every_byte(void **state)
{
	static const struct {
		const char *given, *secret;
		bool equal;
	} rows[] = {
		{ "secret", "secret", true },
		{ "secreT", "secret", false },
		{ "Secret", "secret", false },
		{ "secre", "secret", false },
		{ "secrets", "secret", false },
		{ "", "secret", false },
		{ "", "", false },
		{ "", NULL, false },
		{ "x", NULL, false },
		{ "x", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(hash_secret_equal(rows[i].given, strlen(rows[i].given), rows[i].secret),
			rows[i].equal);
	assert_false(hash_secret_equal("secret\0x", 8, "secret"));
	assert_true(hash_secret_equal("secret, and more", 6, "secret"));
}

static void base64_decodes_strictly(void **state)
{
	static const struct {
		const char *name, *text, *decoded; /* NULL: refused */
	} rows[] = {
		{ "empty", "", "" },
		{ "one byte", "Zg==", "f" },
		{ "two bytes", "Zm8=", "fo" },
		{ "three bytes", "Zm9v", "foo" },
		{ "six bytes", "Zm9vYmFy", "foobar" },
		{ "both specials", "+/+/", "\xfb\xff\xbf" },
		{ "user and password", "YWl0aGVyOnTDtmtlbg==", "aither:t\xc3\xb6ken" },
		{ "no padding", "Zg", NULL },
		{ "half the padding", "Zg=", NULL },
		{ "padding only", "====", NULL },
		{ "three paddings", "Z===", NULL },
		{ "padding inside", "Zg==Zg==", NULL },
		{ "padding, then a digit", "Zm=v", NULL },
		{ "left-over bits, one byte", "Zh==", NULL },
		{ "left-over bits, two bytes", "Zm9=", NULL },
		{ "url alphabet", "-_-_", NULL },
		{ "blank before", " Zm9", NULL },
		{ "line end", "Zm9v\n", NULL },
		{ "line end inside", "Zm\nv", NULL },
		{ "not ASCII", "Zm9\xc3", NULL },
		{ "NUL inside", "ZgBv", NULL },
		{ "NUL alone", "AA==", NULL },
	};
	char decoded[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = hash_base64_decode(rows[i].text, strlen(rows[i].text), decoded, sizeof(decoded));
		int expected = rows[i].decoded ? (int)strlen(rows[i].decoded) : -EBADMSG;

		if (r != expected || strcmp(decoded, rows[i].decoded ? rows[i].decoded : "") != 0)
			fail_msg("%s: %d \"%s\"", rows[i].name, r, decoded);
	}
}

static void base64_stays_inside_the_room_given(void **state)
{
	char decoded[4];

	(void)state;
	assert_int_equal(hash_base64_decode("Zm9v", 4, decoded, 4), 3);
	assert_int_equal(hash_base64_decode("Zm9v", 4, decoded, 3), -EBADMSG);
	assert_int_equal(hash_base64_decode("Zm8=", 4, decoded, 3), 2);
	assert_int_equal(hash_base64_decode("", 0, decoded, 1), 0);
	assert_int_equal(hash_base64_decode("", 0, NULL, 0), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_follow_fips_180),
		cmocka_unit_test(fields_do_not_run_into_each_other),
		cmocka_unit_test(a_field_has_a_fixed_form),
		cmocka_unit_test(uuids_are_of_version_4_and_differ),
		cmocka_unit_test(secrets_compare_by_every_byte),
		cmocka_unit_test(base64_decodes_strictly),
		cmocka_unit_test(base64_stays_inside_the_room_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
