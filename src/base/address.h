/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_ADDRESS_H
#define AITHER_BASE_ADDRESS_H

/*
 * IP addresses, compared as addresses and not by their spelling: [::1], [0:0:0:0:0:0:0:1] and
 * [::ffff:127.0.0.1%lo] are all this machine. No name is looked up.
 */

#include <stdbool.h>
#include <stddef.h>

/* Reads "fe80::1" or, with a zone (RFC 4007 section 11), "fe80::1%eth0"; in a URL, %25 stands for the percent
 * sign (RFC 6874). No brackets. ret_bytes: 16, as inet_pton(3) writes them. *ret_scope is the number of the
 * zone's interface, or 0 if there is no zone or no such interface on this machine; ret_scope may be NULL. */
bool address_parse_v6(const char *text, void *ret_bytes, unsigned *ret_scope);

/* Is it a loopback address: 127.0.0.0/8, also in the form ::ffff:127.0.0.1, or ::1? `bytes` are those of an
 * AF_INET or AF_INET6 address; false for other families. */
bool address_is_loopback(int family, const void *bytes);

/* Is the host this machine? `host` has the form that URLs and the Host header use, without a port: an IPv4
 * address, an IPv6 address in brackets, or a name. The only local name is "localhost" (RFC 6761 section 6.3),
 * also with a dot at its end. */
bool address_is_local_host(const char *host);

#endif
