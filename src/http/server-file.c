/* SPDX-License-Identifier: MIT */
#include "http/server-internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

/* The library writes from memory, so the kernel copies every byte of a body; sendfile hands it the pages. The
 * library sends the header and believes that a body without bytes follows, one piece of it at a time:
 *
 *	call_send_file -> on_head_sent -> send_more <-> on_writable, until all is sent -> finish
 *
 * In this time it neither reads nor writes on the socket. */

static void cork(const struct connection *connection, int on)
{
	setsockopt(h2o_socket_get_fd(connection->socket), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* The request, and with it the call, is gone when this returns. */
static void finish(struct http_call *call, bool is_whole)
{
	cork(call->connection, 0);
	if (!is_whole)
		call->req->http1_is_persistent = 0;
	h2o_send(call->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_writable(h2o_socket_t *socket, const char *err);

/* Once per turn of the loop: a client that reads as fast as we send shall not keep the others waiting, and to
 * try again at once costs more than to wait. */
static void send_more(struct http_call *call)
{
	h2o_socket_t *socket = call->connection->socket;
	const struct http_body *body = call->body;
	ssize_t n = sendfile(
		h2o_socket_get_fd(socket), body->file, &call->sent, body->length - (size_t)call->sent);

	if (n > 0 && (size_t)call->sent == body->length)
		finish(call, true);
	else if (n > 0 || (n < 0 && errno == EAGAIN))
		h2o_socket_notify_write(socket, on_writable);
	else
		finish(call, false);
}

static void on_writable(h2o_socket_t *socket, const char *err)
{
	struct connection *connection = socket->on_close.data;

	(void)err; /* sendfile meets it again */
	send_more(connection->call);
}

static void on_head_sent(h2o_generator_t *generator, h2o_req_t *req)
{
	(void)generator;
	send_more(connection_of(req)->call);
}

void call_send_file(struct http_call *call)
{
	static h2o_generator_t generator = { on_head_sent, NULL };
	h2o_req_t *req = call->req;

	/* Else the header would be a packet of its own. */
	cork(call->connection, 1);
	h2o_start_response(req, &generator);
	h2o_send(req, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
}
