/* SPDX-License-Identifier: MIT */
#include "cli/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"

#define TABLE_SIZE_MAX (16 << 20) /* 150 bytes for each socket: 100 000 of them */
#define STATE_LISTEN 0x0a         /* TCP_LISTEN of the kernel's tcp_states.h */
#define V4_SIZE 4
#define V6_SIZE 16

/* ---- addresses ---- */

int port_parse(const char *text, struct port_address *ret_address)
{
	const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
	size_t length = strspn(digits, "0123456789");
	unsigned long port = length > 0 && length <= 5 ? strtoul(digits, NULL, 10) : 0;
	/* A port alone stands for [::], which accepts IPv4 as well. */
	struct port_address address = { .v6 = !colon || *text == '[', .port = (uint16_t)port };
	size_t brackets = *text == '[' ? 1 : 0;

	if (digits[length] != '\0' || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	if (colon) {
		if (colon - text < 2 || (address.v6 && colon[-1] != ']'))
			return -EINVAL;
		CLEANUP(mem_freep)
		char *host = mem_strndup(text + brackets, (size_t)(colon - text) - 2 * brackets);
		if (address.v6 ? !address_parse_v6(host, address.bytes, NULL)
			       : inet_pton(AF_INET, host, address.bytes) != 1)
			return -EINVAL;
	}
	*ret_address = address;
	return 0;
}

bool port_is_loopback(const struct port_address *address)
{
	return address_is_loopback(address->v6 ? AF_INET6 : AF_INET, address->bytes);
}

/* Does a socket at `held` keep `wanted` from being bound? A socket on all IPv6 addresses also holds the IPv4
 * addresses unless IPV6_V6ONLY is set, which the table does not show. */
static bool collides(const struct port_address *held, const struct port_address *wanted)
{
	static const unsigned char any[V6_SIZE];
	size_t size = held->v6 ? V6_SIZE : V4_SIZE;

	if (held->port != wanted->port)
		return false;
	if (held->v6 != wanted->v6)
		return memcmp((held->v6 ? held : wanted)->bytes, any, V6_SIZE) == 0;
	return memcmp(held->bytes, any, size) == 0 || memcmp(wanted->bytes, any, size) == 0 ||
	       memcmp(held->bytes, wanted->bytes, size) == 0;
}

/* ---- the kernel's table ---- */

struct row {
	struct port_address local;
	unsigned state;
	uid_t uid;
	uint64_t inode;
};

/* "   0: 0100007F:0DAC 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0   0 12345 1 ..."
 * An address is groups of eight hexadecimal digits, each a word in this machine's order: "0100007F" is
 * 127.0.0.1 on a little-endian one. */
static bool read_row(const char *line, bool v6, struct row *ret_row)
{
	struct row row = { .local.v6 = v6 };
	char address[2 * V6_SIZE + 1];
	unsigned port, uid;

	if (sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x %*x:%*x %*x:%*x %*x %u %*u %" SCNu64,
		    address, &port, &row.state, &uid, &row.inode) != 5 ||
		strlen(address) != 2 * (v6 ? V6_SIZE : V4_SIZE))
		return false;
	row.local.port = (uint16_t)port;
	row.uid = uid;
	for (size_t i = strlen(address); i > 0; i -= 8) {
		uint32_t word = (uint32_t)strtoul(&address[i - 8], NULL, 16);

		memcpy(&row.local.bytes[(i - 8) / 2], &word, sizeof(word));
		address[i - 8] = '\0';
	}
	*ret_row = row;
	return true;
}

bool port_search(
	const char *text, bool v6, const struct port_address *wanted, uint64_t *ret_inode, uid_t *ret_uid)
{
	while (text && *text) {
		const char *end = strchr(text, '\n');
		struct row row;

		if (read_row(text, v6, &row) && row.state == STATE_LISTEN && collides(&row.local, wanted)) {
			*ret_inode = row.inode;
			*ret_uid = row.uid;
			return true;
		}
		text = end ? end + 1 : NULL;
	}
	return false;
}

/* ---- its process ---- */

/* Finds the process that has the socket among its descriptors. If several share it, takes the lowest process
 * ID, which is usually the process that made the socket. Only root can see the processes of other users. */
static void find_process(uint64_t inode, struct port_holder *holder)
{
	CLEANUP(mem_freep) char *wanted = mem_printf("socket:[%" PRIu64 "]", inode);
	CLEANUP(globfree) glob_t found = { 0 };
	char target[64];

	if (glob("/proc/[0-9]*/fd/*", GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		ssize_t length = readlinkat(AT_FDCWD, found.gl_pathv[i], target, sizeof(target) - 1);
		pid_t pid = (pid_t)strtol(found.gl_pathv[i] + strlen("/proc/"), NULL, 10);

		target[length > 0 ? length : 0] = '\0';
		if (strcmp(target, wanted) == 0 && (holder->pid == 0 || pid < holder->pid))
			holder->pid = pid;
	}
	CLEANUP(mem_freep) char *path = mem_printf("/proc/%d/comm", (int)holder->pid);
	CLEANUP(buf_done) struct buf comm = BUF_INIT(PORT_NAME_SIZE);
	if (holder->pid && file_read_path(path, &comm, NULL) == 0)
		snprintf(holder->name, sizeof(holder->name), "%.*s", (int)strcspn(buf_text(&comm), "\n"),
			buf_text(&comm));
}

bool port_find_holder(const struct port_address *wanted, struct port_holder *ret_holder)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	struct port_holder holder = { 0 };
	uint64_t inode;

	for (int v6 = 0; v6 <= 1; v6++) {
		CLEANUP(buf_done) struct buf content = BUF_INIT(TABLE_SIZE_MAX);

		if (file_read_path(tables[v6], &content, NULL) < 0 ||
			!port_search(buf_text(&content), v6, wanted, &inode, &holder.uid))
			continue;
		find_process(inode, &holder);
		*ret_holder = holder;
		return true;
	}
	return false;
}

/* ---- answers ---- */

static int connect_to(const struct port_address *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(address->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(address->port) };
	CLEANUP(file_closep)
	int fd = socket(address->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	memcpy(&v4.sin_addr, address->bytes, V4_SIZE);
	memcpy(&v6.sin6_addr, address->bytes, V6_SIZE);
	/* "All addresses" means the loopback address here. */
	r = address->v6 ? connect(fd, (const struct sockaddr *)&v6, sizeof(v6))
			: connect(fd, (const struct sockaddr *)&v4, sizeof(v4));
	if (r < 0 && errno != EINPROGRESS)
		return -errno;
	return file_steal(&fd);
}

/* The next step of a connection that is ready: sends the request (0), then receives the status. */
static int talk(struct pollfd *connection)
{
	static const char request[] =
		"GET /api/sync/status HTTP/1.1\r\nHost: localhost\r\nUser-Agent: aither\r\nVia: 1.1 aither\r\n"
		"Connection: close\r\n\r\n";
	char text[16] = ""; /* aither-web sends the whole head at once */
	ssize_t length;
	int status;

	if (connection->events == POLLOUT) {
		connection->events = POLLIN;
		/* Also returns the error of a connection that failed. */
		length = send(connection->fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		return length < 0 ? -errno : 0;
	}
	length = recv(connection->fd, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return length < 0 ? -errno : -ECONNRESET;
	return sscanf(text, "HTTP/1.%*1[01] %3d", &status) == 1 && status >= 100 ? status : -EBADMSG;
}

void port_ask(const struct port_address *addresses, size_t count, unsigned timeout_ms, int *ret_results)
{
	uint64_t now_ms = time_mono_ms(), deadline_ms = now_ms + timeout_ms;
	struct pollfd waits[PORT_ASK_MAX];
	size_t waiting = 0;

	for (size_t i = 0; i < count; i++) {
		waits[i] = (struct pollfd){ .fd = -1, .events = POLLOUT };
		ret_results[i] = 0;
		if (addresses[i].port == 0)
			continue;
		waits[i].fd = connect_to(&addresses[i]);
		ret_results[i] = waits[i].fd < 0 ? waits[i].fd : -EINPROGRESS;
		waiting += waits[i].fd >= 0;
	}
	while (waiting > 0 && now_ms < deadline_ms) {
		int ready = poll(waits, count, (int)(deadline_ms - now_ms));

		if (ready < 0 && errno != EINTR) /* the process was stopped and continued */
			break;
		for (size_t i = 0; i < count && ready > 0; i++) {
			int r;

			if (waits[i].fd < 0 || !waits[i].revents)
				continue;
			r = talk(&waits[i]);
			ret_results[i] = r ?: -ETIMEDOUT;
			if (r == 0)
				continue;
			file_closep(&waits[i].fd);
			waiting--;
		}
		now_ms = time_mono_ms();
	}
	for (size_t i = 0; i < count; i++)
		file_closep(&waits[i].fd);
}
