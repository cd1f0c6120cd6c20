/* SPDX-License-Identifier: MIT */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static int fail_syntax(const char *text, struct error *err)
{
	return error_set(err, -EINVAL, "--listen=%s: expected ADDRESS:PORT, [V6ADDRESS]:PORT or /PATH", text);
}

static int fail_system(const char *text, struct error *err)
{
	return error_set(err, -errno, "cannot listen on %s: %s", text, strerror(errno));
}

static bool parse_port(const char *text, in_port_t *ret_port)
{
	size_t length = strlen(text);

	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	unsigned long port = strtoul(text, NULL, 10);
	if (port > 65535)
		return false;
	*ret_port = htons((in_port_t)port);
	return true;
}

static bool parse_inet(const char *text, union address *ret_address, socklen_t *ret_length)
{
	CLEANUP(mem_freep) char *host = mem_strdup(text);
	char *colon = strrchr(host, ':');

	if (!colon)
		return false;
	*colon = '\0';
	memset(ret_address, 0, sizeof(*ret_address));
	if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		ret_address->v6.sin6_family = AF_INET6;
		*ret_length = sizeof(ret_address->v6);
		return address_parse_v6(
			       host + 1, &ret_address->v6.sin6_addr, &ret_address->v6.sin6_scope_id) &&
		       parse_port(colon + 1, &ret_address->v6.sin6_port);
	}
	ret_address->v4.sin_family = AF_INET;
	*ret_length = sizeof(ret_address->v4);
	return inet_pton(AF_INET, host, &ret_address->v4.sin_addr) == 1 &&
	       parse_port(colon + 1, &ret_address->v4.sin_port);
}

/* For people, and for tests that let the system choose the port. */
static void print_address(int fd)
{
	char host[INET6_ADDRSTRLEN];
	union address address = { 0 };
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return;
	bool is_v6 = address.any.sa_family == AF_INET6;
	inet_ntop(address.any.sa_family, is_v6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr,
		host, sizeof(host));
	fprintf(stderr, is_v6 ? "listening on [%s]:%u\n" : "listening on %s:%u\n", host,
		ntohs(is_v6 ? address.v6.sin6_port : address.v4.sin_port));
}

static int open_inet(const char *text, int *ret_fd, struct error *err)
{
	union address address;
	socklen_t length;
	int on = 1;

	if (!parse_inet(text, &address, &length))
		return fail_syntax(text, err);
	CLEANUP(file_closep) int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_system(text, err);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.any.sa_family == AF_INET6) /* 0.0.0.0 of the same port may be another --listen */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &address.any, length) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return fail_system(text, err);
	print_address(fd);
	*ret_fd = file_steal(&fd);
	return 0;
}

/* A socket file stays when its owner dies; only an attempt to connect shows whether there is a listener. */
static void remove_abandoned(const union address *address)
{
	CLEANUP(file_closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (probe >= 0 && connect(probe, &address->any, sizeof(address->un)) < 0 && errno == ECONNREFUSED)
		unlink(address->un.sun_path);
}

static int open_unix(const char *path, int *ret_fd, struct error *err)
{
	union address address = { .un = { .sun_family = AF_UNIX } };

	if (strlen(path) >= sizeof(address.un.sun_path))
		return error_set(err, -ENAMETOOLONG,
			"cannot listen on %s: a socket's path has at most %zu bytes", path,
			sizeof(address.un.sun_path) - 1);
	memcpy(address.un.sun_path, path, strlen(path) + 1);
	CLEANUP(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_system(path, err);
	remove_abandoned(&address);
	/* The socket's mode limits the file's from the beginning; chmod undoes the umask. */
	if (fchmod(fd, 0660) < 0 || bind(fd, &address.any, sizeof(address.un)) < 0 || chmod(path, 0660) < 0 ||
		listen(fd, LISTEN_BACKLOG) < 0)
		return fail_system(path, err);
	fprintf(stderr, "listening on %s\n", path);
	*ret_fd = file_steal(&fd);
	return 0;
}

int listen_open(const char *text, int *ret_fd, struct error *err)
{
	return text[0] == '/' ? open_unix(text, ret_fd, err) : open_inet(text, ret_fd, err);
}
