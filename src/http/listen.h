/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_LISTEN_H
#define AITHER_HTTP_LISTEN_H

/*
 * The sockets of --listen: "127.0.0.1:3500", "[::1]:3500", "/run/aither/worker.sock". Numeric addresses
 * only; one that is valid on one link has its zone: "[fe80::1%eth0]:3500".
 * With port 0 the system chooses; "listening on 127.0.0.1:41234" on stderr reports the address. A unix
 * socket gets mode 0660 and replaces one without a listener.
 */

#define LISTEN_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

struct error;

/* -EINVAL: not such a text; else the error of socket, bind or listen. *ret_fd is owned. */
int listen_open(const char *text, int *ret_fd, struct error *err);

#endif
