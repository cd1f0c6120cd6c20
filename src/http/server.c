/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <h2o.h>

#include "base/address.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/head.h"
#include "http/list.h"
#include "http/router.h"
#include "http/server-convert.h"
#include "net/metric.h"

/*
 * A request passes, roughly from bottom to top of this file:
 *
 *	on_acceptable, connection_open    a place for the client
 *	on_readable                       checks the head, then the library parses it
 *	on_request, handle                our request; the router calls its handler
 *	respond, send_more                our response; the library or sendfile sends it
 *	on_request_gone                   the library has released the request, the next may come
 *	on_closed                         the library has closed its socket
 *
 * check_deadline and check_input end connections that take too long or send too much.
 */

#define RESERVED_FDS 128    /* 64 calls to the worker, journal, event loop, files */
#define SWEEP_MS 250        /* interval between checks of deadlines */
#define DRAIN_GRACE_MS 1000 /* for clients that are about to use their idle connection */
#define ACCEPTS_PER_TURN 64 /* so that connected clients get their turn, too */
#define CLOSING_TURNS 16    /* of the loop, until the end of every aborted connection has been noticed */
/* The lifetime of an idle connection or an unfinished request while places are scarce. It is long enough for
 * a lost packet to be sent again, unless the client is very far away. */
#define SCARCE_REQUEST_MS 500
#define SCARCE_WRITE_MS 700 /* the same for a response, */
#define SCARCE_RATE 128     /* plus a millisecond for each 128 bytes that the client has taken */
#define LINGER_MS 2000      /* for a client that continues to send a refused request */
/* The kernel would keep up to 4 MiB for each slow reader, and counts it as our memory. (It takes up to twice
 * the size that is set here, and a segment.) Each of the first few connections may have a page of 500 courses
 * in its buffer, which saves a tenth of the processor time of sending it; if there are many, they have
 * less. With a thousand clients that read nothing and send as much as they can, the kernel holds 110 MiB,
 * their requests take 32 MiB, and this process 60 MiB. aither.service has 256 MiB. */
#define SEND_BUFFER (64 << 10) /* with less, loopback and its segments of 64 KiB stall */
#define SEND_BUFFER_FEW (256 << 10)
#define SERVER_FEW 32 /* connections */
#define SEND_BUFFER_MANY (16 << 10)
#define SERVER_MANY 256           /* so many connections come from a network, not from a proxy here */
#define RECEIVE_BUFFER (16 << 10) /* the kernel would keep up to 6 MiB that we have not read yet */
#define INPUT_MAX (128u << 10)    /* a request within all limits needs 84 KiB */
/* For all unfinished requests together. If they exceed it, each may still have INPUT_FAIR, enough for headers
 * and URL within their limits. */
#define INPUT_TOTAL_MAX (32u << 20)
#define INPUT_FAIR (20u << 10)
#define INPUT_CHECK_MS 20 /* a fast network delivers a few MiB in this time */

#define METHODS 4 /* the number of constants of enum http_method */
#define STATUS_MIN 100
#define STATUSES 500

struct server_watch {
	LIST_ENTRY(server_watch) link;
	h2o_socket_t *socket;
	server_callback *callback;
	void *arg;
	bool is_timer;
};

struct listener {
	LIST_ENTRY(listener) link;
	h2o_socket_t *socket;
	struct server *server;
	bool is_unix, is_web;
};

enum connection_phase {
	CONNECTION_READING,   /* idle, or a request is arriving */
	CONNECTION_HANDLING,  /* the handler has not answered yet */
	CONNECTION_WRITING,   /* until the kernel has taken the response */
	CONNECTION_LINGERING, /* closed, but the kernel or a refused client still sends; see on_closed */
};

/* One client's connection and its current request: HTTP/1 has one at a time. The server owns it. */
struct connection {
	LIST_ENTRY(connection) link;
	struct server *server;
	h2o_socket_t *socket; /* the library's; ours while lingering */
	enum http_peer peer;
	struct in6_addr client; /* its address, for holds_half */
	enum connection_phase phase;
	uint64_t since_ms; /* when the phase began */
	uint64_t turn;     /* the turn of the loop in which it was last served */
	int spare_fd;      /* a descriptor of the same socket that outlives the library's; -1: none */
	bool refused;      /* a request was refused; the client may still be sending it */
	bool given_up;     /* nothing more is sent */

	h2o_socket_cb library_read; /* called by on_readable */
	LIST_ENTRY(connection) unhooked_link;
	bool is_unhooked;
	int refusal;         /* status that refuses the current or arriving request; 0: none */
	size_t request_size; /* of the current request in socket->input; 0: not known */
	uint64_t began_ms;   /* when the current request was complete */

	h2o_req_t *req; /* NULL: no request; else the library's, whose pool owns what `request` points to */
	struct http_request request;
	struct http_pending *pending; /* NULL: the handler does not owe a response */
	struct http_body *body;       /* kept until it is sent */
	off_t sent;                   /* bytes of a body with a file */
	TAILQ_ENTRY(connection) waiting_link;
	bool is_waiting;
};

struct http_pending {                  /* owned by the application, which calls http_complete */
	struct connection *connection; /* NULL: the client has gone */
	char request_id[HTTP_REQUEST_ID_SIZE];
};

struct server {
	const struct http_router *router;
	unsigned connections_max;

	h2o_evloop_t *loop;
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept;

	LIST_HEAD(, server_watch) watches;
	int watch_errnum; /* why a watch could not be made; 0: all exist */
	LIST_HEAD(, listener) listeners;
	bool listeners_rest;
	LIST_HEAD(, connection) connections;
	size_t connection_count;
	uint64_t refused;                 /* connections of clients that had too many */
	LIST_HEAD(, connection) unhooked; /* the library may have set another callback for reading */
	TAILQ_HEAD(, connection) waiting; /* their next request waits for the next turn */
	uint64_t turn;                    /* of the loop */
	struct server_watch *sweep;
	bool is_sweeping;

	enum { SERVER_RUNNING, SERVER_DRAINING, SERVER_ENDED } state;
	uint64_t drain_began_ms, drain_ends_ms;
	uint64_t input_checked_ms;
	uint64_t requests;
	uint64_t answers[METHODS][STATUSES];
	struct metric_histogram durations;
};

/* ---- descriptors and timers ---- */

static void on_watch_readable(h2o_socket_t *socket, const char *err)
{
	struct server_watch *watch = socket->data;
	uint64_t expirations;

	(void)err;
	/* If the timer was set again after it fired, there is nothing to read. */
	if (watch->is_timer && read(h2o_socket_get_fd(socket), &expirations, sizeof(expirations)) < 0)
		return;
	watch->callback(watch->arg);
}

/* Takes ownership of fd. If it is -1, server_check will fail with the current errno. */
static struct server_watch *watch_new(
	struct server *server, int fd, bool is_timer, server_callback *callback, void *arg)
{
	if (fd < 0) {
		if (server->watch_errnum == 0)
			server->watch_errnum = errno;
		return NULL;
	}
	struct server_watch *watch = mem_zalloc(sizeof(*watch));
	/* Without DONT_READ the library would read from the descriptor. */
	watch->socket = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
	watch->socket->data = watch;
	watch->callback = callback;
	watch->arg = arg;
	watch->is_timer = is_timer;
	LIST_INSERT_HEAD(&server->watches, watch, link);
	h2o_socket_read_start(watch->socket, on_watch_readable);
	return watch;
}

void server_watch(struct server *server, int fd, server_callback *callback, void *arg)
{
	/* A copy, because the library closes what it watches. */
	watch_new(server, fcntl(fd, F_DUPFD_CLOEXEC, 3), false, callback, arg);
}

struct server_watch *server_timer(struct server *server, server_callback *callback, void *arg)
{
	return watch_new(
		server, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), true, callback, arg);
}

static void timer_set(struct server_watch *timer, unsigned first_ms, unsigned interval_ms)
{
	struct itimerspec setting = {
		.it_value = { .tv_sec = first_ms / 1000, .tv_nsec = (long)(first_ms % 1000) * 1000000 },
		.it_interval = { .tv_sec = interval_ms / 1000,
			.tv_nsec = (long)(interval_ms % 1000) * 1000000 },
	};

	if (timer)
		timerfd_settime(h2o_socket_get_fd(timer->socket), 0, &setting, NULL);
}

void server_timer_set(struct server_watch *timer, unsigned delay_ms)
{
	timer_set(timer, delay_ms, 0);
}

void server_every(struct server *server, unsigned interval_ms, server_callback *callback, void *arg)
{
	timer_set(server_timer(server, callback, arg), interval_ms, interval_ms);
}

int server_check(const struct server *server, struct error *err)
{
	if (server->watch_errnum == 0)
		return 0;
	return error_set(
		err, -server->watch_errnum, "cannot watch a descriptor: %s", strerror(server->watch_errnum));
}

/* ---- pauses of listeners ---- */

static void on_acceptable(h2o_socket_t *socket, const char *err);

/* An idle daemon does not wake up: the sweep runs only while there are connections to check. */
static void sweep_set(struct server *server, bool is_on)
{
	if (server->is_sweeping != is_on)
		timer_set(server->sweep, is_on ? SWEEP_MS : 0, is_on ? SWEEP_MS : 0);
	server->is_sweeping = is_on;
}

/* Pauses the listeners until a connection ends or the next sweep. */
static void listeners_rest(struct server *server)
{
	struct listener *listener;

	server->listeners_rest = true;
	LIST_FOREACH (listener, &server->listeners, link)
		h2o_socket_read_stop(listener->socket);
	sweep_set(server, true);
}

static void listeners_resume(struct server *server)
{
	struct listener *listener;

	server->listeners_rest = false;
	LIST_FOREACH (listener, &server->listeners, link)
		h2o_socket_read_start(listener->socket, on_acceptable);
}

static void listeners_close(struct server *server)
{
	struct listener *listener;

	while ((listener = LIST_FIRST(&server->listeners))) {
		LIST_REMOVE(listener, link);
		h2o_socket_close(listener->socket);
		free(listener);
	}
}

static bool is_scarce(const struct server *server)
{
	return server->listeners_rest || server->connection_count > server->connections_max * 3 / 4;
}

/* ---- the end of a connection ---- */

static void connection_enter(struct connection *connection, enum connection_phase phase)
{
	connection->phase = phase;
	connection->since_ms = time_mono_ms();
}

/* Is there data that the client may still acknowledge? A FIN alone needs no memory. */
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
		h2o_socket_read_stop(socket); /* the client sends no more, but may still read */
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		h2o_socket_close(socket);
}

static bool should_linger(const struct connection *connection, int fd)
{
	if (fd < 0 || connection->given_up || connection->server->state == SERVER_ENDED)
		return false;
	/* While the server drains, the kernel may deliver the rest on its own: no new connections come. */
	return connection->refused || (connection->server->state == SERVER_RUNNING && has_unsent(fd));
}

/* The socket has been closed, by the library or by us. The connection ends with its spare descriptor. It
 * keeps its place until the client has received the response. Otherwise clients that send a request, close
 * and read nothing could leave any amount of data in the kernel, which counts it as our memory. */
static void on_closed(void *arg)
{
	struct connection *connection = arg;
	struct server *server = connection->server;
	int fd = file_steal(&connection->spare_fd);

	if (should_linger(connection, fd)) {
		connection_enter(connection, CONNECTION_LINGERING);
		shutdown(fd, SHUT_WR);
		connection->socket = h2o_evloop_socket_create(server->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
		connection->socket->on_close.cb = on_closed;
		connection->socket->on_close.data = connection;
		h2o_socket_read_start(connection->socket, on_linger_readable);
		return;
	}
	file_closep(&fd);
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

/* ---- the response ---- */

static void cork(const struct connection *connection, int on)
{
	setsockopt(h2o_socket_get_fd(connection->socket), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* The library writes from memory, so the kernel copies every byte of a body; sendfile passes it the pages
 * instead. The library sends the head and believes that an empty body follows. Until the last h2o_send it
 * neither reads from the socket nor writes to it.
 *
 * Sends once per turn of the loop: a client that reads as fast as we send must not keep the others waiting,
 * and trying again at once costs more than waiting. */
static void send_more(h2o_socket_t *socket, const char *err)
{
	struct connection *connection = socket->on_close.data;
	size_t length = connection->body->length;

	(void)err; /* sendfile returns the error again */
	ssize_t n = sendfile(h2o_socket_get_fd(socket), connection->body->file, &connection->sent,
		length - (size_t)connection->sent);
	bool is_whole = (size_t)connection->sent == length;
	if (!is_whole && (n > 0 || (n < 0 && errno == EAGAIN))) {
		h2o_socket_notify_write(socket, send_more);
		return;
	}
	cork(connection, 0);
	if (!is_whole)
		connection->req->http1_is_persistent = 0;
	h2o_send(connection->req, NULL, 0, H2O_SEND_STATE_FINAL); /* on_request_gone */
}

static struct connection *connection_of(h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static void on_head_sent(h2o_generator_t *generator, h2o_req_t *req)
{
	(void)generator;
	send_more(connection_of(req)->socket, NULL);
}

/* Fills in the library's response. Takes ownership of the body; ret_body is the part to send from memory. */
static void begin_response(
	struct connection *connection, struct http_response *response, h2o_iovec_t *ret_body)
{
	struct server *server = connection->server;
	h2o_req_t *req = connection->req;

	convert_response(req, response, connection->request.request_id);
	if (req->res.status >= STATUS_MIN && req->res.status < STATUS_MIN + STATUSES)
		server->answers[__builtin_ctz(connection->request.method)][req->res.status - STATUS_MIN]++;
	/* After a refusal it is not certain where the next request would begin. */
	if (connection->refused || server->state != SERVER_RUNNING || is_scarce(server))
		req->http1_is_persistent = 0;
	connection->body = STEAL(response->body);
	*ret_body = (h2o_iovec_t){ NULL, 0 };
	if (connection->body && connection->request.method != HTTP_HEAD &&
		req->res.content_length != SIZE_MAX)
		*ret_body = h2o_iovec_init(connection->body->bytes, connection->body->length);
	connection_enter(connection, CONNECTION_WRITING);
}

static void respond(struct connection *connection, struct http_response *response)
{
	static h2o_generator_t memory = { NULL, NULL }, file = { on_head_sent, NULL };
	h2o_req_t *req = connection->req;
	h2o_iovec_t body;

	begin_response(connection, response, &body);
	if (body.len > 0 && connection->body->file >= 0) {
		cork(connection, 1); /* otherwise the head would be sent in a packet of its own */
		h2o_start_response(req, &file);
		h2o_send(req, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
		return;
	}
	h2o_start_response(req, &memory);
	/* The request, perhaps even the connection, may be gone when this returns. */
	h2o_send(req, &body, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

static void detach_pending(struct connection *connection)
{
	if (connection->pending)
		connection->pending->connection = NULL;
	connection->pending = NULL;
}

struct http_pending *http_later(const struct http_request *request)
{
	struct http_pending *pending = mem_zalloc(sizeof(*pending));

	pending->connection = request->connection;
	memcpy(pending->request_id, request->request_id, strlen(request->request_id) + 1);
	request->connection->pending = pending;
	return pending;
}

const char *http_pending_request_id(const struct http_pending *pending)
{
	return pending->request_id;
}

void http_complete(struct http_pending *pending, struct http_response *response)
{
	struct connection *connection = pending->connection;

	if (connection) {
		detach_pending(connection);
		respond(connection, response);
	}
	free(pending);
	http_response_done(response);
}

/* ---- the request ---- */

/* To be called before the library begins to read the next request; see hook_readers. */
static void connection_unhook(struct connection *connection)
{
	if (!connection->is_unhooked)
		LIST_INSERT_HEAD(&connection->server->unhooked, connection, unhooked_link);
	connection->is_unhooked = true;
}

/* The library releases the request, because it was answered or because the connection has ended. */
static void on_request_gone(void *arg)
{
	struct connection *connection = *(struct connection **)arg;
	h2o_buffer_t *input = connection->socket->input;
	size_t size = connection->request_size;

	if (connection->is_waiting)
		TAILQ_REMOVE(&connection->server->waiting, connection, waiting_link);
	connection->is_waiting = false;
	detach_pending(connection);
	http_body_unref(STEAL(connection->body));
	connection->sent = 0;
	connection->req = NULL;
	connection_enter(connection, CONNECTION_READING);
	metric_observe(&connection->server->durations, connection->since_ms - connection->began_ms);
	/* If the library has read the next request already, it does not call on_readable for it. */
	connection->request_size = 0;
	connection->refusal =
		size > 0 && size < input->size ? head_check(input->bytes + size, input->size - size) : 0;
	connection_unhook(connection);
}

/* Converts the library's request to ours, and decides whether to refuse it: because of its head (which was
 * usually checked when it arrived), because the library refuses it (library_status; 0: it accepts the
 * request), or because it cannot be converted. */
static void begin_request(struct connection *connection, h2o_req_t *req, int library_status)
{
	/* The only object whose release the library reports for every request. */
	struct connection **owner = h2o_mem_alloc_shared(&req->pool, sizeof(*owner), on_request_gone);
	const h2o_buffer_t *input = connection->socket->input;

	*owner = connection;
	connection->req = req;
	connection->began_ms = time_mono_ms();
	connection->server->requests++;
	int convert_status = convert_request(req, &connection->request);
	connection->request.peer = connection->peer;
	connection->request.connection = connection;
	if (connection->refusal == 0)
		connection->refusal = head_check(input->bytes, input->size);
	if (connection->refusal == 0)
		connection->refusal = library_status ? library_status : convert_status;
}

/* Closing a socket with unread bytes resets the connection, and the reset may overtake the response: a client
 * that sends a large body would never see its 413. Therefore we read on for a while from the spare
 * descriptor. */
static void refuse(struct connection *connection, struct http_response *response)
{
	router_fail(connection->server->router, &connection->request, response, connection->refusal);
	response->status = connection->refusal;
	connection->refused = true;
	if (connection->spare_fd < 0)
		connection->spare_fd = fcntl(h2o_socket_get_fd(connection->socket), F_DUPFD_CLOEXEC, 3);
}

static void handle(struct connection *connection)
{
	const h2o_buffer_t *input = connection->socket->input;
	struct http_request *request = &connection->request;
	struct http_response response = { 0 };
	enum http_result result = HTTP_DONE;

	connection->turn = connection->server->turn;
	/* The library honours "close" only if it is the whole value. */
	if (list_has(http_request_header(request, "connection"), "close"))
		connection->req->http1_is_persistent = 0;
	if (connection->refusal) {
		refuse(connection, &response);
	} else {
		const char *end = memmem(input->bytes, input->size, "\r\n\r\n", 4);
		connection->request_size = end ? (size_t)(end + 4 - input->bytes) + request->body_length : 0;
		result = router_dispatch(connection->server->router, request, &response);
	}
	/* After HTTP_LATER the request may be answered and gone already. */
	if (result == HTTP_DONE)
		respond(connection, &response);
	http_response_done(&response);
}

/* The library handles pipelined requests of one connection until there are none left, and only then returns
 * to the loop. We answer one request per connection and turn, so that other connections need not wait. */
static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
	struct connection *connection = connection_of(req);
	struct server *server = connection->server;

	(void)handler;
	begin_request(connection, req, 0);
	connection_enter(connection, CONNECTION_HANDLING);
	if (connection->turn == server->turn) {
		TAILQ_INSERT_TAIL(&server->waiting, connection, waiting_link);
		connection->is_waiting = true;
	} else {
		handle(connection);
	}
	return 0;
}

struct replacement {
	h2o_ostream_t super;
	h2o_iovec_t body;
};

static void replacement_send(
	h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *buffers, size_t count, h2o_send_state_t state)
{
	struct replacement *replacement = (struct replacement *)stream;

	(void)buffers;
	(void)count;
	h2o_ostream_send_next(stream, req, &replacement->body, replacement->body.len > 0 ? 1 : 0, state);
}

/* The library refuses some requests before it calls on_request (413, a broken chunk, an unknown expectation).
 * Its status stays, unless the head was refused before; request id and body become ours. */
static void on_setup_ostream(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
	struct connection *connection = connection_of(req);

	(void)filter;
	if (connection->phase == CONNECTION_READING) {
		struct http_response response = { 0 };

		begin_request(connection, req, req->res.status);
		refuse(connection, &response);

		struct replacement *replacement = (void *)h2o_add_ostream(req, sizeof(*replacement), slot);
		replacement->super.do_send = replacement_send;
		begin_response(connection, &response, &replacement->body);
		slot = &replacement->super.next;
		http_response_done(&response);
	}
	h2o_setup_next_ostream(req, slot);
}

/* ---- the beginning of a connection ---- */

/* The library answers Expect and waits for the end of a body before it calls on_request. Therefore the head
 * is checked here first. A pipelined request that arrived together with the request before it is checked in
 * on_request_gone. */
static void on_readable(h2o_socket_t *socket, const char *err)
{
	struct connection *connection = socket->on_close.data;

	if (!err && connection->phase == CONNECTION_READING && !connection->refusal)
		connection->refusal = head_check(socket->input->bytes, socket->input->size);
	connection->library_read(socket, err);
}

/* The library sets its own callback whenever it begins to read a request. */
static void hook_readers(struct server *server)
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

static bool is_loopback(const struct sockaddr_storage *address)
{
	const void *bytes = address->ss_family == AF_INET
				    ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
				    : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

	return address_is_loopback(address->ss_family, bytes);
}

/* Identifies the client for holds_half. An IPv4 address becomes an IPv4-mapped IPv6 address
 * (::ffff:192.0.2.7); an address of a translator (64:ff9b::192.0.2.7, RFC 6052) stays as it is. Any other
 * IPv6 address is reduced to its first half, because every subscriber has the whole second half. */
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

static void connection_open(const struct listener *listener, h2o_socket_t *socket)
{
	struct sockaddr_storage here = { .ss_family = AF_UNSPEC }, there = { .ss_family = AF_UNSPEC };
	struct server *server = listener->server;
	struct connection *connection = mem_zalloc(sizeof(*connection));
	int fd = h2o_socket_get_fd(socket);

	connection->server = server;
	connection->socket = socket;
	if (listener->is_unix) {
		connection->peer = listener->is_web ? HTTP_PEER_WEB : HTTP_PEER_UNIX;
	} else {
		h2o_socket_getsockname(socket, (struct sockaddr *)&here);
		h2o_socket_getpeername(socket, (struct sockaddr *)&there);
		connection->peer =
			is_loopback(&here) && is_loopback(&there) ? HTTP_PEER_LOOPBACK : HTTP_PEER_REMOTE;
		connection->client = client_of(&there);
	}
	if (holds_half(connection)) {
		server->refused++;
		h2o_socket_close(socket);
		free(connection);
		return;
	}
	connection->spare_fd = listener->is_unix ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	size_t others = server->connection_count++;
	int room = others < SERVER_FEW ? SEND_BUFFER_FEW : SEND_BUFFER_MANY;
	if (others < SERVER_FEW || others >= SERVER_MANY)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	LIST_INSERT_HEAD(&server->connections, connection, link);
	connection_enter(connection, CONNECTION_READING);
	sweep_set(server, true);
	/* on_close is the only member of the socket that the library leaves to us. */
	socket->on_close.cb = on_closed;
	socket->on_close.data = connection;
	h2o_accept(&server->accept, socket);
	connection_unhook(connection);
}

/* The address of an IPv4 client of an IPv6 socket (::ffff:192.0.2.7) is written as IPv4. */
void http_request_address(const struct http_request *request, char ret_address[static HTTP_ADDRESS_SIZE])
{
	struct sockaddr_storage there = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&there;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&there;

	ret_address[0] = '\0';
	if (request->connection)
		h2o_socket_getpeername(request->connection->socket, (struct sockaddr *)&there);
	if (there.ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, ret_address, HTTP_ADDRESS_SIZE);
	else if (there.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret_address, HTTP_ADDRESS_SIZE);
	else if (there.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, ret_address, HTTP_ADDRESS_SIZE);
}

/* ---- limits ---- */

/* How long the phase may last. While places are scarce, slow clients must not keep theirs for long. */
static uint64_t phase_limit_ms(const struct connection *connection)
{
	bool scarce = is_scarce(connection->server);
	int fd = h2o_socket_get_fd(connection->socket), queued = 0;

	switch (connection->phase) {
	case CONNECTION_READING: /* from the end of the last response to the end of the next request */
		return scarce ? SCARCE_REQUEST_MS : SERVER_REQUEST_TIMEOUT_S * 1000;
	case CONNECTION_HANDLING: /* a sync may take hours; the calls have limits of their own */
		return UINT64_MAX;
	case CONNECTION_WRITING:
		if (!scarce)
			return SERVER_WRITE_TIMEOUT_S * 1000;
		/* Of a large body, only acknowledged bytes count, not those that the kernel keeps. */
		if (ioctl(fd, SIOCOUTQ, &queued) < 0 || connection->sent <= queued)
			return SCARCE_WRITE_MS;
		return SCARCE_WRITE_MS + (uint64_t)(connection->sent - queued) / SCARCE_RATE;
	case CONNECTION_LINGERING:
		if (has_unsent(fd))
			return scarce ? SCARCE_WRITE_MS : SERVER_WRITE_TIMEOUT_S * 1000;
		break;
	}
	return scarce ? SCARCE_REQUEST_MS : LINGER_MS;
}

/* A reset makes the kernel drop the rest of the response; otherwise it would keep trying to send it. */
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

static void check_deadline(struct connection *connection, uint64_t now)
{
	const struct server *server = connection->server;
	int fd = h2o_socket_get_fd(connection->socket);
	bool is_over = now - connection->since_ms > phase_limit_ms(connection);

	if (connection->phase == CONNECTION_READING) {
		bool is_idle = connection->socket->input->size == 0;
		bool must_go = is_over || (server->state == SERVER_DRAINING &&
						  now - server->drain_began_ms >= DRAIN_GRACE_MS);
		/* Shut an idle connection for reading only: a request that has already reached the kernel is
		 * still read, and its response can be sent. */
		if (is_idle && must_go)
			shutdown(fd, SHUT_RD);
		else if (is_over)
			shutdown(fd, SHUT_RDWR);
	} else if (connection->phase == CONNECTION_LINGERING && !should_linger(connection, fd)) {
		h2o_socket_close(connection->socket);
	} else if (is_over) {
		give_up(connection);
	}
}

static void on_sweep(void *arg)
{
	struct server *server = arg;
	uint64_t now = time_mono_ms();

	for (struct connection *connection = LIST_FIRST(&server->connections), *next; connection;
		connection = next) {
		next = LIST_NEXT(connection, link); /* the connection may be closed below */
		check_deadline(connection, now);
	}
	if (server->listeners_rest && server->connection_count < server->connections_max)
		listeners_resume(server);
	if (server->state == SERVER_DRAINING && now >= server->drain_ends_ms)
		server->state = SERVER_ENDED;
	sweep_set(server,
		server->connection_count > 0 || server->listeners_rest || server->state == SERVER_DRAINING);
}

static size_t unread_input(const struct connection *connection)
{
	return connection->phase == CONNECTION_READING ? connection->socket->input->size : 0;
}

/* The library lets every connection fill 400 KiB with headers that do not end. Within a second, a thousand
 * connections would take more memory than the unit may have. */
static void check_input(struct server *server)
{
	struct connection *connection, *next;
	uint64_t now = time_mono_ms();
	size_t total = 0;

	if (now - server->input_checked_ms < INPUT_CHECK_MS)
		return;
	server->input_checked_ms = now;
	LIST_FOREACH (connection, &server->connections, link)
		total += unread_input(connection);
	size_t size_max = total > INPUT_TOTAL_MAX ? INPUT_FAIR : INPUT_MAX;
	for (connection = LIST_FIRST(&server->connections); connection; connection = next) {
		h2o_socket_t *socket = connection->socket;

		next = LIST_NEXT(connection, link);
		if (unread_input(connection) <= size_max)
			continue;
		/* An error stops the library from reading the data that the kernel has; a shutdown would
		 * not. */
		if (socket->_cb.read)
			socket->_cb.read(socket, "too much input");
		else
			shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
	}
}

/* ---- listeners ---- */

static void on_acceptable(h2o_socket_t *socket, const char *err)
{
	struct listener *listener = socket->data;
	struct server *server = listener->server;

	if (err)
		return;
	for (int i = 0; i < ACCEPTS_PER_TURN && server->connection_count < server->connections_max; i++) {
		h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
		if (!accepted) {
			/* Out of descriptors or memory: retrying at once would keep a processor busy. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				listeners_rest(server);
			return;
		}
		connection_open(listener, accepted);
	}
	if (server->connection_count >= server->connections_max)
		listeners_rest(server);
}

static void listen_on(struct server *server, int owned_fd, bool is_web)
{
	struct listener *listener = mem_zalloc(sizeof(*listener));
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);
	unsigned give_up_ms = SERVER_WRITE_TIMEOUT_S * 1000;
	int send_buffer = SEND_BUFFER, receive_buffer = RECEIVE_BUFFER;

	getsockname(owned_fd, (struct sockaddr *)&address, &length);
	listener->server = server;
	listener->is_unix = address.ss_family == AF_UNIX;
	listener->is_web = is_web;
	if (!listener->is_unix) {
		/* Accepted sockets inherit these options. The kernel then drops a client that no longer
		 * acknowledges anything, and keeps little for a client that reads nothing or sends more than
		 * we read. */
		setsockopt(owned_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof(give_up_ms));
		setsockopt(owned_fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
		setsockopt(owned_fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	}
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

/* ---- the server ---- */

/* Accepting a connection is useless if no descriptor is left for its work. */
static unsigned limit_connections(unsigned wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted;
	/* Each connection has two descriptors, see connection_open. */
	rlim_t needed = 2 * (rlim_t)wanted + RESERVED_FDS;
	if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
		struct rlimit higher = { .rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max,
			.rlim_max = limit.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			limit = higher;
	}
	rlim_t reserved = limit.rlim_cur > 2 * RESERVED_FDS ? RESERVED_FDS : limit.rlim_cur / 2;
	rlim_t possible = (limit.rlim_cur - reserved) / 2;
	return possible < wanted ? (unsigned)possible : wanted;
}

int server_new(struct server **ret_server, const struct server_options *options, struct error *err)
{
	h2o_evloop_t *loop = h2o_evloop_create();

	if (!loop)
		return error_set(err, -ENOMEM, "cannot create an event loop");
	struct server *server = mem_zalloc(sizeof(*server));
	server->loop = loop;
	server->router = options->router;
	server->connections_max = limit_connections(options->connections_max);
	TAILQ_INIT(&server->waiting);
	/* A page takes 1 ms; a visitor may wait for a refresh, and POST /api/sync for a sync. */
	server->durations = (struct metric_histogram){
		.bounds_ms = { 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 60000 },
	};

	h2o_config_init(&server->config);
	server->config.server_name = h2o_iovec_init(H2O_STRLIT("aither"));
	server->config.max_request_entity_size = SERVER_BODY_MAX;
	server->config.http1.upgrade_to_http2 =
		0; /* no HTTP/2, neither by prior knowledge nor by "Upgrade: h2c" */
	/* The host has no paths, so all requests go to its fallback. */
	h2o_hostconf_t *host =
		h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_create_handler(&host->fallback_path, sizeof(h2o_handler_t))->on_req = on_request;
	h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup_ostream;

	h2o_context_init(&server->context, server->loop, &server->config);
	/* The library's own time-out of a request uses the wall clock, which may jump. Removed from the
	 * loop's list it never fires; the sweep ends connections instead. The library unlinks the time-out
	 * when the context is disposed of. */
	h2o_linklist_unlink(&server->context.http1.req_timeout._link);
	h2o_linklist_init_anchor(&server->context.http1.req_timeout._link);
	server->accept = (h2o_accept_ctx_t){ .ctx = &server->context, .hosts = server->config.hosts };
	server->sweep = server_timer(server, on_sweep, server);
	*ret_server = server;
	return 0;
}

void server_freep(struct server **server_pointer)
{
	struct server *server = STEAL(*server_pointer);

	if (!server)
		return;
	server->state = SERVER_ENDED;
	listeners_close(server);
	for (struct connection *connection = LIST_FIRST(&server->connections), *next; connection;
		connection = next) {
		next = LIST_NEXT(connection, link);
		shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
		if (connection->phase == CONNECTION_HANDLING) {
			/* The library closes a connection only at the end of a response. */
			struct http_response response = { .status = 503 };
			detach_pending(connection);
			respond(connection, &response);
		} else if (connection->phase == CONNECTION_LINGERING) {
			h2o_socket_close(connection->socket);
		}
	}
	for (int i = 0; i < CLOSING_TURNS && server->connection_count > 0; i++)
		h2o_evloop_run(server->loop, 0);
	for (struct server_watch *watch; (watch = LIST_FIRST(&server->watches));) {
		LIST_REMOVE(watch, link);
		h2o_socket_close(watch->socket);
		free(watch);
	}
	h2o_evloop_run(server->loop, 0); /* closed sockets are freed here */
	if (server->connection_count > 0)
		return; /* the library cannot release a connection in another way; the process ends anyway */
	h2o_context_dispose(&server->context);
	free(server->context.queue); /* h2o_multithread_destroy_queue does not free it */
	h2o_config_dispose(&server->config);
	h2o_evloop_destroy(server->loop);
	free(server);
}

bool server_is_running(const struct server *server)
{
	return server->state != SERVER_ENDED;
}

void server_turn(struct server *server)
{
	bool has_waiting = !TAILQ_EMPTY(&server->waiting);
	struct connection *connection;

	server->turn++;
	while ((connection = TAILQ_FIRST(&server->waiting)) && connection->turn != server->turn) {
		TAILQ_REMOVE(&server->waiting, connection, waiting_link);
		connection->is_waiting = false;
		handle(connection);
	}
	hook_readers(server);
	/* Handled requests have responses to send: do not wait. -1 is EINTR; the caller runs the next turn.
	 */
	h2o_evloop_run(server->loop, has_waiting ? 0 : INT32_MAX);
	check_input(server);
}

size_t server_connections(const struct server *server)
{
	return server->connection_count;
}

uint64_t server_refused(const struct server *server)
{
	return server->refused;
}

uint64_t server_requests(const struct server *server)
{
	return server->requests;
}

uint64_t server_answers(const struct server *server, enum http_method method, int status)
{
	return server->answers[__builtin_ctz(method)][status - STATUS_MIN];
}

const struct metric_histogram *server_durations(const struct server *server)
{
	return &server->durations;
}

void server_drain(struct server *server, unsigned deadline_ms)
{
	if (server->state != SERVER_RUNNING)
		return;
	listeners_close(server);
	server->context.shutdown_requested = 1; /* HTTP/1: Connection: close from now on */
	server->drain_began_ms = time_mono_ms();
	server->drain_ends_ms = server->drain_began_ms + deadline_ms;
	server->state = server->connection_count > 0 ? SERVER_DRAINING : SERVER_ENDED;
}

bool server_is_draining(const struct server *server)
{
	return server->state != SERVER_RUNNING;
}

bool server_leave_if_idle(struct server *server)
{
	struct listener *listener;

	if (server->state != SERVER_RUNNING || server->connection_count > 0)
		return false;
	/* Stop accepting before checking: a client that connects in between is then found in the queue. */
	listeners_rest(server);
	LIST_FOREACH (listener, &server->listeners, link) {
		struct pollfd entry = { .fd = h2o_socket_get_fd(listener->socket), .events = POLLIN };
		if (poll(&entry, 1, 0) != 0) {
			listeners_resume(server);
			return false;
		}
	}
	listeners_close(server);
	server->state = SERVER_ENDED;
	return true;
}
