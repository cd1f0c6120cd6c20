/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera-script.h"

#define TEMPLATES_PATH "/api/service/templates"
#define PARTICIPATIONS_PATH "/api/service/participations?"
#define NOT_FOUND "{\"success\":false,\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"-\"},\"meta\":{}}"
#define ROW(course, booking, status)                                                                      \
	"{\"courseId\":" course ",\"bookingId\":\"" booking "\",\"participationId\":null,\"name\":\"N\"," \
	"\"status\":\"" status "\",\"preparationIntent\":null,\"desiredResults\":null,"                   \
	"\"lineManagerProfile\":null,\"preparationCompletedAt\":null}"

struct result {
	struct hemera_template *templates;
	size_t count;
};

static void result_done(struct result *result)
{
	hemera_templates_free(result->templates, result->count);
}

static int read_templates(struct result *result, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;

	assert_int_equal(hemera_new(&client, &script_options, NULL), 0);
	return hemera_templates(client, &result->templates, &result->count, script_on_problem, NULL, err);
}

static void a_hemera_without_templates_has_none(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		CLEANUP(result_done) struct result result = { .count = 99 };

		assert_int_equal(read_templates(&result, NULL), 0);
		assert_int_equal(result.count, 0);
		script_add((struct script_reply){ .path = TEMPLATES_PATH, .status = 404, .body = NOT_FOUND });
	}
	assert_int_equal(script_count(TEMPLATES_PATH " "), 2);
}

static void templates_for_courses_are_kept(void **state)
{
	CLEANUP(result_done) struct result result = { 0 };

	(void)state;
	script_add((struct script_reply){ .path = TEMPLATES_PATH,
		.status = 200,
		.body = "{\"success\":true,\"data\":["
			"{\"id\":\"t1\",\"courseId\":null,\"lessonId\":null,\"markup\":\"<p>\",\"version\":3}"
			","
			"{\"id\":\"t2\",\"courseId\":\"c1\",\"lessonId\":null,\"markup\":\"\",\"version\":1},"
			"{\"id\":\"t3\",\"courseId\":\"c1\",\"lessonId\":\"l1\",\"markup\":\"\",\"version\":"
			"1},"
			"{\"id\":\"t4\",\"seminarId\":\"c2\",\"markup\":\"\",\"version\":1},"
			"{\"id\":\"t5\",\"courseId\":\"c1\",\"seminarId\":\"c2\",\"markup\":\"\",\"version\":"
			"1},"
			"{\"id\":\"t6\",\"courseId\":7,\"markup\":\"\",\"version\":1},"
			"{\"id\":\"t7\",\"courseId\":\"c1\",\"markup\":null,\"version\":1},"
			"{\"courseId\":\"c1\",\"markup\":\"\",\"version\":1}]}" });
	assert_int_equal(read_templates(&result, NULL), 0);
	assert_int_equal(result.count, 5);
	assert_string_equal(result.templates[0].id, "t1");
	assert_null(result.templates[0].course_id);
	assert_string_equal(result.templates[0].markup, "<p>");
	assert_string_equal(result.templates[0].version, "3");
	assert_string_equal(result.templates[1].course_id, "c1");
	assert_string_equal(result.templates[2].course_id, "c2");
	for (size_t i = 3; i < 5; i++) { /* present, but not readable */
		assert_string_equal(result.templates[i].course_id, "c1");
		assert_null(result.templates[i].markup);
	}
	assert_string_equal(script_problems(),
		"template t6: data[5].courseId: must be a string, but is a number\n"
		"template t7: data[6].markup: must be a string, but is null\n"
		"template data[7]: data[7].id: missing, and there is no sourceId\n");
}

static void templates_have_the_shapes_of_the_node_implementation(void **state)
{
	static const char *const versions[] = { "7", "2.5", "", "", "2026-11-29T10:00:00.000Z", "v2" };
	CLEANUP(result_done) struct result result = { 0 };

	(void)state;
	script_add((struct script_reply){ .path = TEMPLATES_PATH,
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"templates\":["
			"{\"sourceId\":\"t1\",\"markup\":\"\",\"version\":7},"
			"{\"sourceId\":\"intro/1\",\"markup\":\"\",\"version\":2.5},"
			"{\"id\":\"t3\",\"sourceId\":\"x\",\"markup\":\"\",\"version\":null},"
			"{\"id\":\"t4\",\"markup\":\"\"},"
			"{\"id\":\"t5\",\"markup\":\"\",\"version\":\"2026-11-29T10:00:00.000Z\"},"
			"{\"id\":\"t6\",\"markup\":\"\",\"version\":\"v2\"},"
			"{\"id\":\"t7\",\"markup\":\"\",\"version\":[1]},"
			"{\"id\":\"t8\",\"markup\":\"half \\ud83d\",\"version\":1},"
			"{\"id\":\"t9\",\"markup\":\"\",\"version\":1e400}]}}" });
	assert_int_equal(read_templates(&result, NULL), 0);
	assert_int_equal(result.count, ARRAY_SIZE(versions) + 3);
	for (size_t i = 0; i < result.count; i++) {
		assert_int_equal(result.templates[i].markup != NULL, i < ARRAY_SIZE(versions));
		if (i < ARRAY_SIZE(versions))
			assert_string_equal(result.templates[i].version, versions[i]);
	}
	assert_string_equal(result.templates[1].id, "intro/1");
	assert_string_equal(result.templates[2].id, "t3");
	assert_string_equal(script_problems(),
		"template t7: data.templates[6].version: neither a number nor a short text\n"
		"template t8: data.templates[7].markup: half of a surrogate pair\n"
		"template t9: data.templates[8].version: neither a number nor a short text\n");
}

static void other_failures_of_templates_are_told(void **state)
{
	CLEANUP(result_done) struct result result = { 0 };
	struct error err = { 0 };

	(void)state;
	script_options.retries_max = 0;
	script_add((struct script_reply){ .path = TEMPLATES_PATH, .status = 500, .body = "", .count = 1 });
	script_add((struct script_reply){
		.path = TEMPLATES_PATH, .status = 200, .body = "{\"success\":true,\"data\":{}}" });
	assert_true(read_templates(&result, &err) < 0);
	assert_int_equal(err.code, ERROR_HEMERA_FAILED);
	assert_int_equal(read_templates(&result, &err), -EBADMSG);
	assert_int_equal(err.code, ERROR_HEMERA_BAD_DATA);
}

static struct buf told; /* "index:state:count " of each detail */

static int on_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	assert_ptr_equal(arg, &told);
	buf_printf(&told, "%zu:%c:%zu ", index, "RNFD"[state], participants ? participants->count : 0);
	assert_int_equal(problem != NULL, state == HEMERA_DETAIL_FAILED);
	return 0;
}

/* Reads the participations of c2, c1 and c3; returns the reports. */
static const char *read_participations(bool *ret_available)
{
	static const char *const ids[] = { "c2", "c1", "c3" };
	CLEANUP(hemera_freep) struct hemera *client = NULL;

	assert_int_equal(hemera_new(&client, &script_options, NULL), 0);
	assert_int_equal(
		hemera_participations(client, ids, ARRAY_SIZE(ids), on_detail, &told, ret_available, NULL),
		0);
	return buf_text(&told);
}

static void participations_are_grouped_by_course(void **state)
{
	bool available = false;

	(void)state;
	script_add((struct script_reply){ .path = PARTICIPATIONS_PATH "limit=500&offset=0 ",
		.status = 200,
		.body = "{\"success\":true,\"data\":[" ROW("\"c1\"", "b1", "NONE") "," ROW(
			"\"c9\"", "b2", "NONE") "," ROW("\"c2\"", "b3", "UNHEARD") "," ROW("\"c1\"", "b4",
			"RESULT") "," ROW("\"c1\"", "b1", "NONE") "]}" });
	assert_string_equal(read_participations(&available), "0:F:0 1:R:2 2:R:0 ");
	assert_true(available);
}

static void participations_have_pages(void **state)
{
	CLEANUP(buf_done) struct buf page = BUF_INIT(HEMERA_LIST_BODY_MAX);
	bool available = false;

	(void)state;
	buf_append_text(&page, "{\"success\":true,\"data\":[");
	for (int i = 0; i < HEMERA_PAGE_ROWS; i++)
		buf_printf(&page, "%s" ROW("\"c1\"", "b%d", "NONE"), i > 0 ? "," : "", i);
	buf_append_text(&page, "]}");
	script_add((struct script_reply){
		.path = PARTICIPATIONS_PATH "limit=500&offset=0 ", .status = 200, .body = buf_text(&page) });
	script_add((struct script_reply){ .path = PARTICIPATIONS_PATH "limit=500&offset=500 ",
		.status = 200,
		.body = "{\"success\":true,\"data\":[" ROW("\"c1\"", "b499", "NONE") "," ROW(
			"\"c1\"", "b500", "NONE") "]}" });
	assert_string_equal(read_participations(&available), "0:R:0 1:R:501 2:R:0 ");
	assert_true(available);
}

static void a_broken_participation_fails_its_course(void **state)
{
	bool available = false;

	(void)state;
	script_add((struct script_reply){ .path = PARTICIPATIONS_PATH,
		.status = 200,
		.body = "{\"success\":true,\"data\":{\"participations\":[" ROW(
			"\"c1\"", "b1", "NONE") "," ROW("\"c2\"", "b2\\ud83d", "NONE") "," ROW("\"c2\"", "b3",
			"NONE") "]}}" });
	assert_string_equal(read_participations(&available), "0:F:0 1:R:1 2:R:0 ");
	assert_true(available);
}

static const struct {
	const char *name;
	struct script_reply reply;
} unavailable[] = {
	{ "HTML 404", { .status = 404, .type = "text/html", .body = "<html>" } },
	{ "JSON 404", { .status = 404, .body = NOT_FOUND } },
	{ "404 that has become 200", { .status = 200, .body = NOT_FOUND } },
	{ "a row of nobody knows which course",
		{ .status = 200,
			.body = "{\"success\":true,\"data\":[" ROW("\"c1\"", "b1", "NONE") "," ROW(
				"null", "b2", "NONE") "]}" } },
};

static void without_usable_participations_nothing_is_told(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(unavailable); i++) {
		struct script_reply reply = unavailable[i].reply;
		bool available = true;

		if (i > 0) {
			script_teardown(state);
			script_setup(state);
		}
		reply.path = PARTICIPATIONS_PATH;
		script_add(reply);
		if (strcmp(read_participations(&available), "") != 0 || available)
			fail_msg("%s: %s", unavailable[i].name, buf_text(&told));
	}
}

static int extras_setup(void **state)
{
	buf_init(&told, 1 << 16);
	return script_setup(state);
}

static int extras_teardown(void **state)
{
	buf_done(&told);
	return script_teardown(state);
}

#define EXTRAS_TEST(function) cmocka_unit_test_setup_teardown(function, extras_setup, extras_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXTRAS_TEST(a_hemera_without_templates_has_none),
		EXTRAS_TEST(templates_for_courses_are_kept),
		EXTRAS_TEST(templates_have_the_shapes_of_the_node_implementation),
		EXTRAS_TEST(other_failures_of_templates_are_told),
		EXTRAS_TEST(participations_are_grouped_by_course),
		EXTRAS_TEST(participations_have_pages),
		EXTRAS_TEST(a_broken_participation_fails_its_course),
		EXTRAS_TEST(without_usable_participations_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
