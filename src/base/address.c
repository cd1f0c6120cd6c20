/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* Only characters without a special meaning in URLs and shells. */
#define ZONE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~"

bool address_parse_v6(const char *text, void *ret_bytes, unsigned *ret_scope)
{
	size_t length = strcspn(text, "%");
	const char *zone = text + length;
	char address[INET6_ADDRSTRLEN];

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (*zone == '%') {
		zone += strncmp(zone, "%25", 3) == 0 && zone[3] ? 3 : 1;
		length = strspn(zone, ZONE_CHARACTERS);
		if (length == 0 || length >= IF_NAMESIZE || zone[length] != '\0')
			return false;
	}
	if (inet_pton(AF_INET6, address, ret_bytes) != 1)
		return false;
	if (ret_scope && zone[strspn(zone, "0123456789")] == '\0') /* also without a zone */
		*ret_scope = (unsigned)strtoul(zone, NULL, 10);
	else if (ret_scope)
		*ret_scope = if_nametoindex(zone);
	return true;
}

bool address_is_loopback(int family, const void *bytes)
{
	static const unsigned char one[16] = { [15] = 1 }, mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *v4 = bytes;

	if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
		v4 += sizeof(mapped);
	else if (family == AF_INET6)
		return memcmp(bytes, one, sizeof(one)) == 0;
	else if (family != AF_INET)
		return false;
	return v4[0] == IN_LOOPBACKNET;
}

bool address_is_local_host(const char *host)
{
	CLEANUP(mem_freep) char *name = mem_strdup(host);
	size_t length = strlen(name);
	struct in6_addr v6;
	struct in_addr v4;

	if (name[0] == '[' && name[length - 1] == ']') {
		name[length - 1] = '\0';
		return address_parse_v6(name + 1, &v6, NULL) && address_is_loopback(AF_INET6, &v6);
	}
	if (length > 0 && name[length - 1] == '.')
		name[length - 1] = '\0';
	return strcasecmp(name, "localhost") == 0 ||
	       (inet_pton(AF_INET, name, &v4) == 1 && address_is_loopback(AF_INET, &v4));
}
