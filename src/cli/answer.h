/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_ANSWER_H
#define AITHER_CLI_ANSWER_H

/*
 * A call to the worker and the envelope that comes back, for every command that needs the worker:
 *
 *	CLEANUP(answer_done) struct answer answer = { 0 };
 *
 *	if (answer_call(&request, &answer, &err) < 0)
 *		return command_fail(as_json, &err);
 *	if (as_json)
 *		answer_print_json(answer.envelope);
 *	else if (answer.code)
 *		answer_complain(&answer);
 *	return answer_exit_code(&answer);
 */

#include <stdbool.h>

struct error;
struct json;
struct workerclient_request;
struct workerclient_response;

struct answer {
	int status;                 /* HTTP */
	struct json *envelope;      /* owned; the members below are borrowed from it */
	const struct json *data;    /* NULL: none */
	const char *code, *message; /* of the error; NULL: success */
	unsigned retry_after_s;     /* the header's; 0: none */
};

/* Fails as workerclient_call does, and with -EBADMSG for what is not an envelope. */
int answer_call(const struct workerclient_request *request, struct answer *ret_answer, struct error *err);
int answer_read(const struct workerclient_response *response, struct answer *ret_answer, struct error *err);
void answer_done(struct answer *answer);

/* The exit code that an answer means for a command whose success is 0. */
int answer_exit_code(const struct answer *answer);

/* On stderr: code, sentence and remedy. */
void answer_complain(const struct answer *answer);

/* One line on stdout. */
void answer_print_json(const struct json *envelope);

#endif
