/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_CURL_COMMON_H
#define AITHER_NET_CURL_COMMON_H

/*
 * The use of libcurl that net/fetch.c and net/smtp.c have in common. Private to them.
 *
 * Two sets of CAs are trusted: those of the system, in Debian from the package ca-certificates and from
 * /usr/local/share/ca-certificates, and those in the PEM file that SSL_CERT_FILE names. Other programs on
 * OpenSSL read the same variable: an operator with a private CA need not make the whole machine trust it. If
 * that file cannot be read, every TLS connection fails with a sentence that names the file.
 */

#include <curl/curl.h>

#include "net/fetch.h"

/* Returns a new handle for TLS 1.2 or later, with verification and without signals. (OpenSSL may still raise
 * SIGPIPE: block or ignore it, as base/thread does.) NULL if memory is exhausted or libcurl lacks a feature.
 * Free it with curl_easy_cleanup. */
CURL *curl_common_easy(void);

/* After CURLE_PEER_FAILED_VERIFICATION: the reason, as one of the FETCH_STEP_TRUST values. */
enum fetch_step curl_common_distrust(CURL *easy);

/* Why a transfer failed, in our own words, because libcurl's change with its version. `detail` is libcurl's
 * error text, used for failures without a sentence of our own. Not for CURLE_OPERATION_TIMEDOUT, whose
 * meaning only the caller knows. Owned. */
char *curl_common_reason(CURL *easy, CURLcode code, const char *detail);

#endif
