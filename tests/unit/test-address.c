/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/mem.h"

static void an_ipv6_address_may_have_a_zone(void **state)
{
	static const struct {
		const char *text, *address; /* NULL: none */
	} rows[] = {
		{ "::1", "::1" },
		{ "2001:DB8:0::1", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "fe80::1%eth0", "fe80::1" },
		{ "fe80::1%25eth0", "fe80::1" },
		{ "fe80::1%enp0s31f6.100", "fe80::1" },
		{ "fe80::1%2", "fe80::1" },
		{ "fe80::1%25", "fe80::1" },
		{ "", NULL },
		{ "127.0.0.1", NULL },
		{ "[::1]", NULL },
		{ "fe80::1%", NULL },
		{ "fe80::1%et h0", NULL },
		{ "fe80::1%eth0%eth1", NULL },
		{ "fe80::1%a-name-of-more-than-15", NULL },
		{ "%eth0", NULL },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char printed[INET6_ADDRSTRLEN] = "";
		struct in6_addr address;
		bool is_one = address_parse_v6(rows[i].text, &address, NULL);

		if (is_one)
			inet_ntop(AF_INET6, &address, printed, sizeof(printed));
		if (is_one != (rows[i].address != NULL) || (is_one && strcmp(printed, rows[i].address) != 0))
			fail_msg("%s: %s", rows[i].text, printed);
	}
}

static void a_zone_is_the_number_or_the_name_of_an_interface(void **state)
{
	unsigned loopback = if_nametoindex("lo"), scope = 99;
	struct in6_addr address;

	(void)state;
	assert_true(address_parse_v6("fe80::1%lo", &address, &scope));
	assert_int_equal(scope, loopback);
	assert_true(address_parse_v6("fe80::1%25lo", &address, &scope));
	assert_int_equal(scope, loopback);
	assert_true(address_parse_v6("fe80::1%7", &address, &scope));
	assert_int_equal(scope, 7);
	assert_true(address_parse_v6("fe80::1%no-such-one", &address, &scope));
	assert_int_equal(scope, 0);
	assert_true(address_parse_v6("::1", &address, &scope));
	assert_int_equal(scope, 0);
}

static void this_machine_is_known_in_every_spelling(void **state)
{
	static const struct {
		const char *host;
		bool local;
	} rows[] = {
		{ "localhost", true },
		{ "LocalHost.", true },
		{ "127.0.0.1", true },
		{ "127.0.0.1.", true },
		{ "127.255.255.254", true },
		{ "[::1]", true },
		{ "[0:0:0:0:0:0:0:1]", true },
		{ "[0000::0001]", true },
		{ "[::0.0.0.1]", true },
		{ "[::1%lo]", true },
		{ "[::1%25lo]", true },
		{ "[::ffff:127.0.0.1]", true },
		{ "[::FFFF:7f01:203]", true },
		{ "", false },
		{ ".", false },
		{ "[", false },
		{ "[]", false },
		{ "::1", false },
		{ "[127.0.0.1]", false },
		{ "[::2]", false },
		{ "[::]", false },
		{ "[::127.0.0.1]", false },
		{ "[::ffff:192.0.2.1]", false },
		{ "[fe80::1%lo]", false },
		{ "0.0.0.0", false },
		{ "128.0.0.1", false },
		{ "192.0.2.127", false },
		{ "localhost..", false },
		{ "localhost.example.org", false },
		{ "127.0.0.1.example.org", false },
		{ "notlocalhost", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (address_is_local_host(rows[i].host) != rows[i].local)
			fail_msg("%s", rows[i].host);
	assert_false(address_is_loopback(AF_UNIX, "\177\0\0\1"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv6_address_may_have_a_zone),
		cmocka_unit_test(a_zone_is_the_number_or_the_name_of_an_interface),
		cmocka_unit_test(this_machine_is_known_in_every_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
