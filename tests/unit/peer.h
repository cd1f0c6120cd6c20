/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_PEER_H
#define AITHER_TESTS_PEER_H

/*
 * The peer for tests of an HTTP client: a server on a loopback port that does anything that a test
 * requests, even things that no decent server does. Every connection has a thread; the thread calls the
 * handler for each request head, as long as the handler returns true, and then closes the connection.
 *
 *	peer_start(PEER_PLAIN, handler);
 *	... http://127.0.0.1:<peer_port()>/ ...
 *	peer_stop();
 */

#include <stdbool.h>
#include <stddef.h>

struct peer_connection;

enum peer_kind {
	PEER_PLAIN,
	PEER_TLS /* with a certificate that no client trusts */
};

typedef bool peer_handler(struct peer_connection *connection, const char *head);

void peer_start(enum peer_kind kind, peer_handler *handler);
void peer_stop(void); /* ends all connections, even those on which a handler waits */

unsigned peer_port(void);
unsigned peer_connections(void); /* accepted so far */
unsigned peer_requests(void);    /* handled so far */

/* For use in handlers. */
void peer_send(struct peer_connection *connection, const char *text);
void peer_send_bytes(struct peer_connection *connection, const void *bytes, size_t length);
size_t peer_receive(
	struct peer_connection *connection, char *ret_bytes, size_t length); /* all, or fewer at the end */
void peer_wait(struct peer_connection *connection);                          /* until the client has closed */
void peer_reset(struct peer_connection *connection); /* makes closing send RST instead of FIN */

/* A port of 127.0.0.1 without a listener. */
unsigned peer_unused_port(void);

#endif
