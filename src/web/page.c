/* SPDX-License-Identifier: MIT */
#include "web/page.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "web/negotiate.h"

#define POLICY_SIZE_MAX 4096  /* room for 64 inline styles; further ones do not apply */
#define GZIP_MIN 512          /* bytes; a smaller response fits into one packet anyway */
#define GZIP_WINDOW (15 + 16) /* zlib: the largest window, gzip header */
#define GZIP_PAUSE 9          /* pause for this multiple of the time that compressing took */
/* The hash of templates/filter-script.hbs, the only script. It is not computed from the page, because then
 * any script that got into a page would run. */
#define SCRIPT_HASH "t1QIso6RtO17Aa5lgS0EMDEmey1F5kRvr9MJVg7eTH0="

/* The content of the next <style> element; NULL: there are no more. */
static const char *next_style(const char *text, size_t *ret_length, const char **ret_next)
{
	const char *open = strcasestr(text, "<style");
	const char *start = open ? strchr(open, '>') : NULL;
	const char *end = start ? strcasestr(start, "</style") : NULL;

	if (!end)
		return NULL;
	*ret_length = (size_t)(end - (start + 1));
	*ret_next = end + 8;
	return start + 1;
}

static char *make_policy(const char *text, enum page_trust trust)
{
	CLEANUP(buf_done) struct buf policy = BUF_INIT(POLICY_SIZE_MAX);
	char digest[HASH_BASE64_SIZE];
	const char *next = text;
	const char *style;
	size_t length;

	if (trust == PAGE_INERT)
		return mem_strdup("default-src 'none'; style-src 'unsafe-inline'; sandbox");
	buf_append_text(&policy,
		"default-src 'none'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
	if (trust == PAGE_OPEN && strcasestr(text, "<script"))
		buf_append_text(&policy, "; script-src 'sha256-" SCRIPT_HASH "'");
	if (trust == PAGE_SANDBOXED)
		buf_append_text(&policy, "; sandbox allow-same-origin");
	buf_append_text(&policy, "; style-src 'self'");
	while ((style = next_style(next, &length, &next))) {
		hash_base64(style, length, digest);
		buf_printf(&policy, " 'sha256-%s'", digest);
	}
	return buf_take(&policy);
}

char *page_policy(const char *text)
{
	return make_policy(text, PAGE_OPEN);
}

static bool is_text(const char *content_type)
{
	static const char *const types[] = { "text/", "application/json", "application/manifest+json",
		"application/xml", "image/svg+xml" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strncmp(content_type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

void page_set(struct page *page, char *owned_text, size_t length, const struct page_kind *kind)
{
	char digest[HASH_HEX_SIZE];

	page_done(page);
	page->kind = *kind;
	hash_hex(owned_text, length, digest);
	snprintf(page->etag, sizeof(page->etag), "\"%.32s\"", digest);
	snprintf(page->etag_gzip, sizeof(page->etag_gzip), "\"%.32s-gz\"", digest);
	page->policy = make_policy(owned_text, kind->trust);
	page->plain = http_body_new(owned_text, length);
	page->is_incompressible =
		length < GZIP_MIN || length > UINT32_MAX / 2 || !is_text(kind->content_type);
}

void page_done(struct page *page)
{
	http_body_unref(page->plain);
	http_body_unref(page->gzip);
	free(page->policy);
	*page = (struct page){ 0 };
}

/* The gzip form; NULL: it is not smaller, or zlib has no memory. */
static struct http_body *compress_body(struct http_body *plain)
{
	z_stream stream = { 0 };

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	size_t room = deflateBound(&stream, plain->length);
	CLEANUP(mem_freep) char *bytes = mem_alloc(room);
	stream.next_in = (Bytef *)plain->bytes;
	stream.avail_in = (uInt)plain->length;
	stream.next_out = (Bytef *)bytes;
	stream.avail_out = (uInt)room;
	int result = deflate(&stream, Z_FINISH);
	http_body_rest(plain);
	size_t length = stream.total_out;
	deflateEnd(&stream);
	malloc_trim(0); /* releases half a megabyte, which is not needed until the page changes */
	if (result != Z_STREAM_END || length >= plain->length)
		return NULL;
	return http_body_new(mem_resize(STEAL(bytes), length, 1), length);
}

void page_request_read(struct page_request *ret_wanted, const struct http_request *request)
{
	const char *if_none_match = http_request_header(request, "if-none-match");

	ret_wanted->is_head = request->method == HTTP_HEAD;
	ret_wanted->gzip = negotiate_gzip(http_request_header(request, "accept-encoding"));
	ret_wanted->if_none_match = if_none_match ? mem_strdup(if_none_match) : NULL;
}

void page_request_done(struct page_request *wanted)
{
	free(STEAL(wanted->if_none_match));
}

void page_security_headers(struct http_response *response, const char *policy)
{
	http_response_header(response, "content-security-policy", policy);
	http_response_header(response, "referrer-policy", "no-referrer");
	http_response_header(response, "permissions-policy", "camera=(), geolocation=(), microphone=()");
}

static void compress_page(struct page *page, uint64_t *pause_ms)
{
	uint64_t began_ms = time_mono_ms();

	page->gzip = compress_body(page->plain);
	page->is_incompressible = !page->gzip;
	if (pause_ms)
		*pause_ms = time_mono_ms() + GZIP_PAUSE * (time_mono_ms() - began_ms + 1);
}

/* Should the gzip form be sent? Compresses the page for GET, except during a pause. */
static bool choose_gzip(struct page *page, const struct page_request *wanted, uint64_t *pause_ms)
{
	if (!wanted->gzip || page->is_incompressible)
		return false;
	if (page->gzip || negotiate_has_etag(wanted->if_none_match, page->etag_gzip))
		return true;
	/* The client has the plain form, which was sent during a pause: answer with 304. */
	if (negotiate_has_etag(wanted->if_none_match, page->etag))
		return false;
	if (pause_ms && time_mono_ms() < *pause_ms)
		return false;
	if (!wanted->is_head)
		compress_page(page, pause_ms);
	return !page->is_incompressible;
}

void page_answer(struct page *page, const struct page_request *wanted, uint64_t *gzip_pause_ms,
	const char *cache_control, struct http_response *response)
{
	bool gzip = choose_gzip(page, wanted, gzip_pause_ms);
	const char *etag = gzip ? page->etag_gzip : page->etag;
	bool known = negotiate_has_etag(wanted->if_none_match, etag);

	response->status = known ? 304 : 200;
	http_response_header(response, "etag", etag);
	http_response_header(response, "vary", page->kind.vary);
	http_response_header(response, "cache-control", cache_control);
	page_security_headers(response, page->policy);
	if (known)
		return;
	response->content_type = page->kind.content_type;
	if (page->kind.language)
		http_response_header(response, "content-language", page->kind.language);
	if (gzip)
		http_response_header(response, "content-encoding", "gzip");
	response->without_length = gzip && !page->gzip;
	if (!response->without_length)
		response->body = http_body_ref(gzip ? page->gzip : page->plain);
}
