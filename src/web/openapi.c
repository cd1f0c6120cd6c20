/* SPDX-License-Identifier: MIT */
#include "web/openapi.h"

#include <stddef.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "web/negotiate.h"

/* The file itself becomes part of the program; no tool has to turn it into C. */
__asm__(".pushsection .rodata\n"
	".global openapi_text\n"
	"openapi_text: .incbin \"" AITHER_OPENAPI_FILE "\"\n"
	".global openapi_end\n"
	"openapi_end: .byte 0\n"
	".popsection\n");
extern const char openapi_text[], openapi_end[];

void openapi_answer(
	struct openapi *openapi, const struct http_request *request, struct http_response *response)
{
	/* cppcheck-suppress comparePointers ; the assembler has put one behind the other */
	size_t length = (size_t)(openapi_end - openapi_text);
	char digest[HASH_HEX_SIZE];

	if (!openapi->body) {
		hash_hex(openapi_text, length, digest);
		snprintf(openapi->etag, sizeof(openapi->etag), "\"%.32s\"", digest);
		openapi->body = http_body_new(mem_strndup(openapi_text, length), length);
	}
	http_response_header(response, "etag", openapi->etag);
	http_response_header(response, "cache-control", "no-cache");
	if (negotiate_has_etag(http_request_header(request, "if-none-match"), openapi->etag)) {
		response->status = 304;
		return;
	}
	response->status = 200;
	response->content_type = "application/json";
	response->body = http_body_ref(openapi->body);
}

void openapi_done(struct openapi *openapi)
{
	http_body_unref(STEAL(openapi->body));
}
