/* SPDX-License-Identifier: MIT */
/*
 * Any answers of Hemera, without a network: when the program is linked, this file replaces hemera/exchange.c
 * and takes the answers from the input. Its first byte chooses the call (bits 0 and 1) and the HTTP status
 * (bits 2 to 4). The bodies follow, separated by a byte 0x1e. When they are used up, answers are empty.
 *
 * These rules must hold:
 *  - every problem is one line of plain text, and has one of Hemera's codes;
 *  - returned data fits the model: ids, limits, levels, dates;
 *  - no id occurs twice, and none is both valid and invalid;
 *  - participants are sorted by their bookingIds, and their texts are within the limits;
 *  - each requested id is reported exactly once, or by hemera_participations not at all.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "hemera/client.h"
#include "hemera/exchange.h"
#include "hemera/member.h"
#include "hemera/reply.h"
#include "net/fetch.h"

#define BODY_SEPARATOR 0x1e

enum call { CALL_LIST, CALL_DETAILS, CALL_PARTICIPATIONS, CALL_TEMPLATES };

const char fuzz_corpus[] = "hemera";

static const char *const ids[] = { "c2", "c1", "c3" };

static struct {
	const uint8_t *at; /* of the input */
	size_t left;
	long status;
	unsigned reported[ARRAY_SIZE(ids)];
} input;

static void check_line(const char *text)
{
	FUZZ_CHECK(text[0] && utf8_is_text(text, strlen(text)), "\"%s\"", text);
}

static void check_problem(const struct error *problem)
{
	check_line(problem->message);
	FUZZ_CHECK(problem->errnum < 0 && problem->code >= ERROR_HEMERA_UNREACHABLE &&
			   problem->code <= ERROR_HEMERA_TIMEOUT,
		"%d, %s: %s", problem->errnum, error_code_name(problem->code), problem->message);
}

static void take_body(struct buf *body)
{
	const uint8_t *end = input.left > 0 ? memchr(input.at, BODY_SEPARATOR, input.left) : NULL;
	size_t length = end ? (size_t)(end - input.at) : input.left, skip = end ? length + 1 : length;

	if (input.left == 0)
		buf_append_text(body, "{\"success\":true,\"data\":[]}");
	buf_append(body, input.at, length);
	input.at += skip;
	input.left -= skip;
}

static void read_answer(size_t body_max, struct reply *ret_reply, struct error *err)
{
	struct fetch_result result = { .failure = FETCH_OK,
		.status = input.status,
		.content_type = "application/json",
		.retry_after_s = -1 };

	buf_init(&result.body, body_max);
	take_body(&result.body);
	reply_read(&result, body_max, ret_reply, err);
	buf_done(&result.body);
	if (ret_reply->verdict == REPLY_DATA)
		FUZZ_CHECK(ret_reply->root && ret_reply->data, "no data");
	else
		check_problem(err);
}

int exchange_run(struct hemera *client, const struct exchange *exchange, struct error *err)
{
	(void)client;
	(void)err;
	for (size_t i = 0; i < exchange->count; i++) {
		CLEANUP(reply_done) struct reply reply = { 0 };
		struct error problem = { 0 };
		enum exchange_end end = EXCHANGE_FAILED;

		read_answer(exchange->body_max, &reply, &problem);
		if (reply.verdict == REPLY_DATA)
			end = EXCHANGE_DATA;
		else if (reply.verdict == REPLY_NOT_FOUND)
			end = EXCHANGE_NOT_FOUND;
		FUZZ_CHECK(exchange->done(exchange->arg, i, end, &reply, &problem) == 0,
			"no more of it is wanted");
	}
	return 0;
}

int exchange_get(
	struct hemera *client, const struct exchange *exchange, struct reply *ret_reply, struct error *err)
{
	struct error problem = { 0 };

	(void)client;
	check_line(exchange->path);
	read_answer(exchange->body_max, ret_reply, &problem);
	if (ret_reply->verdict == REPLY_DATA)
		return 0;
	*err = problem;
	return problem.errnum;
}

unsigned exchange_retry_after_s(const struct hemera *client, bool use_reserve)
{
	(void)client;
	(void)use_reserve;
	return 0;
}

static void on_problem(void *arg, const char *entity, const struct error *problem)
{
	(void)arg;
	check_line(entity);
	check_problem(problem);
}

static void check_date(const char *date)
{
	int64_t unix_ms;

	FUZZ_CHECK(!date || time_parse(date, &unix_ms) == 0, "%s", date);
}

static bool is_one_of(const char *const *choices, const char *text)
{
	for (; *choices; choices++)
		if (strcmp(*choices, text) == 0)
			return true;
	return false;
}

static void check_course(const struct course *course)
{
	FUZZ_CHECK(member_is_id(course->id, COURSE_ID_MAX), "%s", course->id);
	FUZZ_CHECK(strlen(course->title) <= COURSE_TITLE_MAX && strlen(course->slug) <= COURSE_SLUG_MAX, "%s",
		course->id);
	FUZZ_CHECK(is_one_of(course_levels, course->level), "%s", course->level);
	FUZZ_CHECK(course->participant_count <= COURSE_COUNT_MAX, "%u", course->participant_count);
	check_date(course->start_date);
	check_date(course->end_date);
}

static bool is_bad(const struct hemera_list *list, const char *id, size_t from)
{
	for (size_t i = from; i < list->bad_count; i++)
		if (strcmp(list->bad_ids[i], id) == 0)
			return true;
	return false;
}

static void check_list(void)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	struct error err = { 0 };

	if (hemera_list(NULL, &list, on_problem, NULL, &err) < 0) {
		check_problem(&err);
		FUZZ_CHECK(!list.courses && list.count == 0, "courses of a failure");
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		check_course(&list.courses[i]);
		FUZZ_CHECK(!is_bad(&list, list.courses[i].id, 0), "%s is good and bad", list.courses[i].id);
		for (size_t j = 0; j < i; j++)
			FUZZ_CHECK(strcmp(list.courses[i].id, list.courses[j].id) != 0, "%s twice",
				list.courses[i].id);
	}
	for (size_t i = 0; i < list.bad_count; i++)
		FUZZ_CHECK(!is_bad(&list, list.bad_ids[i], i + 1), "%s is bad twice", list.bad_ids[i]);
}

static void check_participant(const struct participant *participant)
{
	const char *const texts[] = { participant->name, participant->preparation_intent,
		participant->desired_results, participant->line_manager_profile };

	FUZZ_CHECK(member_is_id(participant->booking_id, COURSE_ID_MAX), "%s", participant->booking_id);
	FUZZ_CHECK(is_one_of(participant_states, participant->status), "%s", participant->status);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		FUZZ_CHECK(!texts[i] || strlen(texts[i]) <= COURSE_TEXT_MAX, "%zu", i);
	check_date(participant->preparation_completed_at);
}

static void check_participants(const struct participants *participants)
{
	const char *last = "";

	FUZZ_CHECK(participants->count <= COURSE_PARTICIPANTS_MAX, "%zu", participants->count);
	for (size_t i = 0; i < participants->count; i++) {
		const char *id = participants->items[i].booking_id;

		check_participant(&participants->items[i]);
		FUZZ_CHECK(strcmp(last, id) < 0, "%s after %s", id, last);
		last = id;
	}
}

static int on_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	(void)arg;
	FUZZ_CHECK(index < ARRAY_SIZE(ids) && input.reported[index]++ == 0, "%zu", index);
	FUZZ_CHECK(!participants == (state != HEMERA_DETAIL_READ), "%d", (int)state);
	FUZZ_CHECK(!problem == (state != HEMERA_DETAIL_FAILED), "%d", (int)state);
	if (participants)
		check_participants(participants);
	if (problem)
		check_problem(problem);
	return 0;
}

static void check_reported(unsigned times)
{
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		FUZZ_CHECK(input.reported[i] == times, "%s: %u times", ids[i], input.reported[i]);
}

static void check_details(void)
{
	const struct hemera_wanted wanted = { ids, ARRAY_SIZE(ids), ARRAY_SIZE(ids) };
	unsigned retry_after_s = 1;
	struct error err = { 0 };

	FUZZ_CHECK(
		hemera_details(NULL, &wanted, on_detail, NULL, &retry_after_s, &err) == 0, "%s", err.message);
	FUZZ_CHECK(retry_after_s == 0, "%u", retry_after_s);
	check_reported(1);
}

static void check_participations(void)
{
	bool available = false;
	struct error err = { 0 };
	int r = hemera_participations(NULL, ids, ARRAY_SIZE(ids), on_detail, NULL, &available, &err);

	if (r < 0)
		check_problem(&err);
	check_reported(r == 0 && available ? 1 : 0);
}

static void check_templates(void)
{
	struct hemera_template *templates = NULL;
	struct error err = { 0 };
	size_t count = 0;

	if (hemera_templates(NULL, &templates, &count, on_problem, NULL, &err) < 0) {
		check_problem(&err);
		FUZZ_CHECK(!templates && count == 0, "templates of a failure");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (templates[i].markup)
			check_line(templates[i].id);
		FUZZ_CHECK(templates[i].version, "%s", templates[i].id);
	}
	hemera_templates_free(templates, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const long statuses[] = { 200, 200, 200, 401, 404, 429, 500, 302 };

	if (size == 0)
		return 0;
	memset(&input, 0, sizeof(input));
	input.at = bytes + 1;
	input.left = size - 1;
	input.status = statuses[bytes[0] >> 2 & 7];
	switch ((enum call)(bytes[0] & 3)) {
	case CALL_LIST:
		check_list();
		break;
	case CALL_DETAILS:
		check_details();
		break;
	case CALL_PARTICIPATIONS:
		check_participations();
		break;
	case CALL_TEMPLATES:
		check_templates();
		break;
	}
	return 0;
}
