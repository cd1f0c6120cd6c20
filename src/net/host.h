/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_HOST_H
#define AITHER_NET_HOST_H

/*
 * This machine's name as mails need it: with its domain where the host name or /etc/hosts has one, in the
 * letters, digits, dots and hyphens of RFC 1123; "localhost" where nothing better is known. The name service
 * is not asked: mails are about the network being down, and a sync must not wait for it.
 */

#define HOST_NAME_SIZE 254 /* 253 characters (RFC 1035) and NUL */

/* Borrowed, for the life of the process; found once. Any thread. */
const char *host_name(void);

/* Loads the modules of the name service (nsswitch.conf(5)) that libc would load at the first look-up that
 * needs them. No server is asked. Before the first thread. */
void host_load_modules(void);

#endif
