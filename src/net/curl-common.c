/* SPDX-License-Identifier: MIT */
#include "net/curl-common.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void init_global(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool is_ready(void)
{
	pthread_once(&global_once, init_global);
	return global_result == CURLE_OK;
}

void curl_common_load(void)
{
	(void)is_ready();
}

CURL *curl_common_easy(void)
{
	/* libcurl itself ignores the variable, only its command line tool reads it. Its directory of
	 * certificates stays as it is, so the file adds to the system's. */
	const char *file = getenv("SSL_CERT_FILE");
	CURL *easy = is_ready() ? curl_easy_init() : NULL;

	/* QUICK_EXIT: a name server that does not answer must not delay the end of a cancelled request; the
	 * thread that still asks it is left to itself. */
	if (easy && (curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ||
			    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
			    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) ||
			    (file && *file && curl_easy_setopt(easy, CURLOPT_CAINFO, file)))) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

CURLM *curl_common_multi(void)
{
	return is_ready() ? curl_multi_init() : NULL;
}

#define VERIFY_UNSPECIFIED 1

/* Values of CURLINFO_SSL_VERIFYRESULT, as SSL_get_verify_result(3) has them. libcurl compares the host name
 * itself, when OpenSSL has found nothing wrong (0) and before OpenSSL was asked (1). */
static const struct distrust {
	long verified;
	enum curl_common_distrust kind;
	const char *reason;
} distrusts[] = {
	{ 0, CURL_COMMON_DISTRUST_NAME, "the certificate is for another host name" },
	{ VERIFY_UNSPECIFIED, CURL_COMMON_DISTRUST_NAME, "the certificate is for another host name" },
	{ 9, CURL_COMMON_DISTRUST_TIME, "the certificate is not valid yet" },
	{ 10, CURL_COMMON_DISTRUST_TIME, "the certificate has expired" },
	{ 18, CURL_COMMON_DISTRUST, "the certificate is self-signed" },
	{ 19, CURL_COMMON_DISTRUST, "the certificate is signed by an unknown CA" },
	{ 20, CURL_COMMON_DISTRUST, "the certificate is signed by an unknown CA" },
	{ 21, CURL_COMMON_DISTRUST, "the certificate is signed by an unknown CA" },
	{ 66, CURL_COMMON_DISTRUST, "the certificate's key is too short" },
	{ 67, CURL_COMMON_DISTRUST, "the key of the certificate's CA is too short" },
	{ 68, CURL_COMMON_DISTRUST, "the certificate's signature is too weak" },
};

/* `reason` is NULL for a number without a sentence. */
static struct distrust find_distrust(CURL *easy)
{
	struct distrust found = { VERIFY_UNSPECIFIED, CURL_COMMON_DISTRUST, NULL };

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &found.verified);
	for (size_t i = 0; i < ARRAY_SIZE(distrusts); i++)
		if (distrusts[i].verified == found.verified)
			return distrusts[i];
	return found;
}

enum curl_common_distrust curl_common_distrust(CURL *easy, CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION ? find_distrust(easy).kind : CURL_COMMON_TRUSTED;
}

char *curl_common_reason(CURL *easy, CURLcode code, const char *detail)
{
	const char *file = getenv("SSL_CERT_FILE");
	struct distrust distrust;
	long errnum = 0;

	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
		return mem_strdup("the host name of the proxy cannot be resolved");
	case CURLE_COULDNT_RESOLVE_HOST:
		return mem_strdup("the host name cannot be resolved");
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errnum);
		return mem_strdup(errnum ? strerror((int)errnum) : "no connection");
	case CURLE_SSL_CONNECT_ERROR:
		return mem_printf("the TLS handshake failed (%s)", detail);
	case CURLE_PEER_FAILED_VERIFICATION:
		distrust = find_distrust(easy);
		return distrust.reason ? mem_strdup(distrust.reason)
				       : mem_printf("the certificate is not trusted (X.509 error %ld)",
						 distrust.verified);
	case CURLE_SSL_CACERT_BADFILE:
		return mem_printf("the CA certificates cannot be read: %s",
			file && *file ? file : curl_version_info(CURLVERSION_NOW)->cainfo ?: "no file");
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return mem_strdup("the connection was closed before the answer was complete");
	default:
		return mem_strdup(detail);
	}
}
