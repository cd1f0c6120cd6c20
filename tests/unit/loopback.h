/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_LOOPBACK_H
#define AITHER_TESTS_LOOPBACK_H

/*
 * A server with a few handlers and its clients, over real sockets in one thread: the client's calls run the
 * loop until the awaited event has happened, and alarm() ends a test that waits in vain. Shared by the
 * tests of http/server.h. Paths: /hello, /below/..., /echo (POST), /same (304), /large (4 MiB), /slow
 * (answered from a thread), /park (stored in `parked` for the test).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct http_pending;
struct server;
struct thread_queue;

struct app {
	struct server *server;
	struct thread_queue *queue;
	struct sockaddr_storage address;
	socklen_t address_length;
	struct http_pending *parked;
	unsigned handled, completed;
};

void app_start(struct app *app, unsigned connections_max);
void app_stop(struct app *app); /* waits for the threads */

int client_open(const struct app *app); /* owned */
void client_send(int fd, const char *text);
bool client_is_readable(int fd);

/* One response of fewer than `size` bytes, or the bytes received before the end of the connection. */
size_t client_read(struct app *app, int fd, bool is_head, char *ret, size_t size);
bool client_is_closed(struct app *app, int fd); /* waits for the end or for bytes */

/* A request on a new connection. */
void client_ask(struct app *app, const char *request, char *ret, size_t size);

void assert_answer(const char *answer, const char *expected);

#endif
