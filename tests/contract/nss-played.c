/* SPDX-License-Identifier: MIT */
/* libnss_played.so.2, a module of the name service (nss(5)): it knows one name, played.test, at 127.0.0.1.
 * Like every module that is not inside libc, it is loaded when a program first needs it. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <stddef.h>
#include <string.h>

enum nss_status _nss_played_gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buffer,
	size_t size, int *ret_errno, int *ret_h_errno);

enum nss_status _nss_played_gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buffer,
	size_t size, int *ret_errno, int *ret_h_errno)
{
	static const char known[] = "played.test";
	struct {
		char *addresses[2], *aliases[1];
		struct in_addr address;
		char name[sizeof(known)];
	} found = { .address.s_addr = htonl(INADDR_LOOPBACK), .name = "played.test" };

	if (family != AF_INET || strcmp(name, known) != 0) {
		*ret_errno = ENOENT;
		*ret_h_errno = HOST_NOT_FOUND;
		return NSS_STATUS_NOTFOUND;
	}
	if (size < sizeof(found)) {
		*ret_errno = ERANGE;
		*ret_h_errno = NETDB_INTERNAL;
		return NSS_STATUS_TRYAGAIN;
	}
	found.addresses[0] = buffer + offsetof(__typeof__(found), address);
	memcpy(buffer, &found, sizeof(found));
	*ret = (struct hostent){ .h_name = buffer + offsetof(__typeof__(found), name),
		.h_aliases = (char **)(buffer + offsetof(__typeof__(found), aliases)),
		.h_addrtype = AF_INET,
		.h_length = sizeof(found.address),
		.h_addr_list = (char **)(buffer + offsetof(__typeof__(found), addresses)) };
	return NSS_STATUS_SUCCESS;
}
