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
	const char *remedy;
} error_table[ERROR_CODES] = {
	[ERROR_INTERNAL] = { "INTERNAL_ERROR", 500, "See the journal: journalctl -u aither-worker.service" },
	[ERROR_BAD_REQUEST] = { "BAD_REQUEST", 400,
		"Correct the request; aither-api(7) says what is permitted." },
	[ERROR_UNAUTHORIZED] = { "UNAUTHORIZED", 401,
		"Send the token that was stored by: aither set-secret sync-token" },
	[ERROR_SYNC_TOKEN_NOT_SET] = { "SYNC_TOKEN_NOT_SET", 403,
		"Set a token: aither set-secret sync-token" },
	[ERROR_FORBIDDEN] = { "FORBIDDEN", 403, "Use the command line: man aither" },
	[ERROR_NOT_FOUND] = { "NOT_FOUND", 404, "Check the address." },
	[ERROR_NO_SYNC_JOB] = { "NO_SYNC_JOB", 404, "Run the first sync: aither sync" },
	[ERROR_METHOD_NOT_ALLOWED] = { "METHOD_NOT_ALLOWED", 405,
		"Use a method that the Allow header of the answer lists." },
	[ERROR_SYNC_IN_PROGRESS] = { "SYNC_IN_PROGRESS", 409,
		"Wait until the running sync has ended: aither status" },
	[ERROR_PAYLOAD_TOO_LARGE] = { "PAYLOAD_TOO_LARGE", 413, "Send a smaller request." },
	[ERROR_URI_TOO_LONG] = { "URI_TOO_LONG", 414, "Use a shorter address." },
	[ERROR_TOO_MANY_REQUESTS] = { "TOO_MANY_REQUESTS", 429,
		"Wait for the time that the message names, then try again." },
	[ERROR_HEADERS_TOO_LARGE] = { "HEADERS_TOO_LARGE", 431, "Send fewer or shorter headers." },
	[ERROR_OUTPUT] = { "OUTPUT_ERROR", 500,
		"To check the free space and the permissions of the output directory, run: aither doctor" },
	[ERROR_HEMERA_UNREACHABLE] = { "HEMERA_UNREACHABLE", 502,
		"To check the network, the name service, the certificate and BaseURL, run: aither doctor" },
	[ERROR_HEMERA_AUTH_FAILED] = { "HEMERA_AUTH_FAILED", 502,
		"Have a new key issued in Hemera, then store it: aither set-secret hemera-api-key" },
	[ERROR_HEMERA_FAILED] = { "HEMERA_ERROR", 502,
		"Hemera itself has failed. If this persists, report it to Hemera's administrators." },
	[ERROR_HEMERA_BAD_DATA] = { "HEMERA_BAD_DATA", 502,
		"Correct in Hemera the data that the message names. If the answer is not Hemera's at all, check BaseURL in " CONFIG_PATH_DEFAULT
		"." },
	[ERROR_NOTIFY_FAILED] = { "NOTIFY_FAILED", 502,
		"Check [Notify] and [Rollbar] in " CONFIG_PATH_DEFAULT
		", then: aither test-mail, aither test-rollbar" },
	[ERROR_NOT_CONFIGURED] = { "NOT_CONFIGURED", 503,
		"Fix the problem that the message names, then: systemctl restart aither aither-worker" },
	[ERROR_SHUTTING_DOWN] = { "SHUTTING_DOWN", 503,
		"No action is needed: the worker was stopped, and the next sync continues." },
	[ERROR_WORKER_UNAVAILABLE] = { "WORKER_UNAVAILABLE", 503,
		"Find out why the worker is not running: systemctl status aither-worker.socket aither-worker.service" },
	[ERROR_HEMERA_RATE_LIMITED] = { "HEMERA_RATE_LIMITED", 503,
		"No action is needed: a later sync continues. If this happens at every sync, check which other programs use the same service user of Hemera." },
	[ERROR_HEMERA_TIMEOUT] = { "HEMERA_TIMEOUT", 504,
		"Hemera was too slow. If this persists, check the network (aither doctor) and report it to Hemera's administrators." },
	[ERROR_TEMPLATE] = { "TEMPLATE_ERROR", 500,
		"Correct the template at the place that the message names, then test it: aither render" },
	[ERROR_MASS_DELETE_REFUSED] = { "MASS_DELETE_REFUSED", 500,
		"Compare with Hemera. If the courses are really gone, run: aither sync --force" },
};

/* Uses a buffer of its own, because the arguments may contain the message that is replaced. */
__attribute__((format(printf, 2, 0))) static void error_describe(
	struct error *err, const char *format, va_list arguments)
{
	char message[ERROR_MESSAGE_MAX];
	int length = vsnprintf(message, sizeof(message), format, arguments);

	if (length < 0)
		message[0] = '\0';
	else if ((size_t)length >= sizeof(message))
		utf8_trim(message); /* JSON and HTML must not end in half a character */
	memcpy(err->message, message, strlen(message) + 1);
}

int error_fail(struct error *err, enum error_code code, int errnum, const char *format, ...)
{
	va_list arguments;

	if (!err)
		return errnum;
	va_start(arguments, format);
	error_describe(err, format, arguments);
	va_end(arguments);
	err->errnum = errnum;
	err->code = code;
	err->retry_after_s = 0;
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
	room = sizeof(err->message) - length;
	if ((size_t)snprintf(err->message + length, room, "%s", old) >= room)
		utf8_trim(err->message);
}

const char *error_code_name(enum error_code code)
{
	return error_table[code].name;
}

const char *error_remedy_of_name(const char *name)
{
	for (int code = 0; name && code < ERROR_CODES; code++)
		if (strcmp(error_table[code].name, name) == 0)
			return error_table[code].remedy;
	return error_table[ERROR_INTERNAL].remedy;
}

int error_http_status(const struct error *err)
{
	if (err->code == ERROR_OUTPUT && (err->errnum == -ENOSPC || err->errnum == -EDQUOT))
		return 507;
	return error_table[err->code].status;
}
