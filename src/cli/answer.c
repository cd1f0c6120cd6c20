/* SPDX-License-Identifier: MIT */
#include "cli/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/words.h"
#include "net/workerclient.h"

#define JSON_SIZE_MAX (2 * WORKERCLIENT_BODY_MAX) /* an answer and what a command adds to it */

static void read_envelope(struct answer *answer)
{
	const struct json *error = json_get(answer->envelope, "error");

	answer->data = json_get(answer->envelope, "data");
	answer->code = json_string(json_get(error, "code"));
	answer->message = json_string(json_get(error, "message"));
}

void answer_fail(const struct error *failure, struct answer *ret_answer)
{
	struct answer answer = { .failure = *failure, .envelope = json_new_object() };
	struct json *error = json_new_object();

	json_set_string(error, "code", error_code_name(failure->code));
	json_set_string(error, "message", failure->message);
	json_set_bool(answer.envelope, "success", false);
	json_set(answer.envelope, "error", error);
	read_envelope(&answer);
	*ret_answer = answer;
}

void answer_read(const struct workerclient_response *response, struct answer *ret_answer)
{
	const struct json_limits limits = { .size_max = WORKERCLIENT_BODY_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = WORKERCLIENT_BODY_MAX };
	struct answer answer = { .status = response->status };
	struct error problem = { 0 }, failure = { 0 };

	if (json_parse(&answer.envelope, buf_text(&response->body), response->body.length, &limits,
		    &problem) < 0)
		error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -EBADMSG,
			"cannot understand aither-worker's answer: %s; an older version may still be running: systemctl restart aither-worker",
			problem.message);
	read_envelope(&answer);
	answer.retry_after_s = (unsigned)strtoul(response->retry_after, NULL, 10);
	if (failure.errnum == 0 && response->status / 100 != 2 && !answer.code)
		error_fail(&failure, ERROR_WORKER_UNAVAILABLE, -EBADMSG,
			"aither-worker refused the request and gave no reason; see: journalctl -n 20 -u aither-worker.service");
	if (failure.errnum == 0) {
		*ret_answer = answer;
	} else {
		answer_fail(&failure, ret_answer);
		answer_done(&answer);
	}
}

void answer_call(const struct workerclient_request *request, struct answer *ret_answer)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	struct error failure = { 0 };

	if (workerclient_call(request, &response, &failure) < 0)
		answer_fail(&failure, ret_answer);
	else
		answer_read(&response, ret_answer);
}

void answer_done(struct answer *answer)
{
	json_freep(&answer->envelope);
}

int answer_exit_code(const struct answer *answer)
{
	int errnum = answer->failure.errnum;

	if (answer->status / 100 == 2)
		return COMMAND_DONE;
	if (answer->status == 409)
		return COMMAND_RUNNING_ALREADY;
	if (strcmp(answer->code, "NOT_CONFIGURED") == 0)
		return COMMAND_NOT_CONFIGURED;
	if (answer->status == 401 || answer->status == 403 || errnum == -EACCES || errnum == -EPERM)
		return COMMAND_NOT_PERMITTED;
	return errnum < 0 ? COMMAND_UNREACHABLE : COMMAND_FAILED;
}

void answer_complain(const struct answer *answer)
{
	if (answer->failure.errnum < 0) {
		words_complain("%s", answer->failure.message);
		return;
	}
	words_complain("%s: %s", answer->code, answer->message ?: "aither-worker gave no reason");
	fprintf(stderr, "what to do: %s\n", error_remedy_of_name(answer->code));
}

void answer_print_json(const struct json *envelope)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(JSON_SIZE_MAX);

	json_write(&out, envelope);
	puts(buf_text(&out));
	fflush(stdout);
}

int64_t answer_count(const struct json *object, const char *name)
{
	return json_integer(json_get(object, name), 0);
}
