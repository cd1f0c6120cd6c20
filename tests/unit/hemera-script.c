/* SPDX-License-Identifier: MIT */
#include "hemera-script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"

#define REPLIES_MAX 32
#define CONNECTIONS_MAX 64
#define TEXTS_MAX 128
#define HEAD_SIZE 4096
#define HEADS_MAX (4 << 20)

struct script_connection {
	int fd; /* -1: free */
	char head[HEAD_SIZE];
	size_t length;
	bool waits; /* for an answer */
};

struct hemera_options script_options;
struct budget script_budget;

static size_t text_count;
static char *texts[TEXTS_MAX];
static char problems[4096];
static char origin[64], dead_origin[64];
static int listener, stop_fd;
static pthread_t thread;

/* Shared with the server's thread, which holds the lock except while it waits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct script_reply replies[REPLIES_MAX];
static size_t reply_count;
static unsigned gather, accepted;
static atomic_bool *raised_on_request;
static struct script_connection connections[CONNECTIONS_MAX];
static struct buf heads;

/* A socket on a free loopback port. */
static int bind_loopback(char *ret_origin, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	snprintf(ret_origin, size, "http://127.0.0.1:%u", ntohs(address.sin_port));
	return fd;
}

static struct script_reply *find_reply(const char *head)
{
	static struct script_reply unknown = {
		.status = 404, .body = "<!DOCTYPE html><title>404</title>", .type = "text/html; charset=utf-8"
	};

	for (size_t i = 0; i < reply_count; i++) {
		const char *target = strchr(head, ' ');
		bool is_used_up = replies[i].count == UINT32_MAX;

		if (is_used_up || !target ||
			strncmp(target + 1, replies[i].path, strlen(replies[i].path)) != 0)
			continue;
		if (replies[i].count > 0 && --replies[i].count == 0)
			replies[i].count = UINT32_MAX;
		return &replies[i];
	}
	return &unknown;
}

static void send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

static void drop(struct script_connection *connection)
{
	close(connection->fd);
	*connection = (struct script_connection){ .fd = -1 };
}

static void answer(struct script_connection *connection)
{
	const struct script_reply *reply = find_reply(connection->head);
	char head[1024];
	int length;

	connection->waits = false;
	connection->length = 0;
	if (reply->manner == SCRIPT_HANG)
		return;
	if (reply->manner == SCRIPT_CLOSE) {
		drop(connection);
		return;
	}
	length = snprintf(head, sizeof(head),
		"HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", reply->status,
		reply->type ? reply->type : "application/json", strlen(reply->body),
		reply->headers ? reply->headers : "");
	send_all(connection->fd, head, (size_t)length);
	send_all(connection->fd, reply->body, strlen(reply->body));
}

static void receive(struct script_connection *connection)
{
	ssize_t got = recv(
		connection->fd, connection->head + connection->length, HEAD_SIZE - 1 - connection->length, 0);

	if (got <= 0) {
		drop(connection);
		return;
	}
	connection->length += (size_t)got;
	connection->head[connection->length] = '\0';
	if (!strstr(connection->head, "\r\n\r\n"))
		return;
	connection->waits = true;
	buf_append_text(&heads, connection->head);
	if (raised_on_request)
		atomic_store(raised_on_request, true);
}

static void answer_waiting(void)
{
	unsigned waiting = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		waiting += connections[i].waits;
	if (waiting < gather)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i].waits)
			answer(&connections[i]);
}

static void take_connection(void)
{
	/* cppcheck-suppress nullPointer ; the peer's address is not needed */
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; i < CONNECTIONS_MAX && fd >= 0; i++) {
		if (connections[i].fd >= 0)
			continue;
		connections[i].fd = fd;
		accepted++;
		return;
	}
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd polled[CONNECTIONS_MAX + 2] = { { .fd = stop_fd, .events = POLLIN },
			{ .fd = listener, .events = POLLIN } };

		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			polled[i + 2] = (struct pollfd){ .fd = connections[i].fd, .events = POLLIN };
		poll(polled, CONNECTIONS_MAX + 2, -1);
		if (polled[0].revents)
			return NULL;
		pthread_mutex_lock(&lock);
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (polled[i + 2].revents)
				receive(&connections[i]);
		if (polled[1].revents)
			take_connection();
		answer_waiting();
		pthread_mutex_unlock(&lock);
	}
}

int script_setup(void **state)
{
	int dead = bind_loopback(dead_origin, sizeof(dead_origin));

	(void)state;
	listener = bind_loopback(origin, sizeof(origin));
	close(dead); /* it was bound to get a port other than the listener's */
	assert_int_equal(listen(listener, CONNECTIONS_MAX), 0);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	reply_count = 0;
	gather = 1;
	accepted = 0;
	problems[0] = '\0';
	raised_on_request = NULL;
	buf_init(&heads, HEADS_MAX);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connections[i] = (struct script_connection){ .fd = -1 };
	budget_init(&script_budget, 100000);
	script_options = (struct hemera_options){
		.base_url = origin,
		.key = SCRIPT_KEY,
		.connections_max = 4,
		.connect_timeout_s = 5,
		.request_timeout_s = 30,
		.retries_max = 2,
		.budget = &script_budget,
		.deadline_mono_ms = time_mono_ms() + SCRIPT_PATIENCE_MS,
	};
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	return 0;
}

int script_teardown(void **state)
{
	(void)state;
	assert_int_equal(eventfd_write(stop_fd, 1), 0);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i].fd >= 0)
			drop(&connections[i]);
	close(listener);
	close(stop_fd);
	buf_done(&heads);
	while (text_count > 0)
		free(texts[--text_count]);
	return 0;
}

void script_add(struct script_reply reply)
{
	assert_true(reply_count < REPLIES_MAX);
	pthread_mutex_lock(&lock);
	replies[reply_count++] = reply;
	pthread_mutex_unlock(&lock);
}

void script_gather(unsigned requests)
{
	pthread_mutex_lock(&lock);
	gather = requests;
	pthread_mutex_unlock(&lock);
}

void script_on_request(atomic_bool *raised)
{
	pthread_mutex_lock(&lock);
	raised_on_request = raised;
	pthread_mutex_unlock(&lock);
}

const char *script_heads(void)
{
	const char *text;

	pthread_mutex_lock(&lock);
	text = buf_text(&heads);
	pthread_mutex_unlock(&lock);
	return text;
}

unsigned script_count(const char *path)
{
	CLEANUP(mem_freep) char *line = mem_printf("GET %s", path);
	unsigned count = 0;

	for (const char *at = script_heads(); (at = strstr(at, line)); at++)
		count++;
	return count;
}

unsigned script_connections(void)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = accepted;
	pthread_mutex_unlock(&lock);
	return count;
}

const char *script_dead_origin(void)
{
	return dead_origin;
}

void script_on_problem(void *arg, const char *entity, const struct error *problem)
{
	size_t length = strlen(problems);

	(void)arg;
	snprintf(problems + length, sizeof(problems) - length, "%s: %s\n", entity, problem->message);
}

const char *script_problems(void)
{
	return problems;
}

int script_read_list(struct hemera_list *ret_list, struct error *err)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;

	assert_int_equal(hemera_new(&client, &script_options, err), 0);
	return hemera_list(client, ret_list, script_on_problem, NULL, err);
}

static char *keep(char *text)
{
	assert_true(text_count < TEXTS_MAX);
	texts[text_count++] = text;
	return text;
}

char *script_list_body(unsigned from, unsigned to)
{
	CLEANUP(buf_done) struct buf body = BUF_INIT(HEMERA_LIST_BODY_MAX);

	buf_append_text(&body, "{\"success\":true,\"data\":[");
	for (unsigned i = from; i < to; i++)
		buf_printf(&body,
			"%s{\"id\":\"c%u\",\"title\":\"Kurs %u\",\"slug\":\"kurs-%u\",\"level\":\"BEGINNER\","
			"\"startDate\":null,\"endDate\":null,\"participantCount\":1}",
			i > from ? "," : "", i, i, i);
	buf_append_text(&body, "],\"meta\":{\"version\":\"1.0\"}}");
	assert_false(buf_overflowed(&body));
	return keep(buf_take(&body));
}

char *script_printf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	assert_true(vasprintf(&text, format, arguments) >= 0);
	va_end(arguments);
	return keep(text);
}
