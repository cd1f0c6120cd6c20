/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_SERVER_H
#define AITHER_HTTP_SERVER_H

/*
 * The event loop and HTTP/1.1 server, based on libh2o 2.2. It adds a limit of connections, a deadline for
 * writing, timers on the monotonic clock, and checks of the head (http/head.h). HTTP/2 is off. There is one
 * loop on one thread. http/server-convert.h translates between the library's messages and ours.
 *
 *	server_new(&server, &options, err);
 *	server_listen(server, fd);                 for each socket, made elsewhere
 *	server_watch(server, thread_queue_fd(q), on_message, app);
 *	while (server_is_running(server))
 *		server_turn(server);
 *	server_freep(&server);
 *
 * Each connection takes one of connections_max places. A client (an IPv4 address, or the first 64 bits of an
 * IPv6 address) may hold at most half of them. On loopback it may hold all of them, because a proxy there
 * serves many visitors. Places are scarce when more than three quarters are taken. Then:
 *  - every response closes its connection;
 *  - an idle connection or an unfinished request is closed after 0.5 s;
 *  - a connection whose client reads the response more slowly than 128 KB/s is closed after 0.7 s.
 * A place is free again when the kernel holds no more data for the connection, so that the number of places
 * limits the kernel's memory.
 *
 * Each connection is served once per turn of the loop, however many requests it has sent.
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
#define SERVER_REQUEST_TIMEOUT_S 10 /* idle time, headers and body together */
#define SERVER_WRITE_TIMEOUT_S 30   /* until the kernel has taken the whole response, however large */

struct server_options {
	const struct http_router *router; /* borrowed */
	unsigned connections_max;
};

int server_new(
	struct server **ret_server, const struct server_options *options, struct error *err); /* owned */
void server_freep(struct server **server);

void server_listen(struct server *server, int owned_fd);     /* a listening stream socket, TCP or unix */
void server_listen_web(struct server *server, int owned_fd); /* the same; clients are HTTP_PEER_WEB */

typedef void server_callback(void *arg);

/* Add all watches and timers before the first turn of the loop, then call server_check: it fails if the
 * system had no descriptor for one of them. Such a watch does nothing; such a timer is NULL, and setting it
 * does nothing. */

/* Calls back while the descriptor is readable. The descriptor is borrowed and must outlive the server. */
void server_watch(struct server *server, int fd, server_callback *callback, void *arg);

/* A timer on the monotonic clock (timerfd), for the life of the server. */
void server_every(struct server *server, unsigned interval_ms, server_callback *callback, void *arg);

/* A timer that fires once, delay_ms after it was set (0: not at all). The server owns it. */
struct server_watch *server_timer(struct server *server, server_callback *callback, void *arg);
void server_timer_set(struct server_watch *timer, unsigned delay_ms);

int server_check(const struct server *server, struct error *err);

bool server_is_running(const struct server *server);
void server_turn(struct server *server); /* one turn of the loop; blocks until something happens */

size_t server_connections(const struct server *server);
uint64_t server_refused(const struct server *server);  /* connections closed at once, see above */
uint64_t server_requests(const struct server *server); /* total */

/* Responses since the start, by method and status (100 to 599), without the library's own responses to bytes
 * that it cannot parse as a request. */
uint64_t server_answers(const struct server *server, enum http_method method, int status);

/* How long requests took: from the complete request until the kernel had taken the whole response, or the
 * client was gone. */
const struct metric_histogram *server_durations(const struct server *server);

/* Begins to end the server. It stops accepting at once (systemd keeps its sockets open, so that clients
 * queue), lets running requests end, and closes idle connections after a grace period of one second.
 * server_is_running turns false when that is done, at the latest after deadline_ms. */
void server_drain(struct server *server, unsigned deadline_ms);
bool server_is_draining(const struct server *server);

/* For the idle exit: if no client is connected or queued, closes the listeners and ends the loop. Otherwise
 * returns false and changes nothing. */
bool server_leave_if_idle(struct server *server);

#endif
