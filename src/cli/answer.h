/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_ANSWER_H
#define AITHER_CLI_ANSWER_H

/*
 * A call to the worker and the envelope of the HTTP API that it returns. A failure without an answer (the
 * worker cannot be reached, the configuration is wrong) becomes such an envelope, too, so that commands treat
 * both alike:
 *
 *	CLEANUP(answer_done) struct answer answer = { 0 };
 *
 *	answer_call(&request, &answer);
 *	if (as_json)
 *		answer_print_json(answer.envelope);
 *	else if (answer.code)
 *		answer_complain(&answer);
 *	return answer_exit_code(&answer);
 */

#include <stdint.h>

#include "base/error.h"

struct json;
struct workerclient_request;
struct workerclient_response;

struct answer {
	int status;                 /* HTTP; 0: no answer, because of `failure` */
	struct error failure;       /* errnum 0: there is an answer */
	struct json *envelope;      /* owned; the members below are borrowed from it */
	const struct json *data;    /* NULL: none */
	const char *code, *message; /* of the error; NULL: success */
	unsigned retry_after_s;     /* the header's; 0: none */
};

/* Fails as workerclient_call does, and with -EBADMSG when the body is no envelope. */
void answer_call(const struct workerclient_request *request, struct answer *ret_answer);
void answer_read(const struct workerclient_response *response, struct answer *ret_answer);
void answer_fail(const struct error *failure, struct answer *ret_answer);
void answer_done(struct answer *answer);

/* The exit code that follows from an answer; 0: success. */
int answer_exit_code(const struct answer *answer);

/* Prints code, message and remedy on stderr; for a failure only its message, which contains the advice. */
void answer_complain(const struct answer *answer);

/* One line on stdout. */
void answer_print_json(const struct json *envelope);

/* A member of an answer's data, or of an object in it; 0 if it is missing. */
int64_t answer_count(const struct json *object, const char *name);

#endif
