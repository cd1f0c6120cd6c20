/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define CONNECTIONS_MAX 64
#define HEAD_SIZE 8192

struct peer_connection {
	pthread_t thread;
	int fd; /* guarded by the lock; -1: closed */
	SSL *tls;
};

static struct {
	int listener;
	pthread_t acceptor;
	SSL_CTX *tls;
	peer_handler *handler;
	pthread_mutex_t lock;
	struct peer_connection connections[CONNECTIONS_MAX];
	atomic_uint accepted, handled;
} peer;

static size_t receive(struct peer_connection *connection, char *bytes, size_t length)
{
	ssize_t n = connection->tls ? SSL_read(connection->tls, bytes, (int)length)
				    : recv(connection->fd, bytes, length, 0);

	return n > 0 ? (size_t)n : 0;
}

size_t peer_receive(struct peer_connection *connection, char *ret_bytes, size_t length)
{
	size_t received = 0, n;

	while (received < length && (n = receive(connection, ret_bytes + received, length - received)) > 0)
		received += n;
	return received;
}

void peer_send_bytes(struct peer_connection *connection, const void *bytes, size_t length)
{
	if (connection->tls) {
		SSL_write(connection->tls, bytes, (int)length);
		return;
	}
	const char *next = bytes;
	while (length > 0) {
		ssize_t n = send(connection->fd, next, length, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		next += n;
		length -= (size_t)n;
	}
}

void peer_send(struct peer_connection *connection, const char *text)
{
	peer_send_bytes(connection, text, strlen(text));
}

void peer_wait(struct peer_connection *connection)
{
	char byte;

	while (receive(connection, &byte, 1) > 0)
		;
}

void peer_reset(struct peer_connection *connection)
{
	const struct linger none = { .l_onoff = 1 };

	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

/* Byte by byte, so that a body stays in the socket for the handler. */
static bool read_head(struct peer_connection *connection, char head[static HEAD_SIZE])
{
	for (size_t length = 0; length < HEAD_SIZE - 1; length++) {
		if (receive(connection, head + length, 1) == 0)
			return false;
		if (head[0] == 0x16) /* a TLS client at a plain server: it waits for an answer */
			return false;
		head[length + 1] = '\0';
		if (length >= 3 && strcmp(head + length - 3, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

static void *connection_main(void *arg)
{
	struct peer_connection *connection = arg;
	char head[HEAD_SIZE];

	if (!connection->tls || SSL_accept(connection->tls) == 1) {
		while (read_head(connection, head)) {
			atomic_fetch_add(&peer.handled, 1);
			if (!peer.handler(connection, head))
				break;
		}
	}
	pthread_mutex_lock(&peer.lock);
	SSL_free(connection->tls);
	close(connection->fd);
	connection->fd = -1;
	pthread_mutex_unlock(&peer.lock);
	return NULL;
}

static void *acceptor_main(void *arg)
{
	int fd;

	(void)arg;
	while (atomic_load(&peer.accepted) < CONNECTIONS_MAX &&
		(fd = accept(peer.listener, NULL, NULL)) >= 0) {
		/* Counted first, because the test may read the count as soon as it has its answer. */
		struct peer_connection *connection = &peer.connections[atomic_fetch_add(&peer.accepted, 1)];
		connection->fd = fd;
		connection->tls = peer.tls ? SSL_new(peer.tls) : NULL;
		if (connection->tls)
			SSL_set_fd(connection->tls, fd);
		if (pthread_create(&connection->thread, NULL, connection_main, connection) != 0)
			abort();
	}
	return NULL;
}

static SSL_CTX *new_tls(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
		(const unsigned char *)"127.0.0.1", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_sign(certificate, key, EVP_sha256());
	assert_int_equal(SSL_CTX_use_certificate(tls, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}

static int bind_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

void peer_start(enum peer_kind kind, peer_handler *handler)
{
	memset(&peer, 0, sizeof(peer));
	pthread_mutex_init(&peer.lock, NULL);
	peer.handler = handler;
	peer.tls = kind == PEER_TLS ? new_tls() : NULL;
	peer.listener = bind_loopback();
	assert_int_equal(listen(peer.listener, CONNECTIONS_MAX), 0);
	assert_int_equal(pthread_create(&peer.acceptor, NULL, acceptor_main, NULL), 0);
}

void peer_stop(void)
{
	shutdown(peer.listener, SHUT_RDWR);
	pthread_join(peer.acceptor, NULL);
	for (unsigned i = 0; i < atomic_load(&peer.accepted); i++) {
		pthread_mutex_lock(&peer.lock);
		if (peer.connections[i].fd >= 0)
			shutdown(peer.connections[i].fd, SHUT_RDWR);
		pthread_mutex_unlock(&peer.lock);
		pthread_join(peer.connections[i].thread, NULL);
	}
	close(peer.listener);
	SSL_CTX_free(peer.tls);
	pthread_mutex_destroy(&peer.lock);
}

unsigned peer_port(void)
{
	return port_of(peer.listener);
}

unsigned peer_connections(void)
{
	return atomic_load(&peer.accepted);
}

unsigned peer_requests(void)
{
	return atomic_load(&peer.handled);
}

unsigned peer_unused_port(void)
{
	int fd = bind_loopback();
	unsigned port = port_of(fd);

	close(fd);
	return port;
}
