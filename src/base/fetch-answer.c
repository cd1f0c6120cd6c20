/* SPDX-License-Identifier: MIT */
#include "base/fetch-answer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/curl-common.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

#define DATE_S_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* What is not listed counts as lost inside the answer: trying again is cheap and limited. */
static const struct kind {
	CURLcode code;
	enum fetch_failure failure;
	enum fetch_step step;
} kinds[] = {
	{ CURLE_OK, FETCH_OK, FETCH_STEP_UNKNOWN },
	{ CURLE_COULDNT_RESOLVE_PROXY, FETCH_UNREACHABLE, FETCH_STEP_NAME },
	{ CURLE_COULDNT_RESOLVE_HOST, FETCH_UNREACHABLE, FETCH_STEP_NAME },
	{ CURLE_COULDNT_CONNECT, FETCH_UNREACHABLE, FETCH_STEP_CONNECT },
	{ CURLE_PROXY, FETCH_UNREACHABLE, FETCH_STEP_CONNECT },
	{ CURLE_SSL_CONNECT_ERROR, FETCH_UNREACHABLE, FETCH_STEP_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, FETCH_REFUSED, FETCH_STEP_TRUST },
	{ CURLE_SSL_CIPHER, FETCH_REFUSED, FETCH_STEP_TLS },
	{ CURLE_SSL_CACERT_BADFILE, FETCH_REFUSED, FETCH_STEP_TLS },
	{ CURLE_FILESIZE_EXCEEDED, FETCH_TOO_LARGE, FETCH_STEP_ANSWER },
	{ CURLE_WRITE_ERROR, FETCH_UNREADABLE,
		FETCH_STEP_ANSWER }, /* also for bytes behind the end of gzip */
	{ CURLE_BAD_CONTENT_ENCODING, FETCH_UNREADABLE, FETCH_STEP_ANSWER },
	{ CURLE_UNSUPPORTED_PROTOCOL, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* also an answer of HTTP/0.9 */
	{ CURLE_URL_MALFORMAT, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_LOGIN_DENIED, FETCH_REFUSED, FETCH_STEP_ANSWER }, /* a user name in the URL */
	{ CURLE_NOT_BUILT_IN, FETCH_REFUSED, FETCH_STEP_ANSWER },
	{ CURLE_BAD_FUNCTION_ARGUMENT, FETCH_REFUSED, FETCH_STEP_ANSWER },
};

/* One code for all time limits: what has taken its time is over. Without a request on its way it was the
 * connection that took too long, and another address may do better. No CURLINFO value tells TCP and TLS apart
 * on both libcurl 7.88 and 8.14, so fetch.c notes when TLS has begun. */
static struct kind kind_of_timeout(CURL *easy, bool tls_begun)
{
	curl_off_t named_us = 0;
	long sent = 0;

	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	return (struct kind){
		.failure = sent == 0 ? FETCH_UNREACHABLE : FETCH_TIMEOUT,
		.step = named_us == 0 ? FETCH_STEP_NAME
			: sent > 0    ? FETCH_STEP_ANSWER
			: tls_begun   ? FETCH_STEP_TLS
				      : FETCH_STEP_CONNECT,
	};
}

static struct kind kind_of(CURL *easy, CURLcode code, bool tls_begun)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return kind_of_timeout(easy, tls_begun);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].code == code)
			return kinds[i];
	return (struct kind){ .failure = FETCH_LOST, .step = FETCH_STEP_ANSWER };
}

enum fetch_failure fetch_answer_failure(CURL *easy, CURLcode code)
{
	return kind_of(easy, code, false).failure;
}

enum fetch_step fetch_answer_step(CURL *easy, CURLcode code, bool tls_begun)
{
	switch (curl_common_distrust(easy, code)) {
	case CURL_COMMON_TRUSTED:
		break;
	case CURL_COMMON_DISTRUST:
		return FETCH_STEP_TRUST;
	case CURL_COMMON_DISTRUST_TIME:
		return FETCH_STEP_TRUST_TIME;
	case CURL_COMMON_DISTRUST_NAME:
		return FETCH_STEP_TRUST_NAME;
	}
	return kind_of(easy, code, tls_begun).step;
}

char *fetch_answer_timeout(CURL *easy, enum fetch_step step)
{
	const char *what = step == FETCH_STEP_NAME      ? "no answer of the name service"
			   : step == FETCH_STEP_CONNECT ? "no connection"
			   : step == FETCH_STEP_TLS     ? "the TLS handshake failed: no answer"
							: "no complete answer";
	curl_off_t took_us = 0;

	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took_us);
	return mem_printf("%s after %.1f s", what, (double)took_us / 1e6);
}

const char *fetch_answer_advice(enum fetch_step step, CURLcode code)
{
	switch (step) {
	case FETCH_STEP_TRUST_TIME:
		return "; it has to be renewed there, unless this machine's clock is wrong: timedatectl(1)";
	case FETCH_STEP_TRUST_NAME:
		return "; the configured address has to be one that the certificate is for";
	case FETCH_STEP_TRUST:
		return "; if its CA is your own, make it known: update-ca-certificates(8)";
	case FETCH_STEP_TLS:
		if (code == CURLE_SSL_CACERT_BADFILE)
			return "; that has to be a file in PEM that can be read: the one of the package "
			       "ca-certificates, unless SSL_CERT_FILE names another";
		return "; at that address and port TLS 1.2 or later has to be spoken";
	case FETCH_STEP_UNKNOWN:
	case FETCH_STEP_NAME:
	case FETCH_STEP_CONNECT:
	case FETCH_STEP_ANSWER:
		break;
	}
	return "";
}

void fetch_answer_fail(
	struct fetch_result *result, enum fetch_failure failure, const char *url, const char *reason)
{
	const char *host = strstr(url, "://");
	int length = (int)strcspn(url, "?#");

	/* A user name has no place in our URLs; if there is one nevertheless it is not repeated. */
	if (!host || strchr(host, '@'))
		length = 0;
	result->failure = failure;
	snprintf(result->message, sizeof(result->message), "%.*s%s%s", length < 160 ? length : 160, url,
		length > 0 ? ": " : "", reason);
	/* Parts of it come from the server: names in a certificate, for example. */
	utf8_defuse(result->message);
}

static const char *get_header(CURL *easy, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* Digits only (RFC 9110, delta-seconds); -1 when absent or anything else, such as a date. */
static int64_t get_number(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	size_t digits = value ? strspn(value, "0123456789") : 0;

	return digits > 0 && digits <= 15 && value[digits] == '\0' ? strtoll(value, NULL, 10) : -1;
}

static void read_content_type(CURL *easy, char *ret_type, size_t size)
{
	const char *value = get_header(easy, "Content-Type");
	size_t length = value ? strcspn(value, "; \t") : 0;

	/* A longer one is none that anybody knows. */
	if (length >= size)
		length = 0;
	for (size_t i = 0; i < length; i++)
		ret_type[i] = (char)tolower((unsigned char)value[i]);
	ret_type[length] = '\0';
}

/* 0: absent, or none of the forms of RFC 9110, which begin with the day of the week. */
static int64_t get_date(CURL *easy, const char *name)
{
	const char *value = get_header(easy, name);
	time_t date = value && isalpha((unsigned char)value[0]) ? curl_getdate(value, NULL) : -1;

	return date > 0 && date <= DATE_S_MAX ? date : 0;
}

/* Seconds, or a date by the clock of the server, which its answer tells. -1: absent. */
static long get_retry_after(CURL *easy, int64_t date_s)
{
	int64_t until_s = get_date(easy, "Retry-After");
	int64_t now_s = date_s ? date_s : time_now_ms() / 1000;

	if (!until_s)
		return (long)get_number(easy, "Retry-After");
	return until_s > now_s ? (long)(until_s - now_s) : 0;
}

void fetch_answer_read(struct fetch_result *result, CURL *easy)
{
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &result->status);
	read_content_type(easy, result->content_type, sizeof(result->content_type));
	result->rate_limit = (long)get_number(easy, "X-RateLimit-Limit");
	result->rate_remaining = (long)get_number(easy, "X-RateLimit-Remaining");
	result->rate_reset_s = get_number(easy, "X-RateLimit-Reset");
	result->item_remaining = (long)get_number(easy, "X-Rate-Limit-Remaining");
	result->item_wait_s = (long)get_number(easy, "X-Rate-Limit-Remaining-Seconds");
	result->date_s = get_date(easy, "Date");
	result->retry_after_s = get_retry_after(easy, result->date_s);
}
