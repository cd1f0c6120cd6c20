/* SPDX-License-Identifier: MIT */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int http_decode(const char *text, size_t length, bool form, char *ret, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		char byte = text[i];
		if (out + 1 >= size)
			return -E2BIG;
		if (byte == '%') {
			int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;
			if (low < 0)
				return -EBADMSG;
			byte = (char)(high << 4 | low);
			if (byte == '/' && !form)
				return -EBADMSG;
			i += 2;
		} else if (byte == '+' && form) {
			byte = ' ';
		}
		ret[out++] = byte;
	}
	ret[out] = '\0';
	return utf8_is_text(ret, out) ? 0 : -EBADMSG;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->field_count; i++) {
		if (strcmp(request->fields[i].name, name) == 0)
			return request->fields[i].value;
	}
	return NULL;
}

/* The raw value of the parameter, which ends at the next '&'; NULL: no parameter has this name. */
static const char *find_parameter(const struct http_request *request, const char *name)
{
	size_t name_length = strlen(name);

	for (const char *item = request->query; *item; item += *item == '&') {
		size_t length = strcspn(item, "&=");
		if (length == name_length && memcmp(item, name, name_length) == 0)
			return item[length] == '=' ? item + length + 1 : item + length;
		item += strcspn(item, "&");
	}
	return NULL;
}

bool http_request_parameter(const struct http_request *request, const char *name, char *ret, size_t size)
{
	const char *value = find_parameter(request, name);

	return value && http_decode(value, strcspn(value, "&"), true, ret, size) == 0;
}

int http_request_switch(const struct http_request *request, const char *name, bool *ret)
{
	char value[4];

	*ret = false;
	if (!find_parameter(request, name))
		return 0;
	if (!http_request_parameter(request, name, value, sizeof(value)) || strlen(value) != 1)
		return -EINVAL;
	*ret = value[0] == '1';
	return value[0] == '0' || *ret ? 0 : -EINVAL;
}

/* Bodies belong to the event loop. */
static size_t bodies_total;

size_t http_body_total(void)
{
	return bodies_total;
}

struct http_body *http_body_new(char *owned_bytes, size_t length)
{
	struct http_body *body = mem_alloc(sizeof(*body));

	bodies_total += length;

	*body = (struct http_body){ .references = 1, .length = length, .bytes = owned_bytes, .file = -1 };
	return body;
}

struct http_body *http_body_ref(struct http_body *body)
{
	body->references++;
	return body;
}

void http_body_to_file(struct http_body *body)
{
	if (body->length < HTTP_FILE_MIN || body->file >= 0)
		return;
	CLEANUP(file_closep) int fd = memfd_create("http-body", MFD_CLOEXEC);
	if (fd < 0 || file_write_all(fd, body->bytes, body->length) < 0)
		return;
	char *mapped = mmap(NULL, body->length, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return;
	free(body->bytes);
	body->bytes = mapped;
	body->file = file_steal(&fd);
}

void http_body_rest(struct http_body *body)
{
	if (body->file >= 0)
		madvise(body->bytes, body->length, MADV_DONTNEED); /* the file keeps them */
}

void http_body_unref(struct http_body *body)
{
	if (!body || --body->references > 0)
		return;
	bodies_total -= body->length;
	if (body->file >= 0)
		munmap(body->bytes, body->length);
	else
		free(body->bytes);
	file_closep(&body->file);
	free(body);
}

void http_response_header(struct http_response *response, const char *static_name, const char *value)
{
	if (response->header_count == HTTP_HEADERS_MAX)
		return;
	for (const unsigned char *byte = (const unsigned char *)value; *byte; byte++) {
		if (*byte < 0x20 || *byte == 0x7f)
			return;
	}
	response->headers[response->header_count++] =
		(struct http_header){ .name = static_name, .value = mem_strdup(value) };
}

void http_response_text(
	struct http_response *response, int status, const char *static_content_type, const char *text)
{
	response->status = status;
	response->content_type = static_content_type;
	http_body_unref(response->body);
	response->body = http_body_new(mem_strdup(text), strlen(text));
}

void http_response_done(struct http_response *response)
{
	for (size_t i = 0; i < response->header_count; i++)
		free(response->headers[i].value);
	http_body_unref(response->body);
	*response = (struct http_response){ 0 };
}
