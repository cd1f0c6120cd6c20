/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *name;
	int status;
} error_table[ERROR_CODES] = {
	[ERROR_INTERNAL] = { "INTERNAL_ERROR", 500 },
	[ERROR_BAD_REQUEST] = { "BAD_REQUEST", 400 },
	[ERROR_UNAUTHORIZED] = { "UNAUTHORIZED", 401 },
	[ERROR_SYNC_TOKEN_NOT_SET] = { "SYNC_TOKEN_NOT_SET", 403 },
	[ERROR_FORBIDDEN] = { "FORBIDDEN", 403 },
	[ERROR_NOT_FOUND] = { "NOT_FOUND", 404 },
	[ERROR_NO_SYNC_JOB] = { "NO_SYNC_JOB", 404 },
	[ERROR_METHOD_NOT_ALLOWED] = { "METHOD_NOT_ALLOWED", 405 },
	[ERROR_SYNC_IN_PROGRESS] = { "SYNC_IN_PROGRESS", 409 },
	[ERROR_PAYLOAD_TOO_LARGE] = { "PAYLOAD_TOO_LARGE", 413 },
	[ERROR_URI_TOO_LONG] = { "URI_TOO_LONG", 414 },
	[ERROR_TOO_MANY_REQUESTS] = { "TOO_MANY_REQUESTS", 429 },
	[ERROR_HEADERS_TOO_LARGE] = { "HEADERS_TOO_LARGE", 431 },
	[ERROR_OUTPUT] = { "OUTPUT_ERROR", 500 },
	[ERROR_HEMERA_UNREACHABLE] = { "HEMERA_UNREACHABLE", 502 },
	[ERROR_HEMERA_AUTH_FAILED] = { "HEMERA_AUTH_FAILED", 502 },
	[ERROR_HEMERA_FAILED] = { "HEMERA_ERROR", 502 },
	[ERROR_HEMERA_BAD_DATA] = { "HEMERA_BAD_DATA", 502 },
	[ERROR_NOTIFY_FAILED] = { "NOTIFY_FAILED", 502 },
	[ERROR_NOT_CONFIGURED] = { "NOT_CONFIGURED", 503 },
	[ERROR_SHUTTING_DOWN] = { "SHUTTING_DOWN", 503 },
	[ERROR_WORKER_UNAVAILABLE] = { "WORKER_UNAVAILABLE", 503 },
	[ERROR_HEMERA_RATE_LIMITED] = { "HEMERA_RATE_LIMITED", 503 },
	[ERROR_HEMERA_TIMEOUT] = { "HEMERA_TIMEOUT", 504 },
	[ERROR_TEMPLATE] = { "TEMPLATE_ERROR", 500 },
	[ERROR_MASS_DELETE_REFUSED] = { "MASS_DELETE_REFUSED", 500 },
};

/* Through a buffer of its own: the arguments may contain the message that is replaced. */
__attribute__((format(printf, 2, 0))) static void error_describe(
	struct error *err, const char *format, va_list arguments)
{
	char message[ERROR_MESSAGE_MAX];
	int length = vsnprintf(message, sizeof(message), format, arguments);

	if (length < 0)
		message[0] = '\0';
	else if ((size_t)length >= sizeof(message))
		utf8_trim(message); /* it goes out as JSON and HTML */
	memcpy(err->message, message, strlen(message) + 1);
}

__attribute__((format(printf, 4, 0))) static void error_fill(
	struct error *err, enum error_code code, int errnum, const char *format, va_list arguments)
{
	if (!err)
		return;
	error_describe(err, format, arguments);
	err->errnum = errnum;
	err->code = code;
	err->retry_after_s = 0;
}

int error_set(struct error *err, int errnum, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	error_fill(err, ERROR_INTERNAL, errnum, format, arguments);
	va_end(arguments);
	return errnum;
}

int error_fail(struct error *err, enum error_code code, int errnum, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	error_fill(err, code, errnum, format, arguments);
	va_end(arguments);
	return errnum;
}

int error_pass(struct error *err, const struct error *problem)
{
	if (err)
		*err = *problem;
	return problem->errnum;
}

void error_prefix(struct error *err, const char *format, ...)
{
	char old[ERROR_MESSAGE_MAX];
	va_list arguments;
	size_t length, room;

	if (!err)
		return;
	memcpy(old, err->message, sizeof(old));
	va_start(arguments, format);
	error_describe(err, format, arguments);
	va_end(arguments);

	length = strlen(err->message);
	room = sizeof(err->message) - 1 - length;
	if (strlen(old) <= room) {
		memcpy(err->message + length, old, strlen(old) + 1);
		return;
	}
	memcpy(err->message + length, old, room);
	err->message[length + room] = '\0';
	utf8_trim(err->message);
}

const char *error_code_name(enum error_code code)
{
	if ((unsigned)code >= ERROR_CODES)
		return error_table[ERROR_INTERNAL].name;
	return error_table[code].name;
}

int error_http_status(const struct error *err)
{
	if ((unsigned)err->code >= ERROR_CODES)
		return error_table[ERROR_INTERNAL].status;
	if (err->code == ERROR_OUTPUT && (err->errnum == -ENOSPC || err->errnum == -EDQUOT))
		return 507;
	return error_table[err->code].status;
}
