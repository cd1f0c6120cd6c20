/* SPDX-License-Identifier: MIT */
#include "net/workerclient.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"

#define HEAD_MAX 16384 /* of requests and answers; our server sends a dozen short headers */

static int fail(struct error *err, int errnum, const char *text)
{
	return error_fail(err, ERROR_WORKER_UNAVAILABLE, errnum, "aither-worker: %s", text);
}

static int fail_connect(struct error *err, int errnum, const char *path)
{
	if (errnum == EAGAIN) /* from SO_SNDTIMEO */
		errnum = ETIMEDOUT;
	return error_fail(err, ERROR_WORKER_UNAVAILABLE, -errnum, "cannot reach aither-worker at %s: %s%s",
		path, errnum == EACCES ? "not permitted" : strerror(errnum),
		errnum == EACCES ? "; run as root or as a member of group aither"
				 : "; try: systemctl start aither-worker.socket");
}

/* Makes the next call on the socket give up with EAGAIN at the deadline. Not poll(): a non-blocking connect()
 * to a unix socket whose backlog is full fails at once, and poll() cannot wait for it: see unix(7). False:
 * the deadline has passed. */
static bool limit_wait(int fd, uint64_t deadline_ms)
{
	uint64_t now = time_mono_ms();

	if (deadline_ms == 0)
		return true;
	if (now >= deadline_ms)
		return false;
	uint64_t left = deadline_ms - now;
	struct timeval limit = { .tv_sec = (time_t)(left / 1000),
		.tv_usec = (suseconds_t)(left % 1000 * 1000) };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return true;
}

static int send_request(int fd, const struct workerclient_request *request, struct error *err)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(HEAD_MAX);

	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", request->method,
		request->target);
	if (request->request_id)
		buf_printf(&out, "X-Request-Id: %s\r\n", request->request_id);
	if (request->prefer)
		buf_printf(&out, "Prefer: %s\r\n", request->prefer);
	buf_append_text(&out, strcmp(request->method, "POST") == 0 ? "Content-Length: 0\r\n\r\n" : "\r\n");
	/* A stranger's text must not become a second header or request. */
	if (buf_overflowed(&out) || strpbrk(request->target, " \r\n") ||
		(request->request_id && strpbrk(request->request_id, "\r\n")))
		return fail(err, -EINVAL, "cannot send this request");
	for (size_t done = 0; done < out.length;) {
		ssize_t sent = send(fd, out.data + done, out.length - done, MSG_NOSIGNAL);

		if (sent >= 0)
			done += (size_t)sent;
		else if (errno == EPIPE || errno == ECONNRESET)
			break; /* the server refused the request early: its answer can still be read */
		else if (errno != EINTR)
			return fail(err, -errno, strerror(errno));
	}
	if (request->ret_sent)
		atomic_store(request->ret_sent, true);
	return 0;
}

/* Appends the next bytes that arrive. The caller needs more bytes, so the end of the stream is a failure. */
static int receive(int fd, struct buf *in, uint64_t deadline_ms, struct error *err)
{
	char chunk[16384];
	ssize_t n;

	do {
		if (!limit_wait(fd, deadline_ms))
			return fail(err, -ETIMEDOUT, "no complete answer within the time limit");
		n = recv(fd, chunk, sizeof(chunk), 0);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n <= 0)
		return fail(err, -ECONNRESET, "the connection was closed before the answer was complete");
	return buf_append(in, chunk, (size_t)n) == 0 ? 0 : fail(err, -EBADMSG, "the answer is too long");
}

/* Copies a header's value, "" if it is absent. The value is passed on to strangers: false if it contains a
 * control character or is too long, or if the header occurs twice. */
static bool get_header(const char *head, const char *name, char *ret, size_t size)
{
	*ret = '\0';
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
			continue;
		const char *value = line + strlen(name) + 1 + strspn(line + strlen(name) + 1, " ");
		size_t length = strcspn(value, "\r");
		if (*ret || length >= size)
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
				return false;
		memcpy(ret, value, length);
		ret[length] = '\0';
	}
	return true;
}

/* `head` is the part before the empty line. */
static bool parse_head(struct workerclient_response *ret, const char *head, bool no_body, size_t *ret_length)
{
	char length[8], encoding[16];

	if (strncmp(head, "HTTP/1.1 ", 9) != 0 || strspn(head + 9, "0123456789") != 3 || head[9] < '2')
		return false;
	ret->status = (int)strtoul(head + 9, NULL, 10);
	if (!get_header(head, "Content-Length", length, sizeof(length)) ||
		!get_header(head, "Transfer-Encoding", encoding, sizeof(encoding)) ||
		!get_header(head, "Content-Type", ret->content_type, sizeof(ret->content_type)) ||
		!get_header(head, "Retry-After", ret->retry_after, sizeof(ret->retry_after)) ||
		!get_header(head, "Location", ret->location, sizeof(ret->location)) ||
		!get_header(head, "Server-Timing", ret->server_timing, sizeof(ret->server_timing)))
		return false;
	no_body = no_body || ret->status == 204 || ret->status == 304;
	*ret_length = no_body ? 0 : strtoul(length, NULL, 10);
	return !encoding[0] && (no_body || (length[0] && !length[strspn(length, "0123456789")]));
}

static int read_response(int fd, const struct workerclient_request *request, uint64_t deadline_ms,
	struct workerclient_response *response, struct error *err)
{
	CLEANUP(buf_done) struct buf in = BUF_INIT(HEAD_MAX + WORKERCLIENT_BODY_MAX);
	const char *end;
	size_t body_length;
	int r;

	while (!(end = strstr(buf_text(&in), "\r\n\r\n")) && in.length <= HEAD_MAX)
		if ((r = receive(fd, &in, deadline_ms, err)) < 0)
			return r;
	CLEANUP(mem_freep) char *head = mem_strndup(buf_text(&in), end ? (size_t)(end - in.data) : 0);
	if (!parse_head(response, head, strcmp(request->method, "HEAD") == 0, &body_length))
		return fail(err, -EBADMSG, "the answer is not valid");
	if (body_length > WORKERCLIENT_BODY_MAX)
		return fail(err, -EBADMSG, "the answer is too long");
	size_t head_length = strlen(head) + 4;
	while (in.length < head_length + body_length)
		if ((r = receive(fd, &in, deadline_ms, err)) < 0)
			return r;
	memmove(in.data, in.data + head_length, body_length);
	buf_truncate(&in, body_length);
	response->body = in;
	buf_init(&in, 0);
	return 0;
}

int workerclient_call(const struct workerclient_request *request, struct workerclient_response *ret_response,
	struct error *err)
{
	CLEANUP(workerclient_response_done) struct workerclient_response response = { 0 };
	CLEANUP(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = request->socket_path;
	uint64_t deadline_ms = request->timeout_ms ? time_mono_ms() + request->timeout_ms : 0;

	if (fd < 0)
		return error_fail(err, ERROR_WORKER_UNAVAILABLE, -errno,
			"cannot create a socket for aither-worker: %m");
	if (strlen(path) >= sizeof(address.sun_path))
		return fail_connect(err, ENAMETOOLONG, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (!limit_wait(fd, deadline_ms))
		return fail_connect(err, ETIMEDOUT, path);
	/* On a unix socket, an interrupted connect() does not continue in the background. */
	while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		if (errno != EINTR)
			return fail_connect(err, errno, path);
	int r = send_request(fd, request, err);
	if (r == 0)
		r = read_response(fd, request, deadline_ms, &response, err);
	if (r < 0)
		return r;
	*ret_response = response;
	response = (struct workerclient_response){ 0 };
	return 0;
}

void workerclient_response_done(struct workerclient_response *response)
{
	buf_done(&response->body);
}
