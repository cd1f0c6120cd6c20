/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_ERROR_H
#define AITHER_BASE_ERROR_H

/*
 * How failures are reported: a function returns 0 or a negative errno. It puts a sentence for people and the
 * error code of the HTTP API into `struct error *err`, its last parameter, unless that is NULL.
 *
 *	return error_set(err, -EBADMSG, "course %s: startDate missing", id);
 *	return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "the list is not an array");
 *
 * Callers add context with error_prefix. The function at the top logs it, once.
 */

#include <stddef.h>

enum error_code {
	ERROR_INTERNAL = 0,       /* INTERNAL_ERROR 500; the code of error_set */
	ERROR_BAD_REQUEST,        /* BAD_REQUEST 400 */
	ERROR_UNAUTHORIZED,       /* 401 */
	ERROR_SYNC_TOKEN_NOT_SET, /* 403 */
	ERROR_FORBIDDEN,          /* 403; this caller lacks the right */
	ERROR_NOT_FOUND,          /* 404 */
	ERROR_NO_SYNC_JOB,        /* 404 */
	ERROR_METHOD_NOT_ALLOWED, /* 405 */
	ERROR_SYNC_IN_PROGRESS,   /* 409 */
	ERROR_PAYLOAD_TOO_LARGE,  /* 413 */
	ERROR_URI_TOO_LONG,       /* 414 */
	ERROR_TOO_MANY_REQUESTS,  /* 429 */
	ERROR_HEADERS_TOO_LARGE,  /* 431 */
	ERROR_OUTPUT, /* OUTPUT_ERROR 500, 507 when the disk is full (errnum -ENOSPC or -EDQUOT) */
	ERROR_HEMERA_UNREACHABLE,  /* 502 */
	ERROR_HEMERA_AUTH_FAILED,  /* 502 */
	ERROR_HEMERA_FAILED,       /* HEMERA_ERROR 502 */
	ERROR_HEMERA_BAD_DATA,     /* 502 */
	ERROR_NOTIFY_FAILED,       /* 502; the mail server or Rollbar refused an alert */
	ERROR_NOT_CONFIGURED,      /* 503 */
	ERROR_SHUTTING_DOWN,       /* 503 */
	ERROR_WORKER_UNAVAILABLE,  /* 503 */
	ERROR_HEMERA_RATE_LIMITED, /* 503 */
	ERROR_HEMERA_TIMEOUT,      /* 504 */
	ERROR_TEMPLATE,            /* TEMPLATE_ERROR 500; inside reports: a template that does not compile */
	ERROR_MASS_DELETE_REFUSED, /* 500; only inside reports */
	ERROR_CODES
};

/* Room for a path, a JSON path and a sentence; longer messages are cut. */
#define ERROR_MESSAGE_MAX 1024

struct error {
	int errnum; /* negative errno */
	enum error_code code;
	unsigned retry_after_s; /* 0: not known */
	char message[ERROR_MESSAGE_MAX];
};

/* Fills *err (unless err is NULL) and returns errnum. If a callee has already described the failure, add
 * context with error_prefix instead. */
int error_fail(struct error *err, enum error_code code, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define error_set(err, errnum, ...) error_fail(err, ERROR_INTERNAL, errnum, __VA_ARGS__)

/* Passes on a callee's error: copies it to *err (unless err is NULL) and returns its errnum. */
int error_pass(struct error *err, const struct error *problem);

/* Inserts text before the message: "course c1: " + message. */
void error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The code as the API spells it ("HEMERA_TIMEOUT"), never NULL. */
const char *error_code_name(enum error_code code);

/* The remedy for an error, for mails and the command line: one or two sentences that name a command or a key
 * where there is one. The API's answers do not contain it, because the callers of the API cannot apply it.
 * `name` is the code in a report ("HEMERA_TIMEOUT"). For NULL and for a name that this version does not know,
 * it is the remedy of INTERNAL_ERROR, which refers to the journal. */
const char *error_remedy_of_name(const char *name);

/* The HTTP status with which the API reports the error. */
int error_http_status(const struct error *err);

#endif
