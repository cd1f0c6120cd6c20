/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"

/* The courses whose participants are read. */
struct details_call {
	struct sync_job *job;
	size_t *order;    /* owned; indices of courses */
	const char **ids; /* owned; borrowed texts, in that order */
	size_t count, due;
};

static void details_done(struct details_call *call)
{
	free(call->order);
	free(call->ids);
}

/* A hemera_detail. What makes a page impossible, such as a full disk, ends the sync. */
static int details_receive(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	struct details_call *call = arg;
	struct sync_job *job = call->job;
	struct job_course *course = &job->courses[call->order[index]];

	atomic_fetch_add(&job->options->progress->done, 1);
	course->deferred = state == HEMERA_DETAIL_DEFERRED && !course->fresh;
	if (state == HEMERA_DETAIL_FAILED)
		job_add_course_problem(job, course, problem);
	if (state != HEMERA_DETAIL_READ || job->result < 0)
		return job->result;
	course->read = true;
	job->report->participants_fetched += (unsigned)participants->count;
	job->result = job_make_page(job, course, participants, &job->problem);
	return job->result;
}

/* True in *ret_done: nothing is left to be asked for one by one. */
static int details_read_all(struct details_call *call, bool *ret_done, struct error *err)
{
	struct sync_job *job = call->job;
	struct error problem = { 0 };
	int r = hemera_participations(
		job->client, call->ids, call->count, details_receive, call, ret_done, &problem);

	if (r == 0 || job->result < 0)
		return r;
	if (problem.code == ERROR_HEMERA_AUTH_FAILED || problem.code == ERROR_SHUTTING_DOWN)
		return error_pass(err, &problem);
	/* Without more requests or more time all of them wait for the next sync. Where a single answer took
	 * too long there may be time to ask one by one: the next sync's would take as long. */
	*ret_done = problem.code == ERROR_HEMERA_RATE_LIMITED ||
		    (problem.code == ERROR_HEMERA_TIMEOUT && time_mono_ms() >= job->deadline_mono_ms);
	if (!*ret_done) {
		job_add_problem(job, "participations", &problem);
		return 0;
	}
	for (size_t i = 0; i < call->due; i++)
		job->courses[call->order[i]].deferred = true;
	job->report->retry_after_s = problem.retry_after_s;
	return 0;
}

int job_read_details(struct sync_job *job, struct error *err)
{
	CLEANUP(details_done) struct details_call call = { .job = job };
	bool done = false;
	int r;

	call.order = job_order(job, &call.count, &call.due);
	call.ids = mem_alloc((call.count + 1) * sizeof(*call.ids));
	for (size_t i = 0; i < call.count; i++)
		call.ids[i] = job->courses[call.order[i]].row->id;
	job_set_phase(job, SYNC_PHASE_FETCH, call.count);
	if (call.count == 0)
		return 0;
	r = details_read_all(&call, &done, err);
	if (r == 0 && job->result == 0 && !done) {
		const struct hemera_wanted wanted = { call.ids, call.count, call.due };

		atomic_store(&job->options->progress->done, 0);
		r = hemera_details(
			job->client, &wanted, details_receive, &call, &job->report->retry_after_s, err);
	}
	return job->result < 0 ? error_pass(err, &job->problem) : r;
}
