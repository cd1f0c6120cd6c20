/* SPDX-License-Identifier: MIT */
/* The socket that keeps an address from being bound, in the kernel's tables (tests/data/proc) and in this
 * process. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/port.h"

static void addresses_are_read_as_systemd_writes_them(void **state)
{
	static const struct {
		const char *text;
		bool v6, loopback;
		uint16_t port; /* 0: refused */
	} rows[] = {
		{ "127.0.0.1:3500", false, true, 3500 },
		{ "127.9.9.9:80", false, true, 80 },
		{ "0.0.0.0:65535", false, false, 65535 },
		{ "192.0.2.1:1", false, false, 1 },
		{ "[::1]:3500", true, true, 3500 },
		{ "[::]:3500", true, false, 3500 },
		{ "[2001:db8::1]:3500", true, false, 3500 },
		{ "[::ffff:127.0.0.1]:3500", true, true, 3500 },
		{ "[::ffff:192.0.2.1]:3500", true, false, 3500 },
		{ "[fe80::1%eth0]:3500", true, false, 3500 },
		{ "[::1%lo]:3500", true, true, 3500 },
		{ "3500", true, false, 3500 },
		{ "", false, false, 0 },
		{ ":", false, false, 0 },
		{ "[:1", false, false, 0 },
		{ "[]:1", false, false, 0 },
		{ "::1:3500", false, false, 0 },
		{ "[::1%]:3500", false, false, 0 },
		{ "127.0.0.1:", false, false, 0 },
		{ "127.0.0.1:0", false, false, 0 },
		{ "127.0.0.1:65536", false, false, 0 },
		{ "127.0.0.1:3500x", false, false, 0 },
		{ "localhost:3500", false, false, 0 },
		{ "/run/aither/worker.sock", false, false, 0 },
		{ "@abstract", false, false, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct port_address address = { .port = 7 };
		int r = port_parse(rows[i].text, &address);

		if (r != (rows[i].port ? 0 : -EINVAL) || address.port != (rows[i].port ?: 7))
			fail_msg("%s: %d, port %u", rows[i].text, r, address.port);
		if (r == 0 && (address.v6 != rows[i].v6 || port_is_loopback(&address) != rows[i].loopback))
			fail_msg("%s: wrong kind", rows[i].text);
	}
}

static char *read_table(const char *name)
{
	CLEANUP(buf_done) struct buf content = BUF_INIT(65536);
	CLEANUP(mem_freep)
	char *path = mem_printf("%s/tests/data/proc/%s", getenv("top_srcdir") ?: ".", name);
	struct error err = { 0 };

	if (file_read_path(path, &content, &err) < 0)
		fail_msg("%s", err.message);
	return buf_take(&content);
}

/* The tables show words in the byte order of the machine that wrote them. */
static void the_socket_in_the_way_is_found(void **state)
{
	static const struct {
		const char *name, *table, *wanted;
		uint64_t inode; /* 0: none */
		uid_t uid;
	} rows[] = {
		{ "the same", "tcp", "127.0.0.1:3500", 10002, 1000 },
		{ "all are wanted", "tcp", "0.0.0.0:3500", 10002, 1000 },
		{ "all are wanted, of IPv6 too", "tcp", "3500", 10002, 1000 },
		{ "all are held", "tcp", "127.0.0.1:22", 10001, 0 },
		{ "another address", "tcp", "127.0.0.1:3502", 0, 0 },
		{ "another port", "tcp", "127.0.0.1:3503", 0, 0 },
		{ "a connection does not listen", "tcp", "127.0.0.1:3501", 0, 0 },
		{ "one address of IPv6 and one of IPv4", "tcp", "[::1]:3500", 0, 0 },
		{ "the same of IPv6", "tcp6", "[::1]:3503", 20001, 1000 },
		{ "another one of IPv6", "tcp6", "[::2]:3503", 0, 0 },
		{ "all of IPv6 are held", "tcp6", "[::1]:80", UINT64_C(4294967297), 33 },
		{ "all of IPv6 take IPv4 as well", "tcp6", "127.0.0.1:80", UINT64_C(4294967297), 33 },
		{ "one of IPv6 leaves IPv4 alone", "tcp6", "127.0.0.1:3503", 0, 0 },
	};
	(void)state;

	if (__BYTE_ORDER == __BIG_ENDIAN)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *table = read_table(rows[i].table);
		struct port_address wanted;
		uint64_t inode = 0;
		uid_t uid = 0;

		assert_int_equal(port_parse(rows[i].wanted, &wanted), 0);
		bool found = port_search(table, strcmp(rows[i].table, "tcp6") == 0, &wanted, &inode, &uid);
		if (found != (rows[i].inode != 0) || inode != rows[i].inode || uid != rows[i].uid)
			fail_msg("%s: inode %llu, uid %u", rows[i].name, (unsigned long long)inode, uid);
	}
}

static void other_text_has_no_socket(void **state)
{
	static const char *const texts[] = { "", "\n\n", "   1: 0100007F:0DAC", "   1: 0100:0DAC 0:0 0A",
		"   1: 0100007G:0DAC 00000000:0000 0A 0:0 0:0 0 0 0 5",
		"   1: 0100007F0100007F:0DAC 00000000:0000 0A 0:0 0:0 0 0 0 5" };
	struct port_address wanted;
	uint64_t inode;
	uid_t uid;
	(void)state;

	assert_int_equal(port_parse("127.0.0.1:3500", &wanted), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_false(port_search(texts[i], false, &wanted, &inode, &uid));
}

static int bind_any_port(struct port_address *ret_address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	CLEANUP(mem_freep) char *text = mem_printf("127.0.0.1:%u", ntohs(address.sin_port));
	assert_int_equal(port_parse(text, ret_address), 0);
	return fd;
}

static void the_holder_has_a_name(void **state)
{
	struct port_holder holder;
	struct port_address wanted;
	CLEANUP(file_closep) int fd = bind_any_port(&wanted);

	(void)state;
	assert_false(port_find_holder(&wanted, &holder)); /* bound, but no client can connect */
	assert_int_equal(listen(fd, 1), 0);
	assert_true(port_find_holder(&wanted, &holder));
	assert_int_equal(holder.pid, getpid());
	assert_int_equal(holder.uid, geteuid());
	assert_string_equal(holder.name, "test-cli-port");
}

/* A port of 127.0.0.1, with a listener unless `backlog` is negative. */
static int bind_port(int backlog, struct port_address *ret_address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	*ret_address = (struct port_address){ .bytes = { 127, 0, 0, 1 }, .port = ntohs(address.sin_port) };
	return fd;
}

/* tests/contract/test_doctor_units.py has the answers. */
/* As with a server and its workers: ending one worker would not free the port. */
static void of_several_holders_the_one_with_the_smallest_number_is_named(void **state)
{
	struct port_holder holder;
	struct port_address wanted;
	CLEANUP(file_closep) int fd = bind_any_port(&wanted);
	pid_t smallest = getpid(), children[100];
	int alive[2];

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(pipe(alive), 0);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		char byte;

		children[i] = fork();
		if (children[i] == 0) {
			close(alive[1]);
			_exit(read(alive[0], &byte, 1) == 0 ? 0 : 1);
		}
		assert_true(children[i] > 0);
		if (children[i] < smallest)
			smallest = children[i];
	}
	assert_true(port_find_holder(&wanted, &holder));
	close(alive[1]);
	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		waitpid(children[i], NULL, 0);
	close(alive[0]);
	assert_int_equal(holder.pid, smallest);
}

static void silence_differs_from_refusal(void **state)
{
	struct port_address addresses[4] = { [2] = { .bytes = { 127, 255, 255, 255 }, .port = 1 } };
	CLEANUP(file_closep) int silent = bind_port(1, &addresses[0]);
	CLEANUP(file_closep) int closed = bind_port(-1, &addresses[1]);
	CLEANUP(file_closep) int full = bind_port(0, &addresses[3]);
	int results[4], before[1];

	(void)state;
	assert_true(silent >= 0 && closed >= 0 && full >= 0);
	port_ask(&addresses[3], 1, 1, before); /* takes the only place in its queue */
	assert_int_equal(before[0], -ETIMEDOUT);
	port_ask(addresses, 4, 20, results);
	assert_int_equal(results[0], -ETIMEDOUT);
	assert_int_equal(results[1], -ECONNREFUSED);
	assert_int_equal(results[2], -ENETUNREACH); /* the broadcast address */
	assert_int_equal(results[3], -EINPROGRESS);
}

static void no_address_needs_no_request(void **state)
{
	(void)state;

	port_ask(NULL, 0, 1000, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_as_systemd_writes_them),
		cmocka_unit_test(the_socket_in_the_way_is_found),
		cmocka_unit_test(other_text_has_no_socket),
		cmocka_unit_test(the_holder_has_a_name),
		cmocka_unit_test(of_several_holders_the_one_with_the_smallest_number_is_named),
		cmocka_unit_test(silence_differs_from_refusal),
		cmocka_unit_test(no_address_needs_no_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
