/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/thread.h"
#include "http/http.h"
#include "http/router.h"
#include "http/server.h"

static const char *const peer_names[] = { "unix", "web", "loopback", "remote" };

static enum http_result on_hello(
	const struct http_request *request, struct http_response *response, void *arg)
{
	struct app *app = arg;
	char address[HTTP_ADDRESS_SIZE];

	app->handled++;
	http_response_text(response, 200, "text/plain", "hello\n");
	http_request_address(request, address);
	http_response_header(response, "x-address", address);
	http_response_header(response, "x-peer", peer_names[request->peer]);
	http_response_header(response, "x-tail", request->tail);
	http_response_header(response, "x-host",
		http_request_header(request, "host") ? http_request_header(request, "host") : "none");
	http_response_header(response, "x-bad", "a\r\nInjected: yes");
	return HTTP_DONE;
}

static enum http_result on_echo(const struct http_request *request, struct http_response *response, void *arg)
{
	(void)arg;
	response->status = 200;
	response->body =
		http_body_new(mem_strndup(request->body, request->body_length), request->body_length);
	return HTTP_DONE;
}

static enum http_result on_not_modified(
	const struct http_request *request, struct http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	response->status = 304;
	return HTTP_DONE;
}

static enum http_result on_large(
	const struct http_request *request, struct http_response *response, void *arg)
{
	size_t length = 4 << 20;

	(void)request;
	(void)arg;
	response->status = 200;
	response->body = http_body_new(mem_zalloc(length), length);
	return HTTP_DONE;
}

static enum http_result on_park(const struct http_request *request, struct http_response *response, void *arg)
{
	struct app *app = arg;

	(void)response;
	app->parked = http_later(request);
	return HTTP_LATER;
}

struct slow_job {
	struct thread_job job;
	struct app *app;
	struct http_pending *pending;
	char *answer;
};

static void slow_run(struct thread_job *job)
{
	struct slow_job *slow = (struct slow_job *)job;

	slow->answer = mem_strdup("from a thread");
}

static void slow_done(struct thread_job *job)
{
	struct slow_job *slow = (struct slow_job *)job;
	struct http_response response = { 0 };

	http_response_text(&response, 200, "text/plain", slow->answer);
	slow->app->completed++;
	http_complete(slow->pending, &response);
	free(slow->answer);
	free(slow);
}

static enum http_result on_slow(const struct http_request *request, struct http_response *response, void *arg)
{
	struct slow_job *slow = mem_zalloc(sizeof(*slow));

	(void)response;
	slow->app = arg;
	slow->pending = http_later(request);
	assert_int_equal(thread_start(slow->app->queue, &slow->job, slow_run, slow_done, NULL), 0);
	return HTTP_LATER;
}

static const struct http_route routes[] = {
	{ "/hello", false, HTTP_GET, on_hello, NULL },
	{ "/below/", true, HTTP_GET, on_hello, NULL },
	{ "/echo", false, HTTP_POST, on_echo, NULL },
	{ "/same", false, HTTP_GET, on_not_modified, NULL },
	{ "/large", false, HTTP_GET, on_large, NULL },
	{ "/park", false, HTTP_GET, on_park, NULL },
	{ "/slow", false, HTTP_GET, on_slow, NULL },
};

static void on_queue(void *arg)
{
	struct app *app = arg;

	thread_queue_dispatch(app->queue);
}

static void listen_inet(struct app *app)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	app->address_length = sizeof(app->address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&app->address, &app->address_length), 0);
	server_listen(app->server, fd);
}

static struct http_router router = { .routes = routes, .count = ARRAY_SIZE(routes) };

void app_start(struct app *app, unsigned connections_max)
{
	struct server_options options = { .router = &router, .connections_max = connections_max };

	*app = (struct app){ 0 };
	router.app = app;
	assert_int_equal(server_new(&app->server, &options, NULL), 0);
	assert_int_equal(thread_queue_new(&app->queue, NULL), 0);
	server_watch(app->server, thread_queue_fd(app->queue), on_queue, app);
	listen_inet(app);
	alarm(30);
}

void app_stop(struct app *app)
{
	while (thread_queue_pending(app->queue) > 0)
		server_turn(app->server);
	server_freep(&app->server);
	thread_queue_freep(&app->queue);
	alarm(0);
}

int client_open(const struct app *app)
{
	int fd = socket(app->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&app->address, app->address_length), 0);
	return fd;
}

bool client_is_readable(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	return poll(&entry, 1, 0) > 0;
}

void client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The end of the first response in text; 0: not yet complete. */
static size_t response_length(const char *text, size_t length, bool is_head)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *field = strcasestr(text, "\r\ncontent-length: ");

	if (!end)
		return 0;
	size_t body = !is_head && field && field < end ? strtoul(field + 18, NULL, 10) : 0;
	size_t total = (size_t)(end + 4 - text) + body;
	return total <= length ? total : 0;
}

size_t client_read(struct app *app, int fd, bool is_head, char *ret, size_t size)
{
	size_t length = 0;

	ret[0] = '\0';
	while (length + 1 < size && response_length(ret, length, is_head) == 0) {
		while (!client_is_readable(fd))
			server_turn(app->server);
		/* Byte by byte, so that a pipelined second response stays in the socket. */
		ssize_t n = recv(fd, ret + length, 1, 0);
		if (n <= 0)
			break;
		ret[++length] = '\0';
	}
	return length;
}

bool client_is_closed(struct app *app, int fd)
{
	char byte;

	while (!client_is_readable(fd))
		server_turn(app->server);
	return recv(fd, &byte, 1, 0) <= 0;
}

void client_ask(struct app *app, const char *request, char *ret, size_t size)
{
	int fd = client_open(app);

	client_send(fd, request);
	client_read(app, fd, strncmp(request, "HEAD", 4) == 0, ret, size);
	close(fd);
}

void assert_answer(const char *answer, const char *expected)
{
	if (!strstr(answer, expected))
		fail_msg("no \"%s\" in: %s", expected, answer);
}
