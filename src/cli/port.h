/* SPDX-License-Identifier: MIT */
#ifndef AITHER_CLI_PORT_H
#define AITHER_CLI_PORT_H

/*
 * Finds the program that listens on a TCP address of this machine, from /proc/net/tcp and tcp6
 * (proc_pid_net(5)) and from the descriptors of all processes, which only root can see. Also finds out
 * whether aither-web answers at an address.
 *
 *	if (port_parse("127.0.0.1:3500", &wanted) == 0 && port_find_holder(&wanted, &holder)) ...
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PORT_ASK_MAX 16
#define PORT_NAME_SIZE 64 /* /proc/PID/comm has at most 15 characters, except for some kernel threads */

struct port_address {
	bool v6;
	unsigned char bytes[16]; /* network order; IPv4: the first four */
	uint16_t port;
};

struct port_holder {
	uid_t uid;
	pid_t pid;                 /* 0: not visible to this user */
	char name[PORT_NAME_SIZE]; /* of the program, when there is a pid */
};

/* "127.0.0.1:3500", "[::1]:3500" or "3500" (then all addresses), as in systemd.socket(5). A zone is
 * accepted and ignored. -EINVAL: not a TCP address. */
int port_parse(const char *text, struct port_address *ret_address);
bool port_is_loopback(const struct port_address *address);

/* Finds the socket in the text of /proc/net/tcp or tcp6 (`v6`) that keeps `wanted` from being bound: one with
 * the same address and port, or with the same port if one of the two addresses means all. False: none. */
bool port_search(
	const char *text, bool v6, const struct port_address *wanted, uint64_t *ret_inode, uid_t *ret_uid);

bool port_find_holder(const struct port_address *wanted, struct port_holder *ret_holder);

/* Requests the state of syncs from up to PORT_ASK_MAX addresses, all at once, without a token and as if by a
 * proxy: aither-web answers 401 (PORT_HAS_TOKEN) when a sync token is set, 403 (PORT_HAS_NO_TOKEN) when none
 * is, and makes no call to the worker. Each result is the HTTP status of the answer, 0 (port 0: not asked),
 * -ETIMEDOUT (connected, but no answer: systemd's socket accepts connections even if its service cannot
 * start), -EINPROGRESS (not connected in time), -ECONNREFUSED, -ECONNRESET (closed without an answer),
 * -EADDRNOTAVAIL, -ENETUNREACH... (this machine has no such address), -EBADMSG (not HTTP). */
#define PORT_HAS_TOKEN 401
#define PORT_HAS_NO_TOKEN 403
void port_ask(const struct port_address *addresses, size_t count, unsigned timeout_ms, int *ret_results);

#endif
