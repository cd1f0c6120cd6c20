/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_HASH_H
#define AITHER_BASE_HASH_H

/*
 * SHA-256 (FIPS 180-4), random identifiers and comparison in constant time. The only module that uses
 * OpenSSL.
 */

#include <stdbool.h>
#include <stddef.h>

#define HASH_HEX_SIZE 65    /* 64 lower-case hexadecimal digits and NUL */
#define HASH_BASE64_SIZE 45 /* 44 characters and NUL */
#define HASH_UUID_SIZE 37   /* 36 characters and NUL */

struct buf;

void hash_hex(const void *bytes, size_t length, char ret_hex[static HASH_HEX_SIZE]);
void hash_base64(const void *bytes, size_t length, char ret_text[static HASH_BASE64_SIZE]);

/* Appends a text with its length, for a digest over several texts: "ab","c" and "a","bc" give different
 * digests, and so do NULL and the empty text. */
void hash_add_field(struct buf *fields, const char *text);

/* A random UUID (RFC 9562, version 4). */
void hash_uuid(char ret_uuid[static HASH_UUID_SIZE]);

/* Are the texts equal? The time depends only on the length of `given`, not on where the texts differ. Never
 * true if `secret` is NULL or empty. */
bool hash_secret_equal(const char *given, size_t given_length, const char *secret);

/* Decodes standard base64 (RFC 4648, padded) into `ret` and terminates it with NUL. Returns the
 * number of bytes, or -EBADMSG (not base64, a NUL inside, more than size_max - 1 bytes): then `ret`
 * is the empty text. */
int hash_base64_decode(const char *text, size_t length, char *ret, size_t size_max);

#endif
