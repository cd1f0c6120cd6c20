/* SPDX-License-Identifier: MIT */
#include "cli/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/words.h"
#include "net/workerclient.h"

#define JSON_SIZE_MAX (2 * WORKERCLIENT_BODY_MAX) /* an answer, written anew with what a command adds */

int answer_read(const struct workerclient_response *response, struct answer *ret_answer, struct error *err)
{
	const struct json_limits limits = { .size_max = WORKERCLIENT_BODY_MAX,
		.depth_max = JSON_DEPTH_MAX,
		.node_max = WORKERCLIENT_BODY_MAX };
	struct answer answer = { .status = response->status };
	const struct json *error;
	struct error problem = { 0 };

	if (json_parse(&answer.envelope, buf_text(&response->body), response->body.length, &limits,
		    &problem) < 0)
		return error_fail(err, ERROR_WORKER_UNAVAILABLE, -EBADMSG,
			"the worker's answer is not JSON: %s", problem.message);
	answer.data = json_get(answer.envelope, "data");
	error = json_get(answer.envelope, "error");
	answer.code = json_string(json_get(error, "code"));
	answer.message = json_string(json_get(error, "message"));
	answer.retry_after_s = (unsigned)strtoul(response->retry_after, NULL, 10);
	if (response->status / 100 != 2 && !answer.code) {
		json_free(answer.envelope);
		return error_fail(err, ERROR_WORKER_UNAVAILABLE, -EBADMSG,
			"the worker answered %d without saying why", response->status);
	}
	*ret_answer = answer;
	return 0;
}

int answer_call(const struct workerclient_request *request, struct answer *ret_answer, struct error *err)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	int result = workerclient_call(request, &response, err);

	return result < 0 ? result : answer_read(&response, ret_answer, err);
}

void answer_done(struct answer *answer)
{
	json_freep(&answer->envelope);
}

int answer_exit_code(const struct answer *answer)
{
	if (answer->status / 100 == 2)
		return COMMAND_DONE;
	if (answer->status == 409)
		return COMMAND_RUNNING_ALREADY;
	if (answer->status == 401 || answer->status == 403)
		return COMMAND_NOT_PERMITTED;
	if (strcmp(answer->code, "NOT_CONFIGURED") == 0)
		return COMMAND_NOT_CONFIGURED;
	return COMMAND_FAILED;
}

void answer_complain(const struct answer *answer)
{
	words_complain("%s: %s", answer->code, answer->message ?: "the worker does not say why");
	fprintf(stderr, "what to do: %s\n", error_remedy_of_name(answer->code));
}

void answer_print_json(const struct json *envelope)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(JSON_SIZE_MAX);

	json_write(&out, envelope);
	puts(buf_text(&out));
	fflush(stdout);
}
