/* SPDX-License-Identifier: MIT */
#include "worker/doctor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/config.h"
#include "http/envelope.h"
#include "http/server.h"
#include "worker/internal.h"

/* In the order in which the answer lists them. */
static const struct {
	void (*check)(const struct doctor_case *about, struct json *checks);
	const char *id, *cause, *remedy; /* for a check that does not return */
} PARTS[] = {
	{ doctor_check_local, "output-directory",
		"the file system of OutputDirectory or TemplateDirectory does not answer", "dmesg | tail" },
	{ doctor_check_hemera, "hemera", "most likely the name servers cannot be reached",
		"cat /etc/resolv.conf" },
	{ doctor_check_fallback, "hemera-fallback", "most likely the name servers cannot be reached",
		"cat /etc/resolv.conf" },
	{ doctor_check_mail, "mail", "most likely the name servers cannot be reached",
		"cat /etc/resolv.conf" },
};

struct part {
	struct thread_job job; /* must be first: the thread casts back */
	struct doctor *doctor;
	struct json *checks; /* owned; belongs to the thread until is_back */
	bool is_back;
};

struct doctor {
	struct worker *worker;
	struct doctor_case about;
	struct json *configuration; /* owned; checks that do not block */
	struct part parts[ARRAY_SIZE(PARTS)];
	unsigned under_way; /* running threads */
	atomic_bool cancelled;
	struct http_pending *waiters[DOCTOR_WAITERS_MAX];
	size_t waiter_count;
};

static void doctor_free(struct doctor *doctor)
{
	for (size_t i = 0; i < ARRAY_SIZE(PARTS); i++)
		json_free(doctor->parts[i].checks);
	json_free(doctor->configuration);
	doctor->worker->doctors--;
	free(doctor);
}

static struct json *doctor_report(const struct doctor *doctor)
{
	struct json *data = json_new_object(), *checks = json_new_array(), *secrets = json_new_array();

	check_add_all(checks, doctor->configuration);
	for (size_t i = 0; i < ARRAY_SIZE(PARTS); i++)
		if (doctor->parts[i].is_back)
			check_add_all(checks, doctor->parts[i].checks);
		else
			check_add(checks, PARTS[i].id, CHECK_FAILED, PARTS[i].remedy,
				"no result after %d s (%s): %s", DOCTOR_TIMEOUT_MS / 1000,
				check_question(PARTS[i].id), PARTS[i].cause);
	for (int i = 0; i < CONFIG_SECRETS; i++)
		if (doctor->about.config->secrets[i])
			json_append(secrets, json_new_string(config_secret_name((enum config_secret)i)));
	json_set(data, "checks", checks);
	json_set(data, "secrets", secrets);
	return data;
}

/* Answers all callers. The last thread frees the doctor; if none is running, this function does. */
static void doctor_end(struct worker *worker, const struct error *problem)
{
	struct doctor *doctor = STEAL(worker->doctor);

	atomic_store(&doctor->cancelled, true);
	server_timer_set(worker->doctor_timer, 0);
	while (doctor->waiter_count > 0) {
		struct http_pending *pending = doctor->waiters[--doctor->waiter_count];
		const char *request_id = http_pending_request_id(pending);
		struct http_response response = { 0 };

		if (problem)
			envelope_error(&response, request_id, problem, NULL);
		else
			envelope_success(&response, request_id, 200, doctor_report(doctor));
		http_complete(pending, &response);
	}
	if (doctor->under_way == 0)
		doctor_free(doctor);
}

static void part_run(struct thread_job *job)
{
	struct part *part = (struct part *)job;

	PARTS[part - part->doctor->parts].check(&part->doctor->about, part->checks);
}

static void part_done(struct thread_job *job)
{
	struct part *part = (struct part *)job;
	struct doctor *doctor = part->doctor;

	part->is_back = true;
	if (--doctor->under_way > 0)
		return;
	if (doctor->worker->doctor == doctor)
		doctor_end(doctor->worker, NULL);
	else
		doctor_free(doctor);
}

static void doctor_start(struct worker *worker)
{
	struct doctor *doctor = worker->doctor = mem_zalloc(sizeof(*doctor));

	worker->doctors++;
	doctor->worker = worker;
	doctor->about = (struct doctor_case){
		.config = worker->options.config,
		.shipped_templates = worker->options.shipped_templates,
		.sync_running = worker->slot == WORKER_SYNCING,
		.cancelled = &doctor->cancelled,
	};
	doctor->configuration = json_new_array();
	doctor_check_configuration(&doctor->about, doctor->configuration);
	server_timer_set(worker->doctor_timer, DOCTOR_TIMEOUT_MS);
	doctor->under_way = ARRAY_SIZE(PARTS);
	for (size_t i = 0; i < ARRAY_SIZE(PARTS); i++) {
		struct part *part = &doctor->parts[i];
		struct error err = { 0 };

		part->doctor = doctor;
		part->checks = json_new_array();
		if (thread_start(worker->queue, &part->job, part_run, part_done, &err) < 0) {
			check_add(part->checks, PARTS[i].id, CHECK_FAILED, NULL, "%s", err.message);
			thread_post(worker->queue, &part->job, part_done);
		}
	}
}

enum http_result doctor_handle(const struct http_request *request, struct http_response *response, void *app)
{
	struct worker *worker = app;

	if (worker->stopping) {
		answer_error(response, request->request_id, ERROR_SHUTTING_DOWN, -ESHUTDOWN,
			"aither-worker is shutting down; try again in a moment");
		return HTTP_DONE;
	}
	if ((worker->doctor && worker->doctor->waiter_count == DOCTOR_WAITERS_MAX) ||
		(!worker->doctor && worker->doctors >= DOCTOR_HANGING_MAX)) {
		answer_error(response, request->request_id, ERROR_WORKER_UNAVAILABLE, -EBUSY,
			"too many checks are running or hanging; try: systemctl restart aither-worker.service");
		return HTTP_DONE;
	}
	if (!worker->doctor)
		doctor_start(worker);
	worker->doctor->waiters[worker->doctor->waiter_count++] = http_later(request);
	return HTTP_LATER;
}

static void on_timeout(void *arg)
{
	struct worker *worker = arg;

	if (worker->doctor)
		doctor_end(worker, NULL);
}

void doctor_init(struct worker *worker)
{
	worker->doctor_timer = server_timer(worker->server, on_timeout, worker);
}

void doctor_stop(struct worker *worker)
{
	struct error problem = { 0 };

	if (!worker->doctor)
		return;
	error_fail(&problem, ERROR_SHUTTING_DOWN, -ESHUTDOWN, "aither-worker is shutting down");
	doctor_end(worker, &problem);
}
