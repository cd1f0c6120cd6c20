/* SPDX-License-Identifier: MIT */
#include "base/curl-common.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* What CURLINFO_SSL_VERIFYRESULT says, as SSL_get_verify_result(3) numbers it. */
#define VERIFY_OK 0
#define VERIFY_UNSPECIFIED 1
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_HAS_EXPIRED 10

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

CURLM *curl_common_multi(void)
{
	return is_ready() ? curl_multi_init() : NULL;
}
