/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"

static void set_describes_and_returns_in_one_line(void **state)
{
	struct error err = { .code = ERROR_NOT_FOUND, .retry_after_s = 7 };

	(void)state;
	assert_int_equal(error_set(&err, -EBADMSG, "course %s: %d", "c1", 5), -EBADMSG);
	assert_int_equal(err.errnum, -EBADMSG);
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_int_equal(err.retry_after_s, 0);
	assert_string_equal(err.message, "course c1: 5");
}

static void fail_keeps_the_code(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_fail(&err, ERROR_HEMERA_TIMEOUT, -ETIMEDOUT, "no answer"), -ETIMEDOUT);
	assert_int_equal(err.code, ERROR_HEMERA_TIMEOUT);
	assert_string_equal(err.message, "no answer");
}

static void an_unwanted_error_is_skipped(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_fail(NULL, ERROR_OUTPUT, -EIO, "x"), -EIO);
	error_prefix(NULL, "x");
}

static void errno_can_be_put_into_words(void **state)
{
	struct error err = { 0 };

	(void)state;
	errno = ENOENT;
	error_set(&err, -errno, "a.html: %m");
	assert_string_equal(err.message, "a.html: No such file or directory");
}

static void prefix_goes_in_front_and_leaves_the_rest(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_fail(&err, ERROR_OUTPUT, -ENOSPC, "cannot write");
	err.retry_after_s = 3;
	error_prefix(&err, "course %s: ", "c1");
	error_prefix(&err, "sync: ");
	assert_string_equal(err.message, "sync: course c1: cannot write");
	assert_int_equal(err.code, ERROR_OUTPUT);
	assert_int_equal(err.errnum, -ENOSPC);
	assert_int_equal(err.retry_after_s, 3);
}

static void the_message_may_be_its_own_argument(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_set(&err, -EIO, "inner");
	error_set(&err, -EIO, "outer (%s)", err.message);
	assert_string_equal(err.message, "outer (inner)");
	error_prefix(&err, "[%s] ", err.message);
	assert_string_equal(err.message, "[outer (inner)] outer (inner)");
}

static void long_messages_are_cut(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_set(&err, -EIO, "%*s", ERROR_MESSAGE_MAX - 1, "x");
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	assert_int_equal(err.message[ERROR_MESSAGE_MAX - 2], 'x');
	error_prefix(&err, "front: ");
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	assert_memory_equal(err.message, "front:  ", 8);
	error_prefix(&err, "%*s", ERROR_MESSAGE_MAX * 2, "y");
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
}

/* Characters of 2, 3 and 4 bytes, cut at each of their bytes. */
static void a_cut_never_splits_a_character(void **state)
{
	static const char *const characters[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
		int size = (int)strlen(characters[i]);

		for (int inside = 1; inside < size; inside++) {
			int ascii = ERROR_MESSAGE_MAX - 1 - inside;

			error_set(&err, -EIO, "%*s%s", ascii, "x", characters[i]);
			assert_int_equal(strlen(err.message), ascii);
			assert_int_equal(err.message[ascii - 1], 'x');
			error_set(&err, -EIO, "%s", characters[i]);
			error_prefix(&err, "%*s", ascii, "x");
			assert_int_equal(strlen(err.message), ascii);
		}
	}
}

static void every_code_has_its_name_and_status(void **state)
{
	static const struct {
		enum error_code code;
		const char *name;
		int status;
	} rows[] = {
		{ ERROR_INTERNAL, "INTERNAL_ERROR", 500 },
		{ ERROR_BAD_REQUEST, "BAD_REQUEST", 400 },
		{ ERROR_UNAUTHORIZED, "UNAUTHORIZED", 401 },
		{ ERROR_SYNC_TOKEN_NOT_SET, "SYNC_TOKEN_NOT_SET", 403 },
		{ ERROR_FORBIDDEN, "FORBIDDEN", 403 },
		{ ERROR_NOT_FOUND, "NOT_FOUND", 404 },
		{ ERROR_NO_SYNC_JOB, "NO_SYNC_JOB", 404 },
		{ ERROR_METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", 405 },
		{ ERROR_SYNC_IN_PROGRESS, "SYNC_IN_PROGRESS", 409 },
		{ ERROR_PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413 },
		{ ERROR_URI_TOO_LONG, "URI_TOO_LONG", 414 },
		{ ERROR_TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", 429 },
		{ ERROR_HEADERS_TOO_LARGE, "HEADERS_TOO_LARGE", 431 },
		{ ERROR_OUTPUT, "OUTPUT_ERROR", 500 },
		{ ERROR_HEMERA_UNREACHABLE, "HEMERA_UNREACHABLE", 502 },
		{ ERROR_HEMERA_AUTH_FAILED, "HEMERA_AUTH_FAILED", 502 },
		{ ERROR_HEMERA_FAILED, "HEMERA_ERROR", 502 },
		{ ERROR_HEMERA_BAD_DATA, "HEMERA_BAD_DATA", 502 },
		{ ERROR_NOTIFY_FAILED, "NOTIFY_FAILED", 502 },
		{ ERROR_NOT_CONFIGURED, "NOT_CONFIGURED", 503 },
		{ ERROR_SHUTTING_DOWN, "SHUTTING_DOWN", 503 },
		{ ERROR_WORKER_UNAVAILABLE, "WORKER_UNAVAILABLE", 503 },
		{ ERROR_HEMERA_RATE_LIMITED, "HEMERA_RATE_LIMITED", 503 },
		{ ERROR_HEMERA_TIMEOUT, "HEMERA_TIMEOUT", 504 },
		{ ERROR_TEMPLATE, "TEMPLATE_ERROR", 500 },
		{ ERROR_MASS_DELETE_REFUSED, "MASS_DELETE_REFUSED", 500 },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(rows), ERROR_CODES);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { .code = rows[i].code, .errnum = -EIO };

		assert_string_equal(error_code_name(rows[i].code), rows[i].name);
		assert_int_equal(error_http_status(&err), rows[i].status);
	}
}

static void a_full_disk_is_507(void **state)
{
	struct error full = { .code = ERROR_OUTPUT, .errnum = -ENOSPC };
	struct error quota = { .code = ERROR_OUTPUT, .errnum = -EDQUOT };
	struct error other = { .code = ERROR_INTERNAL, .errnum = -ENOSPC };

	(void)state;
	assert_int_equal(error_http_status(&full), 507);
	assert_int_equal(error_http_status(&quota), 507);
	assert_int_equal(error_http_status(&other), 500);
}

static void pass_copies_the_whole_error(void **state)
{
	struct error problem = { 0 }, err = { 0 };

	(void)state;
	error_fail(&problem, ERROR_HEMERA_RATE_LIMITED, -EAGAIN, "not now");
	problem.retry_after_s = 7;
	assert_int_equal(error_pass(NULL, &problem), -EAGAIN);
	assert_int_equal(error_pass(&err, &problem), -EAGAIN);
	assert_memory_equal(&err, &problem, sizeof(err));
}

static const char *remedy_of(int code)
{
	return error_remedy_of_name(error_code_name((enum error_code)code));
}

static void every_code_has_a_remedy_in_one_line(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++) {
		const char *remedy = remedy_of(code);

		assert_non_null(remedy);
		assert_true(strlen(remedy) > 10 && !strchr(remedy, '\n'));
	}
}

static void every_remedy_differs(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODES; code++)
		for (int other = 0; other < code; other++)
			assert_string_not_equal(remedy_of(code), remedy_of(other));
}

static void an_unknown_code_leads_to_the_journal(void **state)
{
	(void)state;
	assert_ptr_equal(error_remedy_of_name("OF_A_LATER_VERSION"), remedy_of(ERROR_INTERNAL));
	assert_ptr_equal(error_remedy_of_name(NULL), remedy_of(ERROR_INTERNAL));
	assert_non_null(strstr(remedy_of(ERROR_INTERNAL), "journalctl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_describes_and_returns_in_one_line),
		cmocka_unit_test(fail_keeps_the_code),
		cmocka_unit_test(an_unwanted_error_is_skipped),
		cmocka_unit_test(errno_can_be_put_into_words),
		cmocka_unit_test(prefix_goes_in_front_and_leaves_the_rest),
		cmocka_unit_test(the_message_may_be_its_own_argument),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(a_cut_never_splits_a_character),
		cmocka_unit_test(every_code_has_its_name_and_status),
		cmocka_unit_test(a_full_disk_is_507),
		cmocka_unit_test(pass_copies_the_whole_error),
		cmocka_unit_test(every_code_has_a_remedy_in_one_line),
		cmocka_unit_test(every_remedy_differs),
		cmocka_unit_test(an_unknown_code_leads_to_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
