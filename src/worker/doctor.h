/* SPDX-License-Identifier: MIT */
#ifndef AITHER_WORKER_DOCTOR_H
#define AITHER_WORKER_DOCTOR_H

/*
 * GET /internal/doctor: the checks that need the worker's rights, secrets and network access. They work even
 * if the worker is not configured. The data of the answer:
 *
 *	{"checks":[{"name","status","message","remedy"},...],        see base/check.h
 *	 "secrets":["hemera-api-key",...]}                           names of the loaded secrets
 *
 * Checks that may hang (on a name server, a mail server, a network file system) run on threads of their own.
 * After DOCTOR_TIMEOUT_MS the answer is sent; a check that has no result by then has failed, and its later
 * result is discarded. Requests that arrive while checks are running get the same answer.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "http/http.h"

struct config;
struct json;
struct worker;

#define DOCTOR_TIMEOUT_MS 12000 /* so that the answer arrives within 15 s, even on a busy machine */
#define DOCTOR_NET_TIMEOUT_MS 10000
#define DOCTOR_WAITERS_MAX 8
#define DOCTOR_HANGING_MAX 4 /* calls whose threads hang; beyond that, new calls are refused */

void doctor_init(struct worker *worker); /* before the loop turns */
enum http_result doctor_handle(const struct http_request *request, struct http_response *response, void *app);
void doctor_stop(struct worker *worker); /* when the worker stops: answers all callers at once */

/* ---- the checks (doctor-checks.c); each adds to `checks` ---- */

struct doctor_case { /* input of the checks, for any thread; borrowed */
	const struct config *config;
	const char *shipped_templates;
	bool sync_running;            /* so Hemera is not checked */
	const atomic_bool *cancelled; /* the answer has been sent */
};

void doctor_check_configuration(const struct doctor_case *about, struct json *checks); /* does not block */
void doctor_check_local(const struct doctor_case *about, struct json *checks);
void doctor_check_hemera(const struct doctor_case *about, struct json *checks);
void doctor_check_fallback(const struct doctor_case *about, struct json *checks);
void doctor_check_mail(const struct doctor_case *about, struct json *checks);

#endif
