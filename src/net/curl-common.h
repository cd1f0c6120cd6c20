/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NET_CURL_COMMON_H
#define AITHER_NET_CURL_COMMON_H

/*
 * Private to net/fetch.c and net/smtp.c: what every use of libcurl shares.
 *
 * Which certificates are trusted: those of the system, in Debian of ca-certificates and
 * /usr/local/share/ca-certificates, and those of the PEM file that SSL_CERT_FILE names, as with other
 * programs on OpenSSL; for an operator with a private CA whose certificate is not to be trusted by the whole
 * machine. A file that cannot be read fails every TLS connection with a sentence that names it.
 */

#include <curl/curl.h>

/* Loads the providers and engines of OpenSSL's configuration now, not at the first use. */
void curl_common_load(void);

/* A handle: TLS 1.2 or later with verification, no signals (but OpenSSL may raise SIGPIPE: block or ignore
 * it, as base/thread does). NULL without memory or where libcurl lacks what is needed; curl_easy_cleanup
 * frees it. */
CURL *curl_common_easy(void);

/* Why a server's certificate is not trusted. */
enum curl_common_distrust {
	CURL_COMMON_TRUSTED,  /* or it was another problem */
	CURL_COMMON_DISTRUST, /* the CA is not known, or it is unfit in another way */
	CURL_COMMON_DISTRUST_TIME,
	CURL_COMMON_DISTRUST_NAME,
};

/* Of a transfer that has ended with `code`. */
enum curl_common_distrust curl_common_distrust(CURL *easy, CURLcode code);

/* Why a transfer failed, in words of our own: libcurl's change with its version. `detail` is its error text,
 * for what has no sentence here. Not for CURLE_OPERATION_TIMEDOUT, which only the caller can tell apart.
 * Owned. */
char *curl_common_reason(CURL *easy, CURLcode code, const char *detail);

/* The multi handle; NULL without memory. curl_multi_cleanup frees it. */
CURLM *curl_common_multi(void);

#endif
