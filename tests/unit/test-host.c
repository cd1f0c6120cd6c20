/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/host.h"

/* The machine as the function sees it. */
static const char *machine;
static struct hostent *hosts;
static size_t hosts_next;

int gethostname(char *name, size_t size)
{
	snprintf(name, size, "%s", machine);
	return 0;
}

void sethostent(int stay_open)
{
	(void)stay_open;
	hosts_next = 0;
}

struct hostent *gethostent(void)
{
	return hosts && hosts[hosts_next].h_name ? &hosts[hosts_next++] : NULL;
}

void endhostent(void)
{
}

/* A process looks the name up only once, so each row runs in a child. */
static void assert_host(const char *wanted)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(strcmp(host_name(), wanted) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("machine \"%s\" is not called %s", machine, wanted);
}

static void a_host_name_with_a_domain_is_taken_as_it_is(void **state)
{
	(void)state;
	machine = "www.example.org";
	assert_host("www.example.org");
}

static void the_domain_is_looked_up_in_the_hosts_file(void **state)
{
	char *none[] = { NULL }, *aliases[] = { "other", "WWW", NULL };
	struct hostent table[] = {
		{ .h_name = "localhost", .h_aliases = none },
		{ .h_name = "www", .h_aliases = none },
		{ .h_name = "www.example.org", .h_aliases = aliases },
		{ .h_name = "www.later.org", .h_aliases = aliases },
		{ .h_name = NULL },
	};

	(void)state;
	hosts = table;
	machine = "www";
	assert_host("www.example.org");
	machine = "elsewhere";
	assert_host("elsewhere");
	hosts = NULL;
}

static void a_name_unfit_for_mail_is_ignored(void **state)
{
	char *aliases[] = { "www", NULL };
	struct hostent table[] = { { .h_name = "a b.org", .h_aliases = aliases }, { .h_name = NULL } };

	(void)state;
	machine = "";
	assert_host("localhost");
	machine = "(none)";
	assert_host("localhost");
	machine = "..";
	assert_host("localhost");
	hosts = table;
	machine = "www";
	assert_host("www");
	hosts = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_name_with_a_domain_is_taken_as_it_is),
		cmocka_unit_test(the_domain_is_looked_up_in_the_hosts_file),
		cmocka_unit_test(a_name_unfit_for_mail_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
