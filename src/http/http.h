/* SPDX-License-Identifier: MIT */
#ifndef AITHER_HTTP_HTTP_H
#define AITHER_HTTP_HTTP_H

/*
 * Requests and responses as plain data. Handlers are functions from request to response and never see
 * the HTTP library:
 *
 *	enum http_result handle(const struct http_request *request, struct http_response *response, void *app)
 *	{
 *		...fill *response...
 *		return HTTP_DONE;
 *	}
 *
 * A handler that has to wait keeps http_later(request) and returns HTTP_LATER. It must call http_complete()
 * once, on the event loop, with the response; this works even if the client has gone in the meantime.
 */

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_ID_SIZE 129 /* a client's id may have up to 128 visible characters */
#define HTTP_ADDRESS_SIZE 46     /* the longest IPv6 address as text, INET6_ADDRSTRLEN */
#define HTTP_FILE_MIN 65536      /* bytes; copying fewer takes less time than additional system calls */
#define HTTP_HEADERS_MAX 16      /* of a response, without those that the server adds */

enum http_method {
	HTTP_GET = 1 << 0,
	HTTP_HEAD = 1 << 1,
	HTTP_POST = 1 << 2,
	HTTP_OTHER = 1 << 3,
};

enum http_peer {
	HTTP_PEER_UNIX,     /* over a unix socket */
	HTTP_PEER_WEB,      /* aither-web, over its own socket of the worker: may call few routes */
	HTTP_PEER_LOOPBACK, /* over TCP; both ends are loopback addresses */
	HTTP_PEER_REMOTE,   /* over TCP from elsewhere */
};

struct connection; /* private to the server */

struct http_field {               /* of a request */
	const char *name, *value; /* the name in lower case */
};

struct http_request { /* valid until the handler returns; texts are NUL-terminated */
	enum http_method method;
	const char *method_name;
	const char
		*path; /* decoded once, no NUL or control character, valid UTF-8, begins with '/'; or "*" */
	const char *query; /* raw, without '?'; "" if absent */
	const char *tail;  /* for prefix routes: the rest of the path; else "" */
	const char *body;  /* request entity */
	size_t body_length;
	const struct http_field *fields; /* all headers */
	size_t field_count;
	const char *request_id; /* the client's X-Request-Id if it is well formed, else a new UUID */
	enum http_peer peer;
	bool is_http_1_0;
	struct connection *connection; /* NULL in tests of handlers, which must not call http_later */
};

/* A header of the request by its lower-case name; NULL if absent. Several lines with one name are joined to
 * one value with ", " (RFC 9110 section 5.3). Borrowed. */
const char *http_request_header(const struct http_request *request, const char *name);

/* Decodes text[0..length) (RFC 3986 section 2.1) into ret (size bytes, NUL-terminated). Input is decoded
 * once, and ambiguous input is refused, so that no later check can be deceived. -EBADMSG: a bad escape, a
 * control character, or not UTF-8; -E2BIG: too long. With `form`, '+' is a space. Without it, an encoded
 * slash is refused too, because after decoding it would look like a separator of path components. */
int http_decode(const char *text, size_t length, bool form, char *ret, size_t size);

/* Copies a decoded query parameter ("lang=de") into ret[size]; false: absent, too long or not text. The first
 * of several parameters with this name counts. */
bool http_request_parameter(const struct http_request *request, const char *name, char *ret, size_t size);

/* The client's address, without the port: "192.0.2.7" or "2001:db8::1"; "" over a unix socket. An IPv4
 * address is written as such even if the socket is IPv6. */
void http_request_address(const struct http_request *request, char ret_address[static HTTP_ADDRESS_SIZE]);

/* Reads a parameter that is absent (false), 0 or 1; -EINVAL: it has another value. */
int http_request_switch(const struct http_request *request, const char *name, bool *ret);

/* Immutable bytes that several responses share. References are counted, on the loop's thread only. */
struct http_body {
	unsigned references;
	size_t length;
	char *bytes; /* owned */
	int file;    /* the descriptor from which `bytes` are mapped; -1: none */
};

struct http_body *http_body_new(char *owned_bytes, size_t length); /* one reference */
struct http_body *http_body_ref(struct http_body *body);

/* For a body that many responses will share: moves a large body into a file in memory, from which the kernel
 * sends without copying. A small body, or a body for which there is no room, stays where it is. */
void http_body_to_file(struct http_body *body);

/* Releases the pages of a body with a file from the process; the kernel maps them again when they are needed.
 */
void http_body_rest(struct http_body *body);
void http_body_unref(struct http_body *body); /* NULL is accepted */
size_t http_body_total(void);                 /* bytes of all bodies that have not been freed yet */

struct http_header {
	const char *name; /* static, lower case */
	char *value;      /* owned */
};

struct http_response {
	int status;               /* 0 means 500 */
	const char *content_type; /* static; NULL: none */
	struct http_body *body;   /* one reference, owned; NULL: empty */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	bool without_length; /* of a response to HEAD: the length of GET's body is not known */
};

/* Adds a header. The value is copied. A header whose value has control characters is dropped, so that no
 * further header can be smuggled in. */
void http_response_header(struct http_response *response, const char *static_name, const char *value);
void http_response_text(
	struct http_response *response, int status, const char *static_content_type, const char *text);
void http_response_done(struct http_response *response);

enum http_result { HTTP_DONE, HTTP_LATER };

/* A request that has not been answered yet. It outlives the client's connection. */
struct http_pending;
struct http_pending *http_later(const struct http_request *request); /* owned until http_complete */
const char *http_pending_request_id(const struct http_pending *pending);

/* Sends the response (if the client is still connected) and releases both. */
void http_complete(struct http_pending *pending, struct http_response *response);

#endif
