/* SPDX-License-Identifier: MIT */
#include "base/curl-common.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What CURLINFO_SSL_VERIFYRESULT says, as SSL_get_verify_result(3) numbers it. */
#define VERIFY_OK 0
#define VERIFY_UNSPECIFIED 1
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_HAS_EXPIRED 10

static const struct {
	long verified;
	const char *reason;
} distrusts[] = {
	{ VERIFY_OK, "the certificate is for another host name" },
	{ VERIFY_UNSPECIFIED, "the certificate is for another host name" },
	{ VERIFY_NOT_YET_VALID, "the certificate is not valid yet" },
	{ VERIFY_HAS_EXPIRED, "the certificate has expired" },
	{ 18, "the certificate is self-signed" },
	{ 19, "the certificate is signed by an unknown CA" },
	{ 20, "the certificate is signed by an unknown CA" },
	{ 21, "the certificate is signed by an unknown CA" },
	{ 66, "the certificate's key is too short" },
	{ 67, "the key of the certificate's CA is too short" },
	{ 68, "the certificate's signature is too weak" },
};

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

/* QUICK_EXIT: a name server that does not answer must not delay the end of a cancelled request; the thread
 * that still asks it is left to itself.
 *
 * libcurl itself does not look at the variable, only its command line tool does. Its directory of
 * certificates stays as it is: so the file adds to the system's. */
static bool set_common(CURL *easy)
{
	const char *file = getenv("SSL_CERT_FILE");

	return curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       (!file || !*file || curl_easy_setopt(easy, CURLOPT_CAINFO, file) == CURLE_OK);
}

CURL *curl_common_easy(void)
{
	CURL *easy = is_ready() ? curl_easy_init() : NULL;

	if (easy && !set_common(easy)) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

enum curl_common_distrust curl_common_distrust(CURL *easy, CURLcode code)
{
	long verified = VERIFY_UNSPECIFIED;

	if (code != CURLE_PEER_FAILED_VERIFICATION)
		return CURL_COMMON_TRUSTED;
	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	if (verified == VERIFY_NOT_YET_VALID || verified == VERIFY_HAS_EXPIRED)
		return CURL_COMMON_DISTRUST_TIME;
	/* The name is compared by libcurl, when OpenSSL has found nothing wrong, and before it asks it so. */
	if (verified == VERIFY_OK || verified == VERIFY_UNSPECIFIED)
		return CURL_COMMON_DISTRUST_NAME;
	return CURL_COMMON_DISTRUST;
}

static char *distrust_reason(CURL *easy)
{
	long verified = VERIFY_UNSPECIFIED;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	for (size_t i = 0; i < ARRAY_SIZE(distrusts); i++)
		if (distrusts[i].verified == verified)
			return mem_strdup(distrusts[i].reason);
	return mem_printf("the certificate is not trusted (X.509 error %ld)", verified);
}

static char *connect_reason(CURL *easy)
{
	long errnum = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errnum);
	return mem_strdup(errnum ? strerror((int)errnum) : "no connection");
}

char *curl_common_reason(CURL *easy, CURLcode code, const char *detail)
{
	const char *file = getenv("SSL_CERT_FILE");

	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
		return mem_strdup("the host name of the proxy cannot be resolved");
	case CURLE_COULDNT_RESOLVE_HOST:
		return mem_strdup("the host name cannot be resolved");
	case CURLE_COULDNT_CONNECT:
		return connect_reason(easy);
	case CURLE_SSL_CONNECT_ERROR:
		return mem_printf("the TLS handshake failed (%s)", detail);
	case CURLE_PEER_FAILED_VERIFICATION:
		return distrust_reason(easy);
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

CURLM *curl_common_multi(void)
{
	return is_ready() ? curl_multi_init() : NULL;
}
