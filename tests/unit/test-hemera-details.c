/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera-script.h"

#define COURSES_MAX 64
#define PATIENCE_MS 20000 /* only a failing test waits this long */
#define NOT_FOUND "{\"success\":false,\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"-\"},\"meta\":{}}"
#define UNAUTHORIZED "{\"success\":false,\"error\":{\"code\":\"UNAUTHORIZED\",\"message\":\"-\"}}"

/* The client's reports for each index. */
static struct {
	unsigned calls[COURSES_MAX];
	enum hemera_detail_state state[COURSES_MAX];
	char message[COURSES_MAX][ERROR_MESSAGE_MAX];
	char name[COURSES_MAX][64]; /* of the first participant */
	unsigned retry_after_s;
	unsigned told, enough; /* the caller ends the job after `enough`; 0: never */
} seen;

static int on_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	const char *name = participants && participants->count > 0 ? participants->items[0].name : NULL;

	assert_ptr_equal(arg, &seen);
	assert_true(index < COURSES_MAX);
	assert_int_equal(participants != NULL, state == HEMERA_DETAIL_READ);
	assert_int_equal(problem != NULL, state == HEMERA_DETAIL_FAILED);
	seen.calls[index]++;
	seen.state[index] = state;
	strncpy(seen.name[index], name ? name : "", sizeof(seen.name[index]) - 1);
	snprintf(seen.message[index], sizeof(seen.message[index]), "%s", problem ? problem->message : "");
	return seen.enough && ++seen.told == seen.enough ? -ENOSPC : 0;
}

/* Reads the details of c0, c1...: each must be reported exactly once. */
static int read_details_due(size_t count, size_t due, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	const char *ids[COURSES_MAX];
	const struct hemera_wanted wanted = { ids, count, due };
	unsigned enough = seen.enough;
	int r;

	memset(&seen, 0, sizeof(seen));
	seen.enough = enough;
	for (size_t i = 0; i < count; i++)
		ids[i] = script_printf("c%zu", i);
	assert_int_equal(hemera_new(&client, &script_options, NULL), 0);
	r = hemera_details(client, &wanted, on_detail, &seen, &seen.retry_after_s, err);
	for (size_t i = 0; i < COURSES_MAX; i++)
		assert_int_equal(seen.calls[i], i < count ? 1 : 0);
	return r;
}

static int read_details(size_t count, struct error *err)
{
	seen.enough = 0;
	return read_details_due(count, count, err);
}

static void add_detail(unsigned number)
{
	script_add((struct script_reply){ .path = script_printf(DETAIL_PATH "c%u ", number),
		.status = 200,
		.body = script_printf(
			"{\"success\":true,\"data\":{\"id\":\"c%u\",\"participants\":[{\"bookingId\":\"b\","
			"\"participationId\":null,\"name\":\"P%u\",\"status\":\"NONE\","
			"\"preparationIntent\":null,\"desiredResults\":null,"
			"\"lineManagerProfile\":null,\"preparationCompletedAt\":null}]}}",
			number, number) });
}

static void assert_states(const char *expected)
{
	for (size_t i = 0; expected[i]; i++) {
		char state = "RNFD"[seen.state[i]];

		if (state != expected[i])
			fail_msg("detail %zu: %c instead of %c: %s", i, state, expected[i], seen.message[i]);
	}
}

static void details_are_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++)
		add_detail(i);
	assert_int_equal(read_details(9, NULL), 0);
	assert_states("RRRRRRRRR");
	assert_string_equal(seen.name[7], "P7");
	assert_int_equal(seen.retry_after_s, 0);
	assert_int_equal(script_count(""), 9);
	assert_true(script_connections() <= 4);
}

static void as_many_as_permitted_are_under_way_together(void **state)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	static const char *const ids[] = { "c0", "c1", "c2", "c3" };
	const struct hemera_wanted one = { ids, 1, 1 }, four = { ids, 4, 4 };
	unsigned retry_after_s;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 4; i++)
		add_detail(i);
	assert_int_equal(hemera_new(&client, &script_options, NULL), 0);
	assert_int_equal(hemera_details(client, &one, on_detail, &seen, &retry_after_s, NULL), 0);
	script_gather(4); /* the server answers none of the four until it has all of them */
	assert_int_equal(hemera_details(client, &four, on_detail, &seen, &retry_after_s, NULL), 0);
	assert_states("RRRR");
	assert_int_equal(script_connections(), 4);
}

static void no_ids_need_no_request(void **state)
{
	(void)state;
	assert_int_equal(read_details(0, NULL), 0);
	assert_int_equal(script_count(""), 0);
}

/* It is unknown which of the two values counts. */
static void a_detail_with_a_repeated_name_fails(void **state)
{
	(void)state;
	script_add((struct script_reply){ .path = DETAIL_PATH "c0 ",
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"id\":\"c0\",\"participants\":[],\"participants\":[]}"
			"}" });
	script_add((struct script_reply){ .path = DETAIL_PATH "c1 ",
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"course\":{\"id\":\"c1\",\"id\":\"c1\","
			"\"participants\":[]}}}" });
	assert_int_equal(read_details(2, NULL), 0);
	assert_states("FF");
}

static void each_detail_fails_for_itself(void **state)
{
	static const struct {
		const char *body, *says;
	} bad[] = {
		{ "{\"success\":true,\"data\":{\"id\":\"c0\",\"participants\":[]}}", "data.id" },
		{ "{\"success\":true,\"data\":{\"id\":\"c2\"}}", "data.participants" },
		{ "{\"success\":true,\"data\":{\"course\":{\"id\":\"c3\",\"participants\":[{}]}}}",
			"data.course.participants[0].bookingId: missing" },
		{ "{", "line 1" },
	};

	(void)state;
	add_detail(0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		script_add((struct script_reply){ .path = script_printf(DETAIL_PATH "c%u ", i + 1),
			.status = 200,
			.body = bad[i].body });
	add_detail(5);
	script_add((struct script_reply){ .path = DETAIL_PATH "c6", .status = 404, .body = NOT_FOUND });
	script_add((struct script_reply){ .path = DETAIL_PATH "c7", .status = 400, .body = NOT_FOUND });
	assert_int_equal(read_details(9, NULL), 0);
	assert_states("RFFFFRNFF"); /* the last: an HTML 404 says nothing about the course */
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(strstr(seen.message[i + 1], bad[i].says));
}

static void the_older_shape_is_read(void **state)
{
	(void)state;
	script_add((struct script_reply){ .path = DETAIL_PATH "c0",
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"course\":{\"id\":\"c0\",\"participants\":[]}}}" });
	assert_int_equal(read_details(1, NULL), 0);
	assert_states("R");
}

static void a_broken_connection_is_tried_again(void **state)
{
	(void)state;
	script_add((struct script_reply){ .path = DETAIL_PATH "c1 ", .manner = SCRIPT_CLOSE, .count = 1 });
	script_add((struct script_reply){ .path = DETAIL_PATH "c2 ", .status = 503, .body = "", .count = 2 });
	script_add((struct script_reply){ .path = DETAIL_PATH "c3 ", .status = 500, .body = "" });
	for (unsigned i = 0; i < 6; i++)
		add_detail(i);
	assert_int_equal(read_details(6, NULL), 0);
	assert_states("RRRFRR");
	assert_int_equal(script_count(DETAIL_PATH "c2 "), 3);
	assert_int_equal(script_count(DETAIL_PATH "c3 "), 3);
}

static void a_silent_detail_fails_alone(void **state)
{
	(void)state;
	script_options.request_timeout_s = 1;
	add_detail(0);
	add_detail(2);
	script_add((struct script_reply){ .path = DETAIL_PATH "c1 ", .manner = SCRIPT_HANG });
	assert_int_equal(read_details(3, NULL), 0);
	assert_states("RFR");
	assert_int_equal(script_count(DETAIL_PATH "c1 "), 1);
}

static void details_after_the_deadline_are_deferred(void **state)
{
	(void)state;
	script_options.deadline_mono_ms = time_mono_ms() + 1000; /* enough time to send the requests */
	script_options.connections_max = 2;
	add_detail(0);
	script_add((struct script_reply){ .path = DETAIL_PATH, .manner = SCRIPT_HANG });
	assert_int_equal(read_details(5, NULL), 0);
	assert_states("RDDDD");
	assert_int_equal(script_count(""), 3);
	assert_int_equal(seen.retry_after_s, 0);
}

static void details_beyond_the_budget_are_deferred(void **state)
{
	(void)state;
	budget_init(&script_budget, 10);
	script_options.deadline_mono_ms = time_mono_ms() + 40000; /* the window is 60 s long */
	for (unsigned i = 0; i < 12; i++)
		add_detail(i);
	assert_int_equal(read_details(12, NULL), 0);
	assert_states("RRRRRRRRRDDD"); /* one in ten is reserved for the homepage */
	assert_true(seen.retry_after_s > 50 && seen.retry_after_s <= 60);
}

static void a_429_stops_all_and_the_rest_is_deferred(void **state)
{
	(void)state;
	add_detail(0);
	add_detail(1);
	script_add((struct script_reply){
		.path = DETAIL_PATH, .status = 429, .body = "", .headers = "Retry-After: 57\r\n" });
	assert_int_equal(read_details(20, NULL), 0);
	assert_states("RRDDDDDDDDDDDDDDDDDD");
	assert_int_equal(seen.retry_after_s, 57);
	assert_true(script_count("") <= 2 + 4 + 1); /* the requests under way */
}

static void remaining_of_the_server_is_heeded(void **state)
{
	(void)state;
	add_detail(1);
	script_add((struct script_reply){ .path = DETAIL_PATH "c0 ",
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"id\":\"c0\",\"participants\":[]}}",
		.headers = "X-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 11\r\n" });
	script_options.deadline_mono_ms = time_mono_ms() + 40000;
	assert_int_equal(read_details(4, NULL), 0);
	assert_states("RRDD");
}

static void a_429_in_between_is_waited_for(void **state)
{
	(void)state;
	script_add((struct script_reply){ .path = DETAIL_PATH "c1 ",
		.status = 429,
		.body = "",
		.headers = "Retry-After: 1\r\n",
		.count = 1 });
	for (unsigned i = 0; i < 4; i++)
		add_detail(i);
	assert_int_equal(read_details(4, NULL), 0);
	assert_states("RRRR");
}

static void a_key_that_is_not_accepted_ends_it(void **state)
{
	struct error err = { 0 };

	(void)state;
	script_add((struct script_reply){ .path = DETAIL_PATH, .status = 401, .body = UNAUTHORIZED });
	assert_int_equal(read_details(9, &err), -EACCES);
	assert_int_equal(err.code, ERROR_HEMERA_AUTH_FAILED);
	assert_states("DDDDDDDDD");
	assert_int_equal(script_count(""), 1);
}

static void cancelling_ends_it_and_reports_all(void **state)
{
	atomic_bool cancelled = false;
	struct error err = { 0 };

	(void)state;
	script_options.cancelled = &cancelled;
	script_on_request(&cancelled);
	script_add((struct script_reply){ .path = DETAIL_PATH, .manner = SCRIPT_HANG });
	assert_int_equal(read_details(9, &err), -ECANCELED);
	assert_int_equal(err.code, ERROR_SHUTTING_DOWN);
	assert_states("DDDDDDDDD");
}

static void details_that_are_not_due_wait_for_no_window(void **state)
{
	uint64_t start = time_mono_ms();

	(void)state;
	budget_init(&script_budget, 10);
	script_options.deadline_mono_ms = start + 90000; /* far beyond the end of the window */
	for (unsigned i = 0; i < 12; i++)
		add_detail(i);
	seen.enough = 0;
	assert_int_equal(read_details_due(12, 9, NULL), 0);
	assert_states("RRRRRRRRRDDD");
	assert_int_equal(seen.retry_after_s, 0);
	assert_true(time_mono_ms() - start < PATIENCE_MS);
}

static void a_retry_waits_for_its_time_only(void **state)
{
	uint64_t start = time_mono_ms();

	(void)state;
	script_options.request_timeout_s = PATIENCE_MS / 1000;
	add_detail(0);
	script_add((struct script_reply){ .path = DETAIL_PATH "c1 ", .status = 500, .body = "", .count = 1 });
	add_detail(1);
	script_add((struct script_reply){ .path = DETAIL_PATH "c2 ", .manner = SCRIPT_HANG });
	script_options.deadline_mono_ms = start + 3000;
	assert_int_equal(read_details(3, NULL), 0);
	assert_states("RRD"); /* the request without an answer does not delay the others */
}

static void a_key_that_is_not_accepted_drops_requests_under_way(void **state)
{
	struct error err = { 0 };
	uint64_t start = time_mono_ms();

	(void)state;
	script_options.request_timeout_s = PATIENCE_MS / 1000;
	script_options.deadline_mono_ms = start + PATIENCE_MS;
	add_detail(0);
	script_add((struct script_reply){ .path = DETAIL_PATH "c3 ", .status = 401, .body = UNAUTHORIZED });
	script_add((struct script_reply){ .path = DETAIL_PATH, .manner = SCRIPT_HANG });
	assert_int_equal(read_details(9, &err), -EACCES);
	assert_int_equal(err.code, ERROR_HEMERA_AUTH_FAILED);
	assert_states("RDDDDDDDD");
	assert_true(time_mono_ms() - start < PATIENCE_MS);
}

static void the_caller_can_end_it(void **state)
{
	struct error err = { 0 };

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		add_detail(i);
	seen.enough = 2;
	assert_int_equal(read_details_due(20, 20, &err), -ENOSPC);
	assert_states("R");
	assert_int_equal(seen.state[19], HEMERA_DETAIL_DEFERRED);
	assert_true(script_count("") <= 2 + 4); /* the requests under way */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT_TEST(details_are_read),
		SCRIPT_TEST(as_many_as_permitted_are_under_way_together),
		SCRIPT_TEST(no_ids_need_no_request),
		SCRIPT_TEST(a_detail_with_a_repeated_name_fails),
		SCRIPT_TEST(each_detail_fails_for_itself),
		SCRIPT_TEST(the_older_shape_is_read),
		SCRIPT_TEST(a_broken_connection_is_tried_again),
		SCRIPT_TEST(a_silent_detail_fails_alone),
		SCRIPT_TEST(details_after_the_deadline_are_deferred),
		SCRIPT_TEST(details_beyond_the_budget_are_deferred),
		SCRIPT_TEST(a_429_stops_all_and_the_rest_is_deferred),
		SCRIPT_TEST(remaining_of_the_server_is_heeded),
		SCRIPT_TEST(a_429_in_between_is_waited_for),
		SCRIPT_TEST(a_key_that_is_not_accepted_ends_it),
		SCRIPT_TEST(cancelling_ends_it_and_reports_all),
		SCRIPT_TEST(details_that_are_not_due_wait_for_no_window),
		SCRIPT_TEST(a_retry_waits_for_its_time_only),
		SCRIPT_TEST(a_key_that_is_not_accepted_drops_requests_under_way),
		SCRIPT_TEST(the_caller_can_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
