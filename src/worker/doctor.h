/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_DOCTOR_H
#define AITHER_WORKER_DOCTOR_H

/*
 * GET /internal/doctor: the checks that only this process can make, with its rights, its secrets and its
 * network, even when it is not configured. The data of the answer:
 *
 *	{"checks":[{"name","status","message","remedy"},...],        see base/check.h
 *	 "secrets":["hemera-api-key",...]}                           names of those that are loaded
 *
 * Checks that may hang (on a name server, a mail server, a network file system) run on a thread of their own;
 * after DOCTOR_TIMEOUT_MS the answer is sent, and a check without a result has failed. The results of threads
 * that return later are discarded. Calls that arrive in the meantime share the answer.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "http/http.h"

struct config;
struct json;
struct worker;

#define DOCTOR_TIMEOUT_MS 12000 /* the answer within 15 s, also on a busy machine */
#define DOCTOR_NET_TIMEOUT_MS 10000
#define DOCTOR_WAITERS_MAX 8
#define DOCTOR_HANGING_MAX 4 /* calls with a thread that has not returned; then new calls are refused */

void doctor_init(struct worker *worker); /* before the loop turns */
enum http_result doctor_handle(const struct http_request *request, struct http_response *response, void *app);
void doctor_stop(struct worker *worker); /* the worker stops: answers at once */

/* ---- the checks (doctor-checks.c); each adds to `checks` ---- */

struct doctor_case { /* the checks' input, for any thread; borrowed */
	const struct config *config;
	const char *shipped_templates;
	bool sync_running;            /* Hemera is busy with it */
	const atomic_bool *cancelled; /* the answer has been sent */
};

void doctor_check_configuration(const struct doctor_case *about, struct json *checks); /* does not block */
void doctor_check_local(const struct doctor_case *about, struct json *checks);
void doctor_check_hemera(const struct doctor_case *about, struct json *checks);
void doctor_check_fallback(const struct doctor_case *about, struct json *checks);
void doctor_check_mail(const struct doctor_case *about, struct json *checks);

#endif
