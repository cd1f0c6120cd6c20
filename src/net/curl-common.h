/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_CURL_COMMON_H
#define AITHER_NET_CURL_COMMON_H

/*
 * Private to net/fetch.c and net/smtp.c: everything that they share of libcurl.
 *
 * Trusted certificates are the ones that the system trusts, in Debian those of ca-certificates and
 * /usr/local/share/ca-certificates, and those of the PEM file that SSL_CERT_FILE names, as with other
 * programs on OpenSSL: an operator with a private CA need not make the whole machine trust it. If that file
 * cannot be read, every TLS connection fails with a sentence that names it.
 */

#include <curl/curl.h>

#include "net/fetch.h"

/* A handle: TLS 1.2 or later with verification, no signals (but OpenSSL may raise SIGPIPE: block or ignore
 * it, as base/thread does). NULL without memory or where libcurl lacks what is needed; curl_easy_cleanup
 * frees it. */
CURL *curl_common_easy(void);

/* After CURLE_PEER_FAILED_VERIFICATION: which FETCH_STEP_TRUST it was. */
enum fetch_step curl_common_distrust(CURL *easy);

/* Why a transfer failed, in words of our own: libcurl's change with its version. `detail`: libcurl's own
 * error text, for all that has no sentence here. Not for CURLE_OPERATION_TIMEDOUT, whose meaning only the
 * caller knows. Owned. */
char *curl_common_reason(CURL *easy, CURLcode code, const char *detail);

#endif
