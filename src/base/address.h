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
 * zone's interface, 0 without a zone or when this machine has no such interface; NULL: not wanted. */
bool address_parse_v6(const char *text, void *ret_bytes, unsigned *ret_scope);

/* 127.0.0.0/8, ::1, and the former as ::ffff:127.0.0.1. `bytes` are those of an AF_INET or AF_INET6 address;
 * false for other families. */
bool address_is_loopback(int family, const void *bytes);

/* The same for a host as URLs and the Host header have it, without a port: an IPv4 address, an IPv6 address
 * in brackets, or the name "localhost" (RFC 6761 section 6.3), also with the dot of a complete name. */
bool address_is_local_host(const char *host);

#endif
