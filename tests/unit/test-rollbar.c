/* SPDX-License-Identifier: MIT */
#include "notify/rollbar.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "peer.h"

#define TOKEN "rollbar-token-0123456789abcdef"
#define UUID "11111111-2222-4333-8444-555555555555"
#define REQUESTS_MAX 8
#define TAKEN "200 OK\r\n", "{\"err\":0,\"result\":{\"id\":null,\"uuid\":\"x\"}}"

/* ---- a fake Rollbar with a list of answers; the last one repeats ---- */

struct answer {
	const char *head, *body; /* head: status and headers; NULL: no answer, it only waits; "": closes */
};

static struct {
	pthread_mutex_t lock;
	const struct answer *answers;
	size_t answer_count, count;
	char *heads[REQUESTS_MAX], *bodies[REQUESTS_MAX]; /* owned */
} played = { .lock = PTHREAD_MUTEX_INITIALIZER };

static char *read_body(struct peer_connection *connection, const char *head)
{
	const char *length_text = strcasestr(head, "content-length:");
	size_t length = length_text ? strtoul(length_text + 15, NULL, 10) : 0;
	char *body = mem_zalloc(length + 1);

	peer_receive(connection, body, length);
	return body;
}

static bool play(struct peer_connection *connection, const char *head)
{
	char *body = read_body(connection, head);

	pthread_mutex_lock(&played.lock);
	size_t index = played.count < played.answer_count ? played.count : played.answer_count - 1;
	const struct answer *answer = &played.answers[index];
	assert_true(played.count < REQUESTS_MAX);
	played.heads[played.count] = mem_strdup(head);
	played.bodies[played.count++] = body;
	pthread_mutex_unlock(&played.lock);
	if (!answer->head) {
		peer_wait(connection);
		return false;
	}
	if (!*answer->head)
		return false;
	CLEANUP(mem_freep)
	char *text = mem_printf(
		"HTTP/1.1 %sContent-Length: %zu\r\n\r\n%s", answer->head, strlen(answer->body), answer->body);
	peer_send(connection, text);
	return true;
}

static void play_start(const struct answer *answers, size_t count)
{
	played.answers = answers;
	played.answer_count = count;
	played.count = 0;
	peer_start(PEER_PLAIN, play);
}

static void play_stop(void)
{
	peer_stop();
	while (played.count > 0) {
		free(played.heads[--played.count]);
		free(played.bodies[played.count]);
	}
}

static struct json *parse(const char *text)
{
	static const struct json_limits limits = { 1 << 20, 16, 100000, false, false };
	struct json *json = NULL;

	assert_int_equal(json_parse(&json, text, strlen(text), &limits, NULL), 0);
	return json;
}

/* "a.b.c" */
static const struct json *at(const struct json *json, const char *path)
{
	CLEANUP(mem_freep) char *names = mem_strdup(path);
	char *rest = names, *name;

	while ((name = strsep(&rest, ".")))
		json = json_get(json, name);
	return json;
}

static void assert_text(const struct json *json, const char *path, const char *expected)
{
	const char *text = json_string(at(json, path));

	if (!text || strcmp(text, expected) != 0)
		fail_msg("%s is %s, expected %s", path, text ? text : "missing", expected);
}

static const struct rollbar_item item = {
	.level = CONFIG_LEVEL_ERROR,
	.title = "sync failed: Hemera answered 503",
	.fingerprint = "sync-HEMERA_ERROR",
	.class_name = "HEMERA_ERROR",
	.context = "sync",
	.time_ms = INT64_C(1790000000999),
};
static const struct rollbar rollbar_template = { .endpoint = "http://127.0.0.1:1/",
	.token = TOKEN,
	.environment = "production",
	.host = "h.example.org" };

static struct json *write_item(const struct rollbar_item *given)
{
	CLEANUP(mem_freep) char *text = rollbar_item_text(&rollbar_template, given, UUID);

	assert_in_range(strlen(text), 1, ROLLBAR_ITEM_MAX);
	assert_null(strstr(text, TOKEN));
	return parse(text);
}

/* ---- the contents of an item ---- */

static void an_error_has_every_member_that_rollbar_describes(void **state)
{
	CLEANUP(json_freep) struct json *json = write_item(&item);
	static const struct {
		const char *path, *value;
	} rows[] = {
		{ "data.environment", "production" },
		{ "data.level", "error" },
		{ "data.platform", "linux" },
		{ "data.language", "c" },
		{ "data.context", "sync" },
		{ "data.uuid", UUID },
		{ "data.fingerprint", "sync-HEMERA_ERROR" },
		{ "data.title", "sync failed: Hemera answered 503" },
		{ "data.body.trace.exception.class", "HEMERA_ERROR" },
		{ "data.body.trace.exception.message", "sync failed: Hemera answered 503" },
		{ "data.server.host", "h.example.org" },
		{ "data.notifier.name", "aither" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_text(json, rows[i].path, rows[i].value);
	assert_int_equal(json_integer(at(json, "data.timestamp"), 0), 1790000000);
	assert_int_equal(json_integer(at(json, "data.server.pid"), 0), getpid());
	assert_non_null(json_string(json_get(json_first(at(json, "data.body.trace.frames")), "filename")));
	assert_int_equal(json_count(at(json, "data.body")), 1);
	assert_text(json, "data.notifier.version", json_string(at(json, "data.code_version")));
	assert_in_range(strlen(json_string(at(json, "data.code_version"))), 1, 40);
	assert_int_equal(json_count(json), 1);
	assert_null(at(json, "data.custom"));
}

static void an_item_without_a_class_is_a_message(void **state)
{
	static const struct {
		enum config_level level;
		const char *name;
	} rows[] = { { CONFIG_LEVEL_INFO, "info" }, { CONFIG_LEVEL_WARNING, "warning" },
		{ CONFIG_LEVEL_ERROR, "error" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rollbar_item plain = item;
		plain.class_name = NULL;
		plain.level = rows[i].level;
		CLEANUP(json_freep) struct json *json = write_item(&plain);
		assert_text(json, "data.level", rows[i].name);
		assert_text(json, "data.body.message.body", item.title);
		assert_int_equal(json_count(at(json, "data.body")), 1);
	}
}

/* `count` times the character, owned. */
static char *repeat(const char *character, size_t count)
{
	size_t length = strlen(character);
	char *text = mem_zalloc(count * length + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(text + i * length, character, length);
	return text;
}

static void texts_are_cut_between_characters(void **state)
{
	static const char *const characters[] = { "x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x8c" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
		CLEANUP(mem_freep)
		char *longer = repeat(characters[i], 256), *title = repeat(characters[i], 255),
		     *fingerprint = repeat(characters[i], 40);
		struct rollbar_item one = item;
		one.title = one.fingerprint = longer;
		CLEANUP(json_freep) struct json *json = write_item(&one);
		assert_text(json, "data.title", title);
		assert_text(json, "data.body.trace.exception.message", title);
		assert_text(json, "data.fingerprint", fingerprint);
		one.title = title;
		one.fingerprint = fingerprint;
		CLEANUP(json_freep) struct json *fitting = write_item(&one);
		assert_text(fitting, "data.title", title);
		assert_text(fitting, "data.fingerprint", fingerprint);
	}
}

static struct json *report_with_errors(size_t count, const char *message)
{
	struct json *report = json_new_object(), *errors = json_new_array();

	json_set_string(report, "jobId", "j1");
	json_set_integer(report, "errorsTotal", (int64_t)count);
	for (size_t i = 0; i < count; i++) {
		struct json *problem = json_new_object();
		json_set_string(problem, "entity", "course c1");
		json_set_string(problem, "code", "HEMERA_BAD_DATA");
		json_set_string(problem, "message", message);
		json_set_string(problem, "timestamp", "2026-03-14T23:00:00.000Z");
		json_append(errors, problem);
	}
	json_set(report, "errors", errors);
	return report;
}

static void an_item_stays_below_the_limit_by_naming_fewer_errors(void **state)
{
	CLEANUP(mem_freep) char *plain = repeat("x", 1000), *escaped = repeat("\x01", 1023);
	static const struct {
		size_t errors, most, least;
		bool is_escaped;
	} rows[] = { { 100, 100, 100, false }, { 100, 50, 6, true }, { 3, 3, 3, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(json_freep)
		struct json *report =
			report_with_errors(rows[i].errors, rows[i].is_escaped ? escaped : plain);
		struct rollbar_item one = item;
		one.report = report;
		CLEANUP(json_freep) struct json *json = write_item(&one);
		assert_in_range(json_count(at(json, "data.custom.errors")), rows[i].least, rows[i].most);
		assert_int_equal(json_integer(at(json, "data.custom.errorsTotal"), 0), rows[i].errors);
		assert_text(json, "data.custom.jobId", "j1");
	}
}

/* Only listed members leave the machine, even if reports get new members. */
static void members_that_are_not_listed_stay_here(void **state)
{
	CLEANUP(json_freep)
	struct json *report =
		parse("{\"jobId\":\"j1\",\"status\":{\"password\":\"s3cret\"},\"password\":\"s3cret\","
		      "\"X-API-Key\":\"s3cret\",\"participants\":[{\"name\":\"s3cret\"}],"
		      "\"wouldChange\":[\"s3cret\"],\"errors\":[{\"code\":\"A\",\"authorization\":"
		      "\"s3cret\",\"entity\":[\"s3cret\"]}]}");
	struct rollbar_item one = item;

	(void)state;
	one.report = report;
	CLEANUP(mem_freep) char *text = rollbar_item_text(&rollbar_template, &one, UUID);
	assert_null(strstr(text, "s3cret"));
	CLEANUP(json_freep) struct json *json = parse(text);
	assert_text(json, "data.custom.jobId", "j1");
	assert_int_equal(json_count(at(json, "data.custom")), 2);
	assert_text(json_first(at(json, "data.custom.errors")), "code", "A");
}

/* ---- sending ---- */

static int send_item(struct rollbar *rollbar, char *ret_uuid, struct error *err)
{
	CLEANUP(mem_freep) char *endpoint = mem_printf("http://127.0.0.1:%u/api/1/item/", peer_port());

	rollbar->endpoint = endpoint;
	int result = rollbar_send(rollbar, &item, ret_uuid, err);
	rollbar->endpoint = rollbar_template.endpoint;
	assert_null(strstr(err->message, TOKEN));
	return result;
}

static void an_item_is_posted_with_the_token_in_a_header(void **state)
{
	static const struct answer answers[] = { { TAKEN } };
	struct rollbar rollbar = rollbar_template;
	struct error err = { 0 };
	char uuid[HASH_UUID_SIZE] = "";

	(void)state;
	play_start(answers, ARRAY_SIZE(answers));
	assert_int_equal(send_item(&rollbar, uuid, &err), 0);
	assert_int_equal(played.count, 1);
	assert_memory_equal(played.heads[0], "POST /api/1/item/ HTTP/1.1\r\n", 28);
	assert_non_null(strcasestr(played.heads[0], "\r\nX-Rollbar-Access-Token: " TOKEN "\r\n"));
	assert_non_null(strcasestr(played.heads[0], "\r\nContent-Type: application/json\r\n"));
	assert_null(strstr(played.bodies[0], TOKEN));
	CLEANUP(json_freep) struct json *json = parse(played.bodies[0]);
	assert_text(json, "data.uuid", uuid);
	assert_int_equal(rollbar.suspended_until_mono_ms, 0);
	play_stop();
}

static void temporary_failures_are_retried_with_the_same_uuid(void **state)
{
	static const struct {
		const char *name;
		struct answer answers[3];
		size_t requests;
		int result;
	} rows[] = {
		{ "500, then taken", { { "500 Broken\r\n", "oops" }, { TAKEN } }, 2, 0 },
		{ "dropped, then 503, then taken", { { "", NULL }, { "503 Busy\r\n", "" }, { TAKEN } }, 3,
			0 },
		{ "always 502", { { "502 Bad\r\n", "" }, { "502 Bad\r\n", "" }, { "502 Bad\r\n", "" } }, 3,
			-EREMOTEIO },
		{ "always dropped", { { "", NULL }, { "", NULL }, { "", NULL } }, 3, -EHOSTUNREACH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rollbar rollbar = rollbar_template;
		struct error err = { 0 };
		uint64_t start = time_mono_ms();
		play_start(rows[i].answers, ARRAY_SIZE(rows[i].answers));
		int result = send_item(&rollbar, NULL, &err);
		if (result != rows[i].result || played.count != rows[i].requests)
			fail_msg("%s: %d after %zu requests: %s", rows[i].name, result, played.count,
				err.message);
		for (size_t n = 1; n < played.count; n++)
			assert_string_equal(played.bodies[n], played.bodies[0]);
		assert_int_equal(err.code, result == 0 ? ERROR_INTERNAL : ERROR_NOTIFY_FAILED);
		assert_in_range(time_mono_ms() - start, 0, ROLLBAR_TIME_MS);
		play_stop();
	}
}

static void a_silent_server_is_given_up_within_ten_seconds(void **state)
{
	static const struct answer answers[] = { { NULL, NULL } };
	struct rollbar rollbar = rollbar_template;
	struct error err = { 0 };
	uint64_t start = time_mono_ms();

	(void)state;
	play_start(answers, ARRAY_SIZE(answers));
	assert_int_equal(send_item(&rollbar, NULL, &err), -ETIMEDOUT);
	assert_in_range(time_mono_ms() - start, 8000, ROLLBAR_TIME_MS + 1000);
	assert_int_equal(played.count, 3);
	assert_string_equal(played.bodies[2], played.bodies[0]);
	play_stop();
}

static void refused_items_are_not_sent_again(void **state)
{
	static char huge[100 << 10];
	static const struct {
		struct answer answer;
		int result;
		const char *sentence;
	} rows[] = {
		{ { "400 Bad\r\n", "{\"err\":1,\"message\":\"bad JSON\"}" }, -EREMOTEIO, "400 (bad JSON)" },
		{ { "401 No\r\n", "{\"err\":1,\"message\":\"wrong " TOKEN "\"}" }, -EACCES,
			"aither set-secret rollbar-token" },
		{ { "403 No\r\n", "" }, -EACCES, "403" },
		{ { "413 Large\r\n", "" }, -EMSGSIZE, "413" },
		{ { "422 No\r\n", "{\"err\":1,\"message\":\"a\\u0007b\\u009bc\"}" }, -EREMOTEIO,
			"422 (a?b??c)" },
		{ { "302 Found\r\nLocation: /x\r\n", "" }, -EREMOTEIO, "302" },
		{ { "200 OK\r\n", "<html>log in, please</html>" }, -EREMOTEIO, "Endpoint" },
		{ { "200 OK\r\n", "{\"err\":1,\"message\":\"no\"}" }, -EREMOTEIO, "does not confirm" },
		{ { "200 OK\r\n", huge }, -EREMOTEIO, "sent an invalid answer" },
	};

	(void)state;
	memset(huge, ' ', sizeof(huge) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rollbar rollbar = rollbar_template;
		struct error err = { 0 };
		char uuid[HASH_UUID_SIZE] = "untouched";
		play_start(&rows[i].answer, 1);
		int result = send_item(&rollbar, uuid, &err);
		if (result != rows[i].result || played.count != 1 || !strstr(err.message, rows[i].sentence))
			fail_msg("row %zu: %d after %zu requests: %s", i, result, played.count, err.message);
		assert_int_equal(err.code, ERROR_NOTIFY_FAILED);
		assert_string_equal(uuid, "untouched");
		assert_int_equal(rollbar.suspended_until_mono_ms, 0);
		play_stop();
	}
}

static void nothing_is_sent_while_the_rate_limit_is_used_up(void **state)
{
	static const struct {
		struct answer answer;
		int result;
		unsigned seconds;
	} rows[] = {
		{ { "429 Slow\r\nX-Rate-Limit-Remaining: 0\r\nX-Rate-Limit-Remaining-Seconds: 42\r\n", "" },
			-EBUSY, 42 },
		{ { "429 Slow\r\nRetry-After: 7\r\n", "" }, -EBUSY, 7 },
		{ { "429 Slow\r\n", "" }, -EBUSY, 60 },
		{ { "429 Slow\r\nX-Rate-Limit-Remaining-Seconds: 999999999\r\n", "" }, -EBUSY, 3600 },
		{ { "200 OK\r\nX-Rate-Limit-Remaining: 0\r\nX-Rate-Limit-Remaining-Seconds: 30\r\n",
			  "{\"err\":0}" },
			0, 30 },
		{ { "200 OK\r\nX-Rate-Limit-Remaining: 5\r\nX-Rate-Limit-Remaining-Seconds: 30\r\n",
			  "{\"err\":0}" },
			0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rollbar rollbar = rollbar_template;
		struct error err = { 0 };
		uint64_t before = time_mono_ms();
		play_start(&rows[i].answer, 1);
		assert_int_equal(send_item(&rollbar, NULL, &err), rows[i].result);
		assert_int_equal(played.count, 1);
		if (rows[i].seconds == 0) {
			assert_int_equal(rollbar.suspended_until_mono_ms, 0);
			play_stop();
			continue;
		}
		assert_in_range(rollbar.suspended_until_mono_ms, before + rows[i].seconds * 1000,
			time_mono_ms() + rows[i].seconds * 1000);
		assert_int_equal(send_item(&rollbar, NULL, &err), -EBUSY);
		assert_int_equal(played.count, 1);
		assert_non_null(strstr(err.message, "rate limit"));
		rollbar.suspended_until_mono_ms = time_mono_ms(); /* the suspension is over */
		assert_int_equal(send_item(&rollbar, NULL, &err), rows[i].result);
		assert_int_equal(played.count, 2);
		play_stop();
	}
}

static atomic_bool cancelled;

static bool cancel_and_wait(struct peer_connection *connection, const char *head)
{
	(void)head;
	atomic_store(&cancelled, true);
	peer_wait(connection);
	return false;
}

static bool cancel_and_fail(struct peer_connection *connection, const char *head)
{
	free(read_body(connection, head));
	atomic_store(&cancelled, true);
	peer_send(connection, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");
	return true;
}

static void a_cancelled_item_is_not_waited_for(void **state)
{
	peer_handler *const handlers[] = { cancel_and_wait, cancel_and_fail };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		struct rollbar rollbar = rollbar_template;
		struct error err = { 0 };
		uint64_t start = time_mono_ms();
		rollbar.cancelled = &cancelled;
		atomic_store(&cancelled, false);
		peer_start(PEER_PLAIN, handlers[i]);
		assert_int_equal(send_item(&rollbar, NULL, &err), -ECANCELED);
		assert_int_equal(err.code, ERROR_NOTIFY_FAILED);
		assert_int_equal(peer_requests(), 1);
		assert_in_range(time_mono_ms() - start, 0, 2000);
		peer_stop();
	}
}

static void an_untrusted_certificate_ends_it_at_once(void **state)
{
	struct rollbar rollbar = rollbar_template;
	struct error err = { 0 };

	(void)state;
	peer_start(PEER_TLS, play);
	CLEANUP(mem_freep) char *endpoint = mem_printf("https://127.0.0.1:%u/", peer_port());
	rollbar.endpoint = endpoint;
	assert_int_equal(rollbar_send(&rollbar, &item, NULL, &err), -EHOSTUNREACH);
	assert_int_equal(err.code, ERROR_NOTIFY_FAILED);
	assert_int_equal(peer_requests(), 0);
	assert_int_equal(peer_connections(), 1);
	peer_stop();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_every_member_that_rollbar_describes),
		cmocka_unit_test(an_item_without_a_class_is_a_message),
		cmocka_unit_test(texts_are_cut_between_characters),
		cmocka_unit_test(an_item_stays_below_the_limit_by_naming_fewer_errors),
		cmocka_unit_test(members_that_are_not_listed_stay_here),
		cmocka_unit_test(an_item_is_posted_with_the_token_in_a_header),
		cmocka_unit_test(temporary_failures_are_retried_with_the_same_uuid),
		cmocka_unit_test(a_silent_server_is_given_up_within_ten_seconds),
		cmocka_unit_test(refused_items_are_not_sent_again),
		cmocka_unit_test(nothing_is_sent_while_the_rate_limit_is_used_up),
		cmocka_unit_test(a_cancelled_item_is_not_waited_for),
		cmocka_unit_test(an_untrusted_certificate_ends_it_at_once),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
