/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_HEMERA_SCRIPT_H
#define AITHER_TESTS_HEMERA_SCRIPT_H

/*
 * A minimal Hemera for tests of the client: an HTTP server on a thread and a loopback port that answers
 * from a script. Each request gets the first reply whose path is a prefix of its target and that is not
 * used up. If there is none, the request gets Hemera's HTML 404.
 *
 *	SCRIPT_TEST(a_test_function)	in the list of tests
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "hemera/budget.h"
#include "hemera/client.h"

#define SCRIPT_TEST(function) cmocka_unit_test_setup_teardown(function, script_setup, script_teardown)
#define SCRIPT_KEY "unit-test-key-0123456789-abcdefghij"
#define SCRIPT_PATIENCE_MS 60000 /* only a failing test waits this long */
#define LIST_PATH "/api/service/courses?"
#define DETAIL_PATH "/api/service/courses/"

enum script_manner {
	SCRIPT_ANSWER,
	SCRIPT_CLOSE, /* closes the connection without an answer */
	SCRIPT_HANG,  /* never answers */
};

struct script_reply {
	const char *path;
	int status;
	const char *body;    /* borrowed until the end of the test */
	const char *type;    /* NULL: application/json */
	const char *headers; /* further lines, each with its CRLF; NULL: none */
	unsigned count;      /* 0: for ever */
	enum script_manner manner;
};

extern struct hemera_options script_options; /* reset for every test: this server, the key, short limits */
extern struct budget script_budget;          /* 100000 a minute unless the test sets another */

int script_setup(void **state);
int script_teardown(void **state);

void script_add(struct script_reply reply);
void script_gather(unsigned requests);       /* no answer until this many requests wait together */
void script_on_request(atomic_bool *raised); /* set when a request has arrived */

unsigned script_count(const char *path); /* requests whose target begins with it */
unsigned script_connections(void);       /* opened so far */
const char *script_heads(void);          /* heads of all requests so far */
const char *script_dead_origin(void);    /* a port without a listener */

/* A new client with script_options reads the list; script_problems() has the problems with single rows,
 * each as "entity: message\n". */
int script_read_list(struct hemera_list *ret_list, struct error *err);
hemera_problem script_on_problem;
const char *script_problems(void);

char *script_list_body(unsigned from, unsigned to); /* rows c<from> to c<to - 1>, owned by the script */
char *script_printf(const char *format, ...) __attribute__((format(printf, 1, 2))); /* owned by the script */

#endif
