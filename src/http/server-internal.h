/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_SERVER_INTERNAL_H
#define AITHER_HTTP_SERVER_INTERNAL_H

/*
 * Between the files of the server:
 *	server.c             life, loop, drain
 *	server-watch.c       descriptors and monotonic timers
 *	server-listen.c      listeners, and when they rest
 *	server-connection.c  one client's connection: phases, deadlines, lingering close
 *	server-request.c     from the library's request to ours
 *	server-response.c    from our response to the library's; pending requests
 *	server-file.c        large bodies, past the library
 *
 * Who owns whom: the server its listeners, watches and connections (each a socket of the library); the
 * library's request owns its http_call (in the request's memory pool), so a call dies with the request, for
 * whatever reason; a pending belongs to the application and merely knows its call.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <h2o.h>

#include "http/http.h"
#include "http/server.h"

#define SERVER_RESERVED_FDS 128 /* 64 calls to the worker, journal, event loop, files */
#define SERVER_SWEEP_MS 1000    /* how exactly deadlines are kept */
#define SERVER_DRAIN_SWEEP_MS 100
#define SERVER_DRAIN_GRACE_MS 1000 /* for clients that are about to use their idle connection */
/* While places are scarce, an idle connection and an unfinished request live this long. A lost packet is sent
 * again within it, unless the client is very far away. */
#define SERVER_SCARCE_REQUEST_MS 500
#define SERVER_SCARCE_WRITE_MS 700 /* and a response, */
#define SERVER_SCARCE_RATE 128     /* with a millisecond more for each so many bytes that were taken */
#define SERVER_SCARCE_SWEEP_MS 250
#define SERVER_LINGER_MS 2000 /* so long a client may go on sending what was refused */
/* The kernel would keep up to 4 MiB for each slow reader, and counts it as ours (it takes up to twice what is
 * set here, and a segment). Of the first few each may have a page of 500 courses there, which saves a tenth
 * of the processor time of sending it; a crowd may not. A thousand who read nothing and send what they can
 * take 110 MiB there, 32 MiB for their requests, and 60 MiB of our own; aither.service has 256. */
#define SERVER_SEND_BUFFER (64 << 10) /* with less, loopback and its segments of 64 KiB stall */
#define SERVER_SEND_BUFFER_FEW (256 << 10)
#define SERVER_FEW 32 /* connections */
#define SERVER_SEND_BUFFER_MANY (16 << 10)
#define SERVER_MANY 256 /* more connections than that come from a network, not from a proxy beside us */
#define SERVER_RECEIVE_BUFFER (16 << 10) /* and up to 6 MiB of what we do not read yet */
#define SERVER_INPUT_MAX (128u << 10)    /* a request within all limits needs 84 KiB */
/* All unfinished requests together. Beyond, each may have as much as headers and URL within their limits. */
#define SERVER_INPUT_TOTAL_MAX (32u << 20)
#define SERVER_INPUT_FAIR (20u << 10)
#define SERVER_INPUT_CHECK_MS 20 /* in which a fast network delivers a few MiB */

#define SERVER_METHODS 4 /* as enum http_method has */
#define SERVER_STATUS_MIN 100
#define SERVER_STATUSES 500

enum server_state { SERVER_RUNNING, SERVER_DRAINING, SERVER_ENDED };

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
	CONNECTION_READING,  /* idle, or a request is arriving */
	CONNECTION_HANDLING, /* the handler has not answered yet */
	CONNECTION_WRITING,
	CONNECTION_LINGERING, /* closed, but for the kernel's part of it; see on_closed */
};

struct connection {
	LIST_ENTRY(connection) link;
	struct server *server;
	h2o_socket_t *socket;
	struct http_call *call; /* of the current request */
	enum http_peer peer;
	struct in6_addr client; /* whose address, for holds_half */
	enum connection_phase phase;
	uint64_t since_ms;          /* when the phase began */
	uint64_t turn;              /* of the loop, in which it was last served */
	h2o_socket_cb library_read; /* called by on_readable */
	LIST_ENTRY(connection) unhooked_link;
	bool is_unhooked;
	size_t request_size; /* of the current request in socket->input; 0: not known */
	int refusal;   /* status of the request that is arriving, found before the library has parsed it; 0:
			  none */
	int spare_fd;  /* of the same socket, and outlives the library's; -1: none */
	bool refused;  /* the client may go on sending */
	bool given_up; /* nothing more is sent */
};

struct http_call {                   /* lives in the request's pool */
	TAILQ_ENTRY(http_call) link; /* of the server's `waiting` */
	bool is_waiting;
	h2o_req_t *req;
	struct connection *connection;
	struct http_pending *pending; /* NULL: none */
	struct http_body *body;       /* keeps the bytes until they are sent */
	char request_id[HTTP_REQUEST_ID_SIZE];
	enum http_method method;
	off_t sent; /* of a body with a file */
};

struct server {
	const struct http_router *router;
	unsigned connections_max;
	bool may_wait;

	h2o_evloop_t *loop;
	h2o_globalconf_t config;
	h2o_context_t context;
	h2o_accept_ctx_t accept;

	LIST_HEAD(, server_watch) watches;
	int watch_errnum; /* why one is missing; 0: none is */
	LIST_HEAD(, listener) listeners;
	LIST_HEAD(, connection) connections;
	size_t connection_count;
	uint64_t refused;                 /* connections refused because their client had too many */
	LIST_HEAD(, connection) unhooked; /* the library may have set another callback for reading */
	TAILQ_HEAD(, http_call) waiting;  /* for the next turn, because their connection had one in this */
	uint64_t turn;                    /* of the loop */
	bool listeners_rest;
	struct server_watch *sweep;
	unsigned sweep_ms; /* 0: not running */

	enum server_state state;
	uint64_t drain_began_ms, drain_ends_ms;
	uint64_t input_checked_ms;
	uint64_t requests;
	uint64_t answers[SERVER_METHODS][SERVER_STATUSES];
};

/* server.c */
void server_count(struct server *server, enum http_method method, int status);

/* server-watch.c */
void watch_repeat(struct server_watch *timer, unsigned interval_ms); /* 0: stop */
void watches_close(struct server *server);

/* server-listen.c */
void listeners_rest(struct server *server);
void listeners_resume(struct server *server);
bool listeners_have_waiting(const struct server *server);
void listeners_close(struct server *server);

/* server-connection.c */
void connection_open(struct listener *listener, h2o_socket_t *socket);
struct connection *connection_of(h2o_req_t *req);
bool connections_are_scarce(const struct server *server);
void connection_enter(struct connection *connection, enum connection_phase phase);
void connection_linger(struct connection *connection); /* before its last response, a refusal */
void connections_sweep(void *arg);                     /* the server */
void connections_check_input(struct server *server);
void connection_unhook(struct connection *connection); /* its next request is read after connections_hook */
void connections_hook(struct server *server);
void connection_keep_size(struct connection *connection, size_t body_length); /* of a request that is valid */
void connection_check_next(
	struct connection *connection); /* the request behind it, which the library has read */
void connections_abort(struct server *server);
void connections_want_sweep(struct server *server, unsigned interval_ms);

/* server-request.c */
struct http_call *call_new(h2o_req_t *req);
int call_fill_request(struct http_call *call, struct http_request *ret_request); /* 0, or an error status */
int call_check_head(const struct http_call *call);                               /* 0, or an error status */
int call_on_request(h2o_handler_t *handler, h2o_req_t *req);
void calls_take_turns(struct server *server); /* each call that waits is handled */

/* server-response.c */
void call_respond(struct http_call *call, struct http_response *response);
void call_abort(struct http_call *call);
void call_detach(struct http_call *call);
void call_on_setup_ostream(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot);

/* server-file.c */
void call_send_file(struct http_call *call); /* the response, whose body has a file */

#endif
