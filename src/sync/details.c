/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

/* One request for courses' participants: which course is behind each id that was asked for. */
struct details_call {
	struct sync_job *job;
	size_t *order;    /* owned; indices of courses */
	const char **ids; /* owned; borrowed texts */
	size_t count, due;
};

static void details_done(struct details_call *call)
{
	mem_freep(&call->order);
	mem_freep(&call->ids);
}

static void details_fill_ids(struct details_call *call)
{
	call->ids = mem_alloc((call->count + 1) * sizeof(*call->ids));
	for (size_t i = 0; i < call->count; i++)
		call->ids[i] = call->job->courses[call->order[i]].row->id;
}

/* A hemera_detail. What makes a page impossible, such as a full disk, ends the sync. */
static int details_receive(void *arg, size_t index, enum hemera_detail_state state,
	const struct json *participants, const struct error *problem)
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
	job->report->participants_fetched += (unsigned)json_count(participants);
	job->result = job_make_page(job, course, participants, &job->problem);
	return job->result;
}

static void details_defer(struct details_call *call, unsigned retry_after_s)
{
	for (size_t i = 0; i < call->due; i++)
		call->job->courses[call->order[i]].deferred = true;
	call->job->report->retry_after_s = retry_after_s;
}

/* Were the participations left unread because the sync had no more requests or no more time? Where a single
 * answer took too long there may be time to ask one by one: the next sync's would take as long. */
static bool details_have_to_wait(const struct sync_job *job, enum error_code code)
{
	return code == ERROR_HEMERA_RATE_LIMITED ||
	       (code == ERROR_HEMERA_TIMEOUT && time_mono_ms() >= job->deadline_mono_ms);
}

/* True in *ret_done: nothing is left to be asked for one by one. */
static int details_read_all(struct details_call *call, bool *ret_done, struct error *err)
{
	struct error problem = { 0 };
	int r = hemera_participations(
		call->job->client, call->ids, call->count, details_receive, call, ret_done, &problem);

	if (r == 0 || call->job->result < 0)
		return r;
	if (problem.code == ERROR_HEMERA_AUTH_FAILED || problem.code == ERROR_SHUTTING_DOWN)
		return error_pass(err, &problem);
	*ret_done = details_have_to_wait(call->job, problem.code);
	if (*ret_done)
		details_defer(call, problem.retry_after_s);
	else
		job_add_problem(call->job, "participations", &problem);
	return 0;
}

static int details_read_each(struct details_call *call, struct error *err)
{
	const struct hemera_wanted wanted = { call->ids, call->count, call->due };

	atomic_store(&call->job->options->progress->done, 0);
	return hemera_details(
		call->job->client, &wanted, details_receive, call, &call->job->report->retry_after_s, err);
}

int job_read_details(struct sync_job *job, struct error *err)
{
	CLEANUP(details_done) struct details_call call = { .job = job };
	bool done = false;
	int r;

	call.order = job_order(job, &call.count, &call.due);
	details_fill_ids(&call);
	job_set_phase(job, SYNC_PHASE_FETCH, call.count);
	if (call.count == 0)
		return 0;
	r = details_read_all(&call, &done, err);
	if (r == 0 && job->result == 0 && !done)
		r = details_read_each(&call, err);
	return job->result < 0 ? error_pass(err, &job->problem) : r;
}
