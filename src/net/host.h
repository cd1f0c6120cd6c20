/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_HOST_H
#define AITHER_NET_HOST_H

/*
 * This machine's name for mails: with its domain where the host name or /etc/hosts has one, in the letters,
 * digits, dots and hyphens of RFC 1123; otherwise "localhost". Does not use DNS: a mail may report that the
 * network is down, and a sync must not wait for a name server.
 */

#define HOST_NAME_SIZE 254 /* 253 characters (RFC 1035) and NUL */

/* Borrowed, for the life of the process; determined once. May be called from any thread. */
const char *host_name(void);

/* Loads the modules of the name service (nsswitch.conf(5)) that libc would load at the first look-up. Sends
 * no query. Call it before the first thread. */
void host_load_modules(void);

#endif
