/* SPDX-License-Identifier: MIT */
#include "base/curl-common.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

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

CURLM *curl_common_multi(void)
{
	return is_ready() ? curl_multi_init() : NULL;
}
