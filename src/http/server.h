/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_SERVER_H
#define AITHER_HTTP_SERVER_H

/*
 * The event loop and HTTP/1.1 server on libh2o 2.2, to which it adds a limit of connections, a deadline for
 * writing, timers on the monotonic clock, checks of the head (http/head.h). HTTP/2 is off. One
 * loop, one thread. http/server-convert.h translates between the library's messages and ours.
 *
 *	server_new(&server, &options, err);
 *	server_listen(server, fd);                 any number, sockets made elsewhere
 *	server_watch(server, thread_queue_fd(q), on_message, app);
 *	while (server_is_running(server))
 *		server_turn(server);
 *	server_freep(&server);
 *
 * A client (an IPv4 address, or the first 64 bits of an IPv6 address) may hold at most half of the places; on
 * loopback it may hold all of them, because a proxy there serves many visitors. Places are scarce when more
 * than three quarters are taken. Then every answer closes its connection. An idle connection or an unfinished
 * request is closed after 0.5 s, a connection whose client reads the answer more slowly than 128 KB/s after
 * 0.7 s. A place is free again when the kernel holds no data for it any more, so that the places bound the
 * kernel's memory.
 *
 * Each connection is served once in a turn of the loop, however many requests it has sent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

struct error;
struct http_router;
struct metric_histogram;
struct server;
struct server_watch;

#define SERVER_URL_MAX 4096         /* longer: 414 */
#define SERVER_HEADERS_MAX 16384    /* all request headers together; more: 431 */
#define SERVER_BODY_MAX 65536       /* no call of ours has a body; more: 413 */
#define SERVER_REQUEST_TIMEOUT_S 10 /* idle connection, header and body together */
#define SERVER_WRITE_TIMEOUT_S 30   /* a response, until the kernel has taken all of it, however large */

struct server_options {
	const struct http_router *router; /* borrowed */
	unsigned connections_max;
};

int server_new(
	struct server **ret_server, const struct server_options *options, struct error *err); /* owned */
void server_freep(struct server **server);

void server_listen(struct server *server, int owned_fd);     /* a listening stream socket, TCP or unix */
void server_listen_web(struct server *server, int owned_fd); /* the same; its clients are HTTP_PEER_WEB */

typedef void server_callback(void *arg);

/* Add all watches and timers before the first turn of the loop; server_check then says whether the system had
 * a descriptor for each. One without is not watched; such a timer is NULL, and setting it does nothing. */

/* Calls back while the descriptor is readable; it stays the caller's and must outlive the server. */
void server_watch(struct server *server, int fd, server_callback *callback, void *arg);

/* A timer on the monotonic clock (timerfd), for the life of the server. */
void server_every(struct server *server, unsigned interval_ms, server_callback *callback, void *arg);

/* A timer that is set when it is needed, and then fires once after delay_ms (0: not at all). The server's. */
struct server_watch *server_timer(struct server *server, server_callback *callback, void *arg);
void server_timer_set(struct server_watch *timer, unsigned delay_ms);

int server_check(const struct server *server, struct error *err);

bool server_is_running(const struct server *server);
void server_turn(struct server *server); /* one turn of the loop; blocks until something happens */

size_t server_connections(const struct server *server);
uint64_t server_refused(const struct server *server);  /* connections closed at once, see above */
uint64_t server_requests(const struct server *server); /* total */

/* Answers since the start, by method and status (100 to 599), without those of the library to bytes that it
 * cannot parse as a request. */
uint64_t server_answers(const struct server *server, enum http_method method, int status);

/* How long requests took: from when the request was complete until the kernel had taken the whole response,
 * or the client was gone. */
const struct metric_histogram *server_durations(const struct server *server);

/* Stops accepting at once (sockets that systemd gave stay open there, so clients queue), lets running
 * requests end, closes idle connections after a grace second, then server_is_running turns false; at
 * the latest after deadline_ms. */
void server_drain(struct server *server, unsigned deadline_ms);
bool server_is_draining(const struct server *server);

/* For the idle exit: closes the listeners and ends the loop if no client is connected or waits in their
 * queues; else returns false and changes nothing. */
bool server_leave_if_idle(struct server *server);

#endif
