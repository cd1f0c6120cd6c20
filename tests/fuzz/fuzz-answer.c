/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the answer of aither-worker to the command line. The first byte says how many bytes arrive at
 * a time (0: all). When the program is linked, this file replaces connect, send and recv.
 *
 * These rules must hold:
 *  - an answer is the same no matter how it is cut into pieces;
 *  - a failure is ERROR_WORKER_UNAVAILABLE, one line of plain text, and returns no data;
 *  - returned data fits its place and has no control characters, because it goes on to strangers;
 *  - the command line prints it as text without terminal control sequences, with --json as one line of JSON.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/status.h"
#include "cli/summary.h"
#include "config/config.h"
#include "net/workerclient.h"
#include "render/slice.h"

#define NOW_MS INT64_C(1795392547000)

const char fuzz_corpus[] = "answer";

static struct {
	const uint8_t *at;
	size_t left, step;
} wire;

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t length, int flags);

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd;
	(void)address;
	(void)length;
	return 0;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags)
{
	(void)fd;
	(void)bytes;
	(void)flags;
	return (ssize_t)length;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t length, int flags)
{
	(void)fd;
	(void)flags;
	if (wire.step > 0 && wire.step < length)
		length = wire.step;
	if (length > wire.left)
		length = wire.left;
	if (length > 0)
		memcpy(bytes, wire.at, length);
	wire.at += length;
	wire.left -= length;
	return (ssize_t)length;
}

/* ---- the answer ---- */

static int call(const uint8_t *bytes, size_t size, size_t step, struct workerclient_response *response)
{
	const struct workerclient_request request = { .socket_path = "/nonexistent",
		.method = "GET",
		.target = "/api/sync/status",
		.request_id = "id" };
	struct error err = { 0 };
	int r;

	wire.at = bytes;
	wire.left = size;
	wire.step = step;
	r = workerclient_call(&request, response, &err);
	FUZZ_CHECK(r == 0 || r == -ECONNRESET || r == -EBADMSG, "%d: %s", r, err.message);
	FUZZ_CHECK(r == 0 || (err.errnum == r && err.code == ERROR_WORKER_UNAVAILABLE), "%d: %s", r,
		err.message);
	FUZZ_CHECK(r == 0 || utf8_is_text(err.message, strlen(err.message)), "%s", err.message);
	return r;
}

static void check_header(const char *value, size_t size)
{
	size_t length = strnlen(value, size);

	FUZZ_CHECK(length < size, "no end");
	for (size_t i = 0; i < length; i++)
		FUZZ_CHECK((unsigned char)value[i] >= ' ' && value[i] != 0x7f, "%s", value);
}

static void check_response(const struct workerclient_response *response)
{
	FUZZ_CHECK(response->status >= 200 && response->status <= 999, "%d", response->status);
	FUZZ_CHECK(response->body.length <= WORKERCLIENT_BODY_MAX, "%zu", response->body.length);
	check_header(response->content_type, sizeof(response->content_type));
	check_header(response->retry_after, sizeof(response->retry_after));
	check_header(response->location, sizeof(response->location));
	check_header(response->server_timing, sizeof(response->server_timing));
}

static void check_same(const struct workerclient_response *a, const struct workerclient_response *b)
{
	FUZZ_CHECK(a->status == b->status && strcmp(a->content_type, b->content_type) == 0 &&
			   strcmp(a->retry_after, b->retry_after) == 0 &&
			   strcmp(a->location, b->location) == 0 &&
			   strcmp(a->server_timing, b->server_timing) == 0,
		"another head in pieces");
	FUZZ_CHECK(a->body.length == b->body.length &&
			   memcmp(buf_text(&a->body), buf_text(&b->body), a->body.length) == 0,
		"another body in pieces");
}

/* ---- the output ---- */

/* While the command line prints, stdout and stderr go into memory. */
struct print {
	FILE *out, *saved_stdout, *saved_stderr;
	char *text; /* owned */
	size_t length;
};

static void print_begin(struct print *print)
{
	*print = (struct print){ .saved_stdout = stdout, .saved_stderr = stderr };
	print->out = open_memstream(&print->text, &print->length);
	FUZZ_CHECK(print->out, "no memory");
	stdout = stderr = print->out;
}

static void print_end(struct print *print)
{
	stdout = print->saved_stdout;
	stderr = print->saved_stderr;
	fclose(print->out);
}

static void check_printed(const struct print *print)
{
	for (const char *line = print->text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		FUZZ_CHECK(end, "no end of the line: %s", line);
		FUZZ_CHECK(utf8_is_text(line, (size_t)(end - line)), "%.*s", (int)(end - line), line);
	}
	FUZZ_CHECK(strlen(print->text) == print->length, "a NUL");
}

static void check_json(const struct print *print)
{
	const struct json_limits limits = { .size_max = 3 * WORKERCLIENT_BODY_MAX,
		.depth_max = JSON_DEPTH_MAX + 1,
		.node_max = WORKERCLIENT_BODY_MAX };
	CLEANUP(json_freep) struct json *json = NULL;
	struct error err = { 0 };

	FUZZ_CHECK(print->length > 0 && strchr(print->text, '\n') == print->text + print->length - 1,
		"not one line: %s", print->text);
	FUZZ_CHECK(json_parse(&json, print->text, print->length, &limits, &err) == 0, "%s: %s", err.message,
		print->text);
}

static void check_status(const struct answer *answer)
{
	static const struct machine machine;
	static const struct config config = { .worker.socket = (char *)"/run/aither/worker.sock" };
	CLEANUP(json_freep) struct json *envelope = NULL, *checks = json_new_array();
	int exit_code = status_check(answer, &machine, &config, NOW_MS, checks);
	struct print print;

	FUZZ_CHECK(status_sentence(checks) && status_sentence(checks)[0], "%d", exit_code);
	envelope = status_to_json(answer, &machine, checks, exit_code);
	print_begin(&print);
	answer_print_json(envelope);
	print_end(&print);
	check_json(&print);
	free(print.text);
}

static void check_envelope(const struct answer *answer)
{
	struct print print;

	print_begin(&print);
	answer_print_json(answer->envelope);
	print_end(&print);
	check_json(&print);
	free(print.text);
}

static void check_words(const struct answer *answer)
{
	struct print print;

	print_begin(&print);
	summary_print(answer->data, true);
	summary_complain(answer);
	if (answer->code)
		answer_complain(answer);
	print_end(&print);
	check_printed(&print);
	free(print.text);
}

static void check_answer(const struct workerclient_response *response)
{
	CLEANUP(answer_done) struct answer answer = { 0 };
	const struct error *failure = &answer.failure;

	answer_read(response, &answer);
	if (answer.status == 0) {
		FUZZ_CHECK(failure->errnum == -EBADMSG && failure->code == ERROR_WORKER_UNAVAILABLE, "%d: %s",
			failure->errnum, failure->message);
		FUZZ_CHECK(utf8_is_text(failure->message, strlen(failure->message)), "%s", failure->message);
		FUZZ_CHECK(!answer.data, "data of a failure");
	} else {
		FUZZ_CHECK(answer.status == response->status && failure->errnum == 0, "%d", answer.status);
	}
	FUZZ_CHECK(response->status / 100 == 2 || answer.code, "%d without a code", response->status);
	FUZZ_CHECK(answer_exit_code(&answer) >= COMMAND_DONE, "%d", answer.status);
	check_words(&answer);
	check_envelope(&answer);
	check_status(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(workerclient_response_done) struct workerclient_response whole = { 0 };
	CLEANUP(workerclient_response_done) struct workerclient_response pieces = { 0 };

	if (size == 0)
		return 0;
	if (call(bytes + 1, size - 1, 0, &whole) < 0) {
		FUZZ_CHECK(call(bytes + 1, size - 1, bytes[0], &pieces) < 0, "good only in pieces");
		return 0;
	}
	check_response(&whole);
	FUZZ_CHECK(call(bytes + 1, size - 1, bytes[0], &pieces) == 0, "good only in one piece");
	check_same(&whole, &pieces);
	check_answer(&whole);
	return 0;
}
