/* SPDX-License-Identifier: MIT */
#include "net/curl-common.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

CURL *curl_common_easy(void)
{
	/* The curl tool reads this variable, but libcurl does not. The file is used in addition to the
	 * system's directory of certificates. */
	const char *file = getenv("SSL_CERT_FILE");
	CURL *easy = curl_easy_init();

	/* QUICK_EXIT: a thread that waits for a name server must not delay the end of a request. */
	if (easy && (curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ||
			    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
			    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) ||
			    (file && *file && curl_easy_setopt(easy, CURLOPT_CAINFO, file)))) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

#define VERIFY_UNSPECIFIED 1

/* The meaning of CURLINFO_SSL_VERIFYRESULT, see SSL_get_verify_result(3). libcurl itself compares the host
 * name: after OpenSSL has found no fault (0), or before OpenSSL has checked anything (1). */
static const struct distrust {
	long verified;
	enum fetch_step step;
	const char *reason;
} distrusts[] = {
	{ 0, FETCH_STEP_TRUST_NAME, "the certificate is for another host name" },
	{ VERIFY_UNSPECIFIED, FETCH_STEP_TRUST_NAME, "the certificate is for another host name" },
	{ 9, FETCH_STEP_TRUST_TIME, "the certificate is not valid yet" },
	{ 10, FETCH_STEP_TRUST_TIME, "the certificate has expired" },
	{ 18, FETCH_STEP_TRUST, "the certificate is self-signed" },
	{ 19, FETCH_STEP_TRUST, "the certificate is signed by an unknown CA" },
	{ 20, FETCH_STEP_TRUST, "the certificate is signed by an unknown CA" },
	{ 21, FETCH_STEP_TRUST, "the certificate is signed by an unknown CA" },
	{ 66, FETCH_STEP_TRUST, "the certificate's key is too short" },
	{ 67, FETCH_STEP_TRUST, "the key of the certificate's CA is too short" },
	{ 68, FETCH_STEP_TRUST, "the certificate's signature is too weak" },
};

/* `reason` is NULL if there is no sentence for the number. */
static struct distrust find_distrust(CURL *easy)
{
	struct distrust found = { VERIFY_UNSPECIFIED, FETCH_STEP_TRUST, NULL };

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &found.verified);
	for (size_t i = 0; i < ARRAY_SIZE(distrusts); i++)
		if (distrusts[i].verified == found.verified)
			return distrusts[i];
	return found;
}

enum fetch_step curl_common_distrust(CURL *easy)
{
	return find_distrust(easy).step;
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
