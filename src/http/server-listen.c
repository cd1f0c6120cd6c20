/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

#define ACCEPTS_PER_TURN 64 /* those who are connected already get their turn too */

static void on_acceptable(h2o_socket_t *socket, const char *err)
{
	struct listener *listener = socket->data;
	struct server *server = listener->server;

	if (err)
		return;
	for (int i = 0; i < ACCEPTS_PER_TURN && server->connection_count < server->connections_max; i++) {
		h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
		if (!accepted) {
			/* Out of descriptors or memory: asking again at once would keep a processor busy. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				listeners_rest(server);
			return;
		}
		connection_open(listener, accepted);
	}
	if (server->connection_count >= server->connections_max)
		listeners_rest(server);
}

/* Accepted sockets inherit these: the kernel drops a client that acknowledges nothing any more, and keeps
 * little for one that reads nothing, or sends more than we read. */
static void limit_clients(int fd)
{
	unsigned give_up_ms = SERVER_WRITE_TIMEOUT_S * 1000;
	int send_buffer = SERVER_SEND_BUFFER;
	int receive_buffer = SERVER_RECEIVE_BUFFER;

	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof(give_up_ms));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
}

static void listen_on(struct server *server, int owned_fd, bool is_web)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);

	getsockname(owned_fd, (struct sockaddr *)&address, &length);
	listener->is_unix = address.ss_family == AF_UNIX;
	listener->is_web = is_web;
	if (!listener->is_unix)
		limit_clients(owned_fd);
	listener->server = server;
	listener->socket = h2o_evloop_socket_create(server->loop, owned_fd, H2O_SOCKET_FLAG_DONT_READ);
	listener->socket->data = listener;
	LIST_INSERT_HEAD(&server->listeners, listener, link);
	if (!server->listeners_rest)
		h2o_socket_read_start(listener->socket, on_acceptable);
}

void server_listen(struct server *server, int owned_fd)
{
	listen_on(server, owned_fd, false);
}

void server_listen_web(struct server *server, int owned_fd)
{
	listen_on(server, owned_fd, true);
}

size_t server_listener_count(const struct server *server)
{
	const struct listener *listener;
	size_t count = 0;

	LIST_FOREACH (listener, &server->listeners, link)
		count++;
	return count;
}

/* The sweep wakes them; or, earlier, a connection that ends. */
void listeners_rest(struct server *server)
{
	struct listener *listener;

	server->listeners_rest = true;
	LIST_FOREACH (listener, &server->listeners, link)
		h2o_socket_read_stop(listener->socket);
	connections_want_sweep(server, SERVER_SCARCE_SWEEP_MS);
}

void listeners_resume(struct server *server)
{
	struct listener *listener;

	server->listeners_rest = false;
	LIST_FOREACH (listener, &server->listeners, link)
		h2o_socket_read_start(listener->socket, on_acceptable);
}

bool listeners_have_waiting(const struct server *server)
{
	const struct listener *listener;

	LIST_FOREACH (listener, &server->listeners, link) {
		struct pollfd entry = { .fd = h2o_socket_get_fd(listener->socket), .events = POLLIN };
		if (poll(&entry, 1, 0) != 0)
			return true;
	}
	return false;
}

void listeners_close(struct server *server)
{
	struct listener *listener;

	while ((listener = LIST_FIRST(&server->listeners))) {
		LIST_REMOVE(listener, link);
		h2o_socket_close(listener->socket);
		free(listener);
	}
}
