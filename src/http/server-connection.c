/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/head.h"

static bool is_loopback(const struct sockaddr_storage *address)
{
	const void *bytes = address->ss_family == AF_INET
				    ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
				    : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

	return address_is_loopback(address->ss_family, bytes);
}

/* An IPv4 address as IPv6 writes it (::ffff:192.0.2.7), or a translator (64:ff9b::192.0.2.7, RFC 6052). Of
 * another IPv6 address the first half, because every subscriber has the whole second half. */
static struct in6_addr client_of(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	static const unsigned char translated[12] = { 0, 0x64, 0xff, 0x9b };
	struct in6_addr client = IN6ADDR_ANY_INIT;

	if (address->ss_family == AF_INET) {
		client.s6_addr[10] = client.s6_addr[11] = 0xff;
		memcpy(&client.s6_addr[12], &v4->sin_addr, sizeof(v4->sin_addr));
	} else if (address->ss_family == AF_INET6) {
		client = ((const struct sockaddr_in6 *)address)->sin6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&client) && memcmp(&client, translated, sizeof(translated)) != 0)
			memset(&client.s6_addr[8], 0, 8);
	}
	return client;
}

static void find_peer(struct connection *connection, const struct listener *listener)
{
	struct sockaddr_storage here = { .ss_family = AF_UNSPEC }, there = { .ss_family = AF_UNSPEC };

	if (listener->is_unix) {
		connection->peer = listener->is_web ? HTTP_PEER_WEB : HTTP_PEER_UNIX;
		return;
	}
	h2o_socket_getsockname(connection->socket, (struct sockaddr *)&here);
	h2o_socket_getpeername(connection->socket, (struct sockaddr *)&there);
	connection->peer = is_loopback(&here) && is_loopback(&there) ? HTTP_PEER_LOOPBACK : HTTP_PEER_REMOTE;
	connection->client = client_of(&there);
}

/* An IPv4 client of an IPv6 socket (::ffff:192.0.2.7) is known elsewhere by its IPv4 address. */
static void print_address(const struct sockaddr_storage *address, char ret_address[static HTTP_ADDRESS_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, ret_address, HTTP_ADDRESS_SIZE);
	else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret_address, HTTP_ADDRESS_SIZE);
	else if (address->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, ret_address, HTTP_ADDRESS_SIZE);
}

void http_request_address(const struct http_request *request, char ret_address[static HTTP_ADDRESS_SIZE])
{
	struct sockaddr_storage there = { .ss_family = AF_UNSPEC };

	ret_address[0] = '\0';
	if (!request->call || request->peer == HTTP_PEER_UNIX || request->peer == HTTP_PEER_WEB)
		return;
	h2o_socket_getpeername(request->call->connection->socket, (struct sockaddr *)&there);
	print_address(&there, ret_address);
}

static void connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	LIST_REMOVE(connection, link);
	if (connection->is_unhooked)
		LIST_REMOVE(connection, unhooked_link);
	free(connection);
	server->connection_count--;
	if (server->state == SERVER_RUNNING && server->listeners_rest)
		listeners_resume(server);
	if (server->state == SERVER_DRAINING && server->connection_count == 0)
		server->state = SERVER_ENDED;
}

/* Has the client not acknowledged everything yet, and might it still? An end alone (FIN) needs no memory. */
static bool has_unsent(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	int size = 0;

	if (ioctl(fd, SIOCOUTQ, &size) < 0 || size <= 1)
		return false;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state != TCP_CLOSE;
}

static void on_linger_readable(h2o_socket_t *socket, const char *err)
{
	char trash[16384];

	(void)err;
	ssize_t n = recv(h2o_socket_get_fd(socket), trash, sizeof(trash), MSG_DONTWAIT);
	if (n == 0 && has_unsent(h2o_socket_get_fd(socket)))
		h2o_socket_read_stop(socket); /* it sends no more, but may still read */
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		h2o_socket_close(socket);
}

static bool should_linger(const struct connection *connection, int fd)
{
	if (fd < 0 || connection->given_up || connection->server->state == SERVER_ENDED)
		return false;
	/* While the server drains, the kernel may deliver the rest alone: there will not be more of it. */
	return connection->refused || (connection->server->state == SERVER_RUNNING && has_unsent(fd));
}

/* The library has closed its descriptor; the connection ends with the spare one. This keeps its place until
 * the client has what we sent: else clients that ask, close and read nothing could leave any amount of it
 * behind in the kernel, which counts it as our memory. */
static void on_closed(void *arg)
{
	struct connection *connection = arg;
	int fd = file_steal(&connection->spare_fd);

	if (!should_linger(connection, fd)) {
		file_closep(&fd);
		connection_free(connection);
		return;
	}
	connection_enter(connection, CONNECTION_LINGERING);
	shutdown(fd, SHUT_WR);
	connection->socket =
		h2o_evloop_socket_create(connection->server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	connection->socket->on_close.cb = on_closed;
	connection->socket->on_close.data = connection;
	h2o_socket_read_start(connection->socket, on_linger_readable);
}

static void choose_room(const struct connection *connection, size_t others)
{
	int size = others < SERVER_FEW ? SERVER_SEND_BUFFER_FEW : SERVER_SEND_BUFFER_MANY;

	if (others < SERVER_FEW || others >= SERVER_MANY)
		setsockopt(h2o_socket_get_fd(connection->socket), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

bool connections_are_scarce(const struct server *server)
{
	return server->listeners_rest || server->connection_count > server->connections_max * 3 / 4;
}

/* Does the client hold half of all places already? Never on loopback, where a proxy serves many visitors. */
static bool holds_half(const struct connection *newcomer)
{
	const struct server *server = newcomer->server;
	size_t half = (server->connections_max + 1) / 2, count = 0;
	const struct connection *connection;

	if (newcomer->peer != HTTP_PEER_REMOTE || server->connection_count < half)
		return false;
	LIST_FOREACH (connection, &server->connections, link)
		count += memcmp(&connection->client, &newcomer->client, sizeof(newcomer->client)) == 0;
	return count >= half;
}

void connection_open(struct listener *listener, h2o_socket_t *socket)
{
	struct server *server = listener->server;
	struct connection *connection = mem_zalloc(sizeof(*connection));

	connection->server = server;
	connection->socket = socket;
	find_peer(connection, listener);
	if (holds_half(connection)) {
		server->refused++;
		h2o_socket_close(socket);
		free(connection);
		return;
	}
	connection->spare_fd = listener->is_unix ? -1 : fcntl(h2o_socket_get_fd(socket), F_DUPFD_CLOEXEC, 3);
	connection_enter(connection, CONNECTION_READING);
	LIST_INSERT_HEAD(&server->connections, connection, link);
	choose_room(connection, server->connection_count++);
	connections_want_sweep(
		server, connections_are_scarce(server) ? SERVER_SCARCE_SWEEP_MS : SERVER_SWEEP_MS);
	/* The one place of the socket that the library leaves to us. */
	socket->on_close.cb = on_closed;
	socket->on_close.data = connection;
	h2o_accept(&server->accept, socket);
	connection_unhook(connection);
}

void connection_keep_size(struct connection *connection, size_t body_length)
{
	const h2o_buffer_t *input = connection->socket->input;
	const char *end = memmem(input->bytes, input->size, "\r\n\r\n", 4);

	connection->request_size = end ? (size_t)(end + 4 - input->bytes) + body_length : 0;
}

void connection_check_next(struct connection *connection)
{
	h2o_buffer_t *input = connection->socket->input;
	size_t size = connection->request_size;

	connection->request_size = 0;
	connection->refusal = 0;
	if (size > 0 && size < input->size)
		connection->refusal = head_disarm(input->bytes + size, input->size - size);
}

/* The library answers Expect and waits for the end of a body before any handler is called. So the head passes
 * here first; that of a request that came in one piece with the one before it has passed
 * connection_check_next. */
static void on_readable(h2o_socket_t *socket, const char *err)
{
	struct connection *connection = socket->on_close.data;

	if (!err && connection->phase == CONNECTION_READING && !connection->refusal)
		connection->refusal = head_disarm(socket->input->bytes, socket->input->size);
	connection->library_read(socket, err);
}

void connection_unhook(struct connection *connection)
{
	if (!connection->is_unhooked)
		LIST_INSERT_HEAD(&connection->server->unhooked, connection, unhooked_link);
	connection->is_unhooked = true;
}

void connections_hook(struct server *server)
{
	struct connection *connection;

	while ((connection = LIST_FIRST(&server->unhooked))) {
		LIST_REMOVE(connection, unhooked_link);
		connection->is_unhooked = false;
		h2o_socket_cb *read = &connection->socket->_cb.read;
		if (connection->phase == CONNECTION_READING && *read && *read != on_readable) {
			connection->library_read = *read;
			*read = on_readable;
		}
	}
}

struct connection *connection_of(h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

void connection_enter(struct connection *connection, enum connection_phase phase)
{
	connection->phase = phase;
	connection->since_ms = time_mono_ms();
}

/* Closing a socket with unread bytes resets the connection, and the reset may overtake the answer: a client
 * that sends a large body would never see its 413. So the spare descriptor reads on for a while. */
void connection_linger(struct connection *connection)
{
	connection->refused = true;
	if (connection->spare_fd < 0)
		connection->spare_fd = fcntl(h2o_socket_get_fd(connection->socket), F_DUPFD_CLOEXEC, 3);
}

/* How much of a large body the client has acknowledged; what the kernel keeps for it does not count. */
static uint64_t bytes_taken(const struct connection *connection)
{
	int queued = 0;

	if (!connection->call || ioctl(h2o_socket_get_fd(connection->socket), SIOCOUTQ, &queued) < 0)
		return 0;
	return connection->call->sent > queued ? (uint64_t)(connection->call->sent - queued) : 0;
}

/* How long the phase may last. While places are scarce, slow clients must not keep theirs for long. */
static uint64_t phase_limit_ms(const struct connection *connection)
{
	bool scarce = connections_are_scarce(connection->server);

	switch (connection->phase) {
	case CONNECTION_READING: /* from the end of the last response to the end of the next request */
		return scarce ? SERVER_SCARCE_REQUEST_MS : SERVER_REQUEST_TIMEOUT_S * 1000;
	case CONNECTION_HANDLING:
		return connection->server->may_wait ? UINT64_MAX : SERVER_WRITE_TIMEOUT_S * 1000;
	case CONNECTION_WRITING:
		return scarce ? SERVER_SCARCE_WRITE_MS + bytes_taken(connection) / SERVER_SCARCE_RATE
			      : SERVER_WRITE_TIMEOUT_S * 1000;
	case CONNECTION_LINGERING:
		if (has_unsent(h2o_socket_get_fd(connection->socket)))
			return scarce ? SERVER_SCARCE_WRITE_MS : SERVER_WRITE_TIMEOUT_S * 1000;
		break;
	}
	return scarce ? SERVER_SCARCE_REQUEST_MS : SERVER_LINGER_MS;
}

static bool is_over(const struct connection *connection, uint64_t now)
{
	return now - connection->since_ms > phase_limit_ms(connection);
}

/* Idle, and the server is about to end? */
static bool may_go_home(const struct connection *connection, uint64_t now)
{
	const struct server *server = connection->server;

	return server->state == SERVER_DRAINING && connection->phase == CONNECTION_READING &&
	       connection->socket->input->size == 0 && now - server->drain_began_ms >= SERVER_DRAIN_GRACE_MS;
}

/* What the client did not take, the kernel throws away with a reset; else it would go on trying. */
static void give_up(struct connection *connection)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	int fd = h2o_socket_get_fd(connection->socket);

	connection->given_up = true;
	if (has_unsent(fd))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (connection->phase == CONNECTION_LINGERING)
		h2o_socket_close(connection->socket);
	else
		shutdown(fd, SHUT_RDWR);
}

/* Idle ones are shut for reading only: a request that has reached the kernel is still read then, and its
 * answer can be sent. */
static void connection_check(struct connection *connection, uint64_t now)
{
	int fd = h2o_socket_get_fd(connection->socket);

	if (connection->phase == CONNECTION_LINGERING && !should_linger(connection, fd))
		h2o_socket_close(connection->socket);
	else if (is_over(connection, now) && connection->phase == CONNECTION_READING)
		shutdown(fd, connection->socket->input->size > 0 ? SHUT_RDWR : SHUT_RD);
	else if (is_over(connection, now))
		give_up(connection);
	else if (may_go_home(connection, now))
		shutdown(fd, SHUT_RD);
}

static void for_each_connection(
	struct server *server, void (*action)(struct connection *, uint64_t), uint64_t argument)
{
	struct connection *connection = LIST_FIRST(&server->connections);

	while (connection) {
		struct connection *next = LIST_NEXT(connection, link);
		action(connection, argument);
		connection = next;
	}
}

void connections_sweep(void *arg)
{
	struct server *server = arg;
	uint64_t now = time_mono_ms();

	for_each_connection(server, connection_check, now);
	if (server->listeners_rest && server->connection_count < server->connections_max)
		listeners_resume(server);
	if (server->state == SERVER_DRAINING && now >= server->drain_ends_ms)
		server->state = SERVER_ENDED;
	if (connections_are_scarce(server) || server->state != SERVER_RUNNING)
		return;
	if (server->connection_count == 0)
		watch_repeat(server->sweep, server->sweep_ms = 0);
	else if (server->sweep_ms < SERVER_SWEEP_MS)
		watch_repeat(server->sweep, server->sweep_ms = SERVER_SWEEP_MS);
}

static size_t unread_input(const struct connection *connection)
{
	return connection->phase == CONNECTION_READING ? connection->socket->input->size : 0;
}

static void connection_limit_input(struct connection *connection, uint64_t size_max)
{
	h2o_socket_t *socket = connection->socket;

	if (unread_input(connection) <= size_max)
		return;
	/* Shutting it down would not keep the library from reading what the kernel has; a failure does. */
	if (socket->_cb.read)
		socket->_cb.read(socket, "too much input");
	else
		shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
}

/* The library lets every connection fill 400 KiB with headers that do not end: a thousand of them would take
 * more memory than the unit may have, within a second. */
void connections_check_input(struct server *server)
{
	struct connection *connection;
	uint64_t now = time_mono_ms();
	size_t total = 0;

	if (now - server->input_checked_ms < SERVER_INPUT_CHECK_MS)
		return;
	server->input_checked_ms = now;
	LIST_FOREACH (connection, &server->connections, link)
		total += unread_input(connection);
	for_each_connection(server, connection_limit_input,
		total > SERVER_INPUT_TOTAL_MAX ? SERVER_INPUT_FAIR : SERVER_INPUT_MAX);
}

/* Nobody there, nothing to sweep: an idle daemon does not wake up. */
void connections_want_sweep(struct server *server, unsigned interval_ms)
{
	if (server->sweep_ms == 0 || server->sweep_ms > interval_ms)
		watch_repeat(server->sweep, server->sweep_ms = interval_ms);
}

static void connection_abort(struct connection *connection, uint64_t now)
{
	(void)now;
	shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
	if (connection->phase == CONNECTION_HANDLING && connection->call)
		call_abort(connection->call);
	else if (connection->phase == CONNECTION_LINGERING)
		h2o_socket_close(connection->socket);
}

void connections_abort(struct server *server)
{
	for_each_connection(server, connection_abort, 0);
}
