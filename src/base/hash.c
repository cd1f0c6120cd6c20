/* SPDX-License-Identifier: MIT */
/* OpenSSL 3.0 deprecates the plain functions for SHA-256 in favour of providers. Loading providers (with
 * configuration and tables of names) would cost aither-web and each sync 0.9 ms and 140 KB before the first
 * digest. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/buf.h"
#include "base/mem.h"

#define UUID_BYTES 16
#define GETENTROPY_MAX 256 /* getentropy(3) */

static void hash_to_hex(const unsigned char *bytes, size_t length, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*ret_hex++ = digits[bytes[i] >> 4];
		*ret_hex++ = digits[bytes[i] & 15];
	}
	*ret_hex = '\0';
}

static void hash_digest(
	const void *bytes, size_t length, unsigned char ret_digest[static SHA256_DIGEST_LENGTH])
{
	SHA256_CTX context;

	SHA256_Init(&context); /* these functions cannot fail */
	SHA256_Update(&context, bytes, length);
	SHA256_Final(ret_digest, &context);
}

void hash_hex(const void *bytes, size_t length, char ret_hex[static HASH_HEX_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	hash_digest(bytes, length, digest);
	hash_to_hex(digest, sizeof(digest), ret_hex);
}

void hash_base64(const void *bytes, size_t length, char ret_text[static HASH_BASE64_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	hash_digest(bytes, length, digest);
	EVP_EncodeBlock((unsigned char *)ret_text, digest, sizeof(digest));
}

void hash_add_field(struct buf *fields, const char *text)
{
	uint64_t length = htole64(text ? strlen(text) : 0); /* the same digest on every architecture */

	buf_append_char(fields, text ? 1 : 0);
	buf_append(fields, &length, sizeof(length));
	buf_append_text(fields, text ? text : "");
}

void hash_uuid(char ret_uuid[static HASH_UUID_SIZE])
{
	/* From the kernel, because libcrypto's generator takes 200 KB. As many at a time as the kernel gives,
	 * because each request has an id. */
	static _Thread_local unsigned char pool[GETENTROPY_MAX];
	static _Thread_local size_t pool_left;
	static const unsigned char group_ends[] = { 8, 12, 16, 20, 32 };
	char hex[UUID_BYTES * 2 + 1];
	size_t from = 0;

	if (pool_left == 0) {
		if (getentropy(pool, sizeof(pool)) < 0) {
			fputs("the kernel has no random bytes\n", stderr);
			abort();
		}
		pool_left = sizeof(pool);
	}
	pool_left -= UUID_BYTES;
	unsigned char *random = pool + pool_left;
	random[6] = (unsigned char)((random[6] & 0x0f) | 0x40); /* version 4 */
	random[8] = (unsigned char)((random[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
	hash_to_hex(random, UUID_BYTES, hex);
	for (size_t i = 0; i < ARRAY_SIZE(group_ends); from = group_ends[i++]) {
		memcpy(ret_uuid + from + i, hex + from, group_ends[i] - from);
		ret_uuid[group_ends[i] + i] = '-';
	}
	ret_uuid[HASH_UUID_SIZE - 1] = '\0';
}

bool hash_secret_equal(const char *given, size_t given_length, const char *secret)
{
	size_t secret_length = secret ? strlen(secret) : 0;
	bool same_length = given_length == secret_length;

	/* An empty text must not match a secret that is not set. */
	if (secret_length == 0)
		return false;
	/* If the lengths differ, compare `given` with itself, so that the time stays the same. */
	return (CRYPTO_memcmp(given, same_length ? secret : given, given_length) == 0) & same_length;
}

/* Decodes `digits` digits without padding and returns the number of bytes. `ret` is large enough. */
static int hash_base64_digits(const char *text, size_t digits, char *ret)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, bit_count = 0;
	int length = 0;

	for (size_t i = 0; i < digits; i++) {
		const char *digit = memchr(alphabet, text[i], sizeof(alphabet) - 1);

		if (!digit)
			return -EBADMSG;
		bits = (bits << 6 | (unsigned)(digit - alphabet)) & 0xfff;
		bit_count += 6;
		if (bit_count < 8)
			continue;
		bit_count -= 8;
		ret[length] = (char)(bits >> bit_count & 0xff);
		if (ret[length++] == '\0')
			return -EBADMSG;
	}
	/* Left-over bits must be zero, so that each value has only one spelling (RFC 4648, section 3.5). */
	return (bits & ((1u << bit_count) - 1)) == 0 ? length : -EBADMSG;
}

int hash_base64_decode(const char *text, size_t length, char *ret, size_t size_max)
{
	size_t padding = 0;
	int decoded;

	if (size_max == 0)
		return -EBADMSG;
	ret[0] = '\0';
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	if (length % 4 != 0 || length / 4 > (size_t)INT32_MAX / 3 || length / 4 * 3 - padding >= size_max)
		return -EBADMSG;

	decoded = hash_base64_digits(text, length - padding, ret);
	ret[decoded < 0 ? 0 : decoded] = '\0';
	return decoded;
}
