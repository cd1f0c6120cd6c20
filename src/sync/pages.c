/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "published/published.h"
#include "render/page.h"
#include "render/template.h"

/* Pages have one language; a visitor's browser has no say in it. */
static const struct texts *pages_texts(const struct sync_job *job)
{
	bool english = job->options->config->site.language == CONFIG_LANGUAGE_EN;

	return job->library.texts[english ? LANGUAGE_EN : LANGUAGE_DE];
}

static void pages_keep(struct sync_job *job, struct job_course *course, enum job_outcome outcome)
{
	course->outcome = outcome;
	if (course->there && outcome != JOB_FAILED)
		job->report->files_skipped++;
}

static void pages_defer(struct sync_job *job, struct job_course *course)
{
	course->deferred = true;
	pages_keep(job, course, JOB_KEPT);
}

static void pages_fail(struct sync_job *job, struct job_course *course, const struct error *problem)
{
	job_add_course_problem(job, course, problem);
	pages_keep(job, course, JOB_FAILED);
}

/* The text of a page that has to be made goes to disk at once, so that memory holds one at a time. */
static int pages_write(struct sync_job *job, struct job_course *course, struct error *err)
{
	CLEANUP(mem_freep) char *path = mem_printf(PUBLISHED_COURSES "/%s", course->name);
	uint64_t total = job->pages_size - course->size + job->page.length;
	int r;

	/* In place of a page that is not smaller there always is room. */
	if (total > PUBLISHED_COURSES_MAX && job->page.length > course->size) {
		struct error problem;

		error_fail(&problem, ERROR_TEMPLATE, -E2BIG,
			"with its page of %zu bytes all course pages together become larger than %d bytes",
			job->page.length, PUBLISHED_COURSES_MAX);
		pages_fail(job, course, &problem);
		return 0;
	}
	job->pages_size = total;
	course->size = job->page.length;
	course->outcome = JOB_WRITTEN;
	if (job->options->dry_run) {
		report_add_change(job->report, path);
		return 0;
	}
	r = publish_add(&job->out, course->name, buf_text(&job->page), job->page.length, &course->page, err);
	if (r < 0)
		course->outcome = JOB_FAILED;
	return r;
}

static int pages_render(struct sync_job *job, struct job_course *course, const struct template *tmpl,
	const struct participants *participants, struct error *err)
{
	const struct texts *texts = pages_texts(job);
	CLEANUP(json_freep)
	struct json *data = page_course_data(course->row, participants, texts, job->report->start_ms);
	const struct template_stop stop = { job->options->cancelled,
		job->deadline_mono_ms + JOB_RENDER_GRACE_MS };
	struct error problem = { 0 };
	int r;

	buf_clear(&job->page);
	r = template_render(tmpl, data, texts, &stop, &job->page, &problem);
	if (r == -ECANCELED)
		return error_pass(err, &problem);
	if (r == -ETIMEDOUT) {
		pages_defer(job, course);
		return 0;
	}
	if (r < 0) {
		pages_fail(job, course, &problem);
		return 0;
	}
	return pages_write(job, course, err);
}

static int pages_make(struct sync_job *job, struct job_course *course,
	const struct participants *participants, struct error *err)
{
	const struct texts *texts = pages_texts(job);
	const struct template *tmpl = templates_for(&job->templates, course->row->id, texts);

	if (!tmpl && (course->there || course->on_disk)) {
		pages_keep(job, course, JOB_KEPT);
		return 0;
	}
	tmpl = tmpl ? tmpl : job->library.course;
	page_fingerprint(course->row, participants, tmpl, texts, course->hash);
	if (course->there && strcmp(course->entry->name, course->name) == 0 &&
		strcmp(course->entry->hash, course->hash) == 0) {
		pages_keep(job, course, JOB_CURRENT);
		return 0;
	}
	return pages_render(job, course, tmpl, participants, err);
}

int job_make_page(struct sync_job *job, struct job_course *course, const struct participants *participants,
	struct error *err)
{
	uint64_t start_ms = time_mono_ms();
	int r;

	if (start_ms > job->deadline_mono_ms + JOB_RENDER_GRACE_MS) {
		pages_defer(job, course);
		return 0;
	}
	if ((job->templates_unknown && (course->there || course->on_disk)) || job->templates_limited) {
		course->deferred |= job->templates_limited && (!course->there || course->changed);
		pages_keep(job, course, JOB_KEPT);
		return 0;
	}
	r = pages_make(job, course, participants, err);
	job->report->render_ms += time_mono_ms() - start_ms;
	return r;
}

int job_make_rest(struct sync_job *job, struct error *err)
{
	static const struct participants nobody = { 0 };
	int r = 0;

	job_set_phase(job, SYNC_PHASE_RENDER, job->count);
	for (size_t i = 0; i < job->count && r == 0; i++) {
		struct job_course *course = &job->courses[i];
		bool is_pending = course->there && course->entry->seen_ms == 0;

		atomic_store(&job->options->progress->done, (unsigned)i);
		if (course->outcome != JOB_OPEN)
			continue;
		/* A page that may show participants stays until they are read again, also one of which the
		 * manifest says nothing: it was lost, or the page was put back from a backup. One that says
		 * they are still to come, or none, is made from the list's row. */
		course->read = course->row->participant_count == 0;
		if (course->read)
			r = job_make_page(job, course, &nobody, err);
		else if (is_pending || (!course->there && !course->on_disk))
			r = job_make_page(job, course, NULL, err);
		else
			pages_keep(job, course, JOB_KEPT);
	}
	return r;
}

/* ---- participants ---- */

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
