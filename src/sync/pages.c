/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "hemera/client.h"
#include "published/published.h"
#include "render/page.h"
#include "render/template.h"

/* Rendering may go on this long after TimeLimitSec, which ends the requests. Pages that are not ready by then
 * wait for the next sync, so that a slow template cannot delay the answer beyond five seconds after
 * TimeLimitSec. */
#define PAGES_GRACE_MS 3000

/* ---- Hemera's templates ---- */

/* Sorts templates for all courses first, then by course, then the highest version first, then by id, so that
 * the order of equal versions is fixed. Versions are compared as ls -v compares file names: "10" is above
 * "9", a later date above an earlier one, and any version above none. */
static int templates_compare(const void *a, const void *b)
{
	const struct hemera_template *left = ((const struct job_template *)a)->source;
	const struct hemera_template *right = ((const struct job_template *)b)->source;
	int order = !left->course_id || !right->course_id
			    ? (left->course_id != NULL) - (right->course_id != NULL)
			    : strcmp(left->course_id, right->course_id);

	if (order == 0)
		order = strverscmp(right->version, left->version);
	return order ? order : strcmp(left->id, right->id);
}

int job_read_templates(struct sync_job *job, struct error *err)
{
	struct error problem = { 0 };
	int r = hemera_templates(
		job->client, &job->fetched, &job->template_count, job_add_problem, job, &problem);

	if (r == 0) {
		job->templates = mem_zalloc((job->template_count + 1) * sizeof(*job->templates));
		for (size_t i = 0; i < job->template_count; i++) {
			job->templates[i].source = &job->fetched[i];
			job->report->templates_fetched += job->fetched[i].markup != NULL;
		}
		qsort(job->templates, job->template_count, sizeof(*job->templates), templates_compare);
		job->manifest.hemera_templates =
			job->template_count > 0 ? MANIFEST_TEMPLATES_SOME : MANIFEST_TEMPLATES_NONE;
		return 0;
	}
	if (problem.code == ERROR_HEMERA_AUTH_FAILED || problem.code == ERROR_SHUTTING_DOWN)
		return error_pass(err, &problem);
	/* The shipped template must not replace Hemera's on all pages: unless Hemera is known to have none,
	 * pages stay as they are. When the budget is used up, no page is made at all: the next sync has a new
	 * budget. */
	if (problem.code == ERROR_HEMERA_RATE_LIMITED) {
		job->templates_limited = job->manifest.hemera_templates != MANIFEST_TEMPLATES_NONE;
		job->report->retry_after_s = problem.retry_after_s;
		return 0;
	}
	job_add_problem(job, "templates", &problem);
	job->templates_unknown = job->manifest.hemera_templates != MANIFEST_TEMPLATES_NONE;
	return 0;
}

/* Chooses the template of a course's page: Hemera's for that course, else Hemera's for all courses, else the
 * library's. If Hemera's does not compile, this is reported once and the library's is used. Borrowed; NULL:
 * Hemera has one that cannot be read. `texts` are in the pages' language. */
static const struct template *templates_for(
	struct sync_job *job, const char *course_id, const struct texts *texts)
{
	struct job_template *best = NULL;

	for (size_t i = 0; i < job->template_count; i++) {
		struct job_template *item = &job->templates[i];

		if (!item->source->course_id) {
			best = best ? best : item;
		} else if (strcmp(item->source->course_id, course_id) == 0) {
			best = item;
			break;
		}
	}
	if (best && !best->source->markup)
		return NULL;
	if (best && !best->tried) {
		CLEANUP(mem_freep) char *name = mem_printf("template %s", best->source->id);
		struct error problem = { 0 };

		best->tried = true;
		if (library_compile(
			    &job->library, name, best->source->markup, texts, &best->compiled, &problem) < 0)
			job_add_problem(job, name, &problem);
	}
	return best && best->compiled ? best->compiled : job->library.course;
}

/* ---- one page ---- */

static void pages_keep(struct sync_job *job, struct job_course *course, enum job_outcome outcome)
{
	course->outcome = outcome;
	job->report->files_skipped += course->there;
}

static void pages_defer(struct sync_job *job, struct job_course *course)
{
	course->deferred = true;
	pages_keep(job, course, JOB_KEPT);
}

static void pages_fail(struct sync_job *job, struct job_course *course, const struct error *problem)
{
	job_add_course_problem(job, course, problem);
	course->outcome = JOB_KEPT;
}

/* Writes a new page to disk at once, so that memory holds only one page at a time. */
static int pages_write(struct sync_job *job, struct job_course *course, struct error *err)
{
	uint64_t total = job->pages_size - course->size + job->page.length;
	int r;

	/* A page that is not larger than the page that it replaces always fits. */
	if (total > PUBLISHED_COURSES_MAX && job->page.length > course->size) {
		struct error problem;

		error_fail(&problem, ERROR_TEMPLATE, -E2BIG,
			"its page of %zu bytes would make all course pages together larger than %d bytes",
			job->page.length, PUBLISHED_COURSES_MAX);
		pages_fail(job, course, &problem);
		return 0;
	}
	job->pages_size = total;
	course->size = job->page.length;
	if (job->options->dry_run) {
		CLEANUP(mem_freep) char *path = mem_printf(PUBLISHED_COURSES "/%s", course->name);

		report_add_change(job->report, path);
	} else if ((r = publish_add(&job->out, course->name, buf_text(&job->page), job->page.length,
			    &course->page, err)) < 0) {
		return r;
	}
	course->outcome = JOB_WRITTEN;
	return 0;
}

/* Renders the page, unless it is current. */
static int pages_render(struct sync_job *job, struct job_course *course,
	const struct participants *participants, const struct template *tmpl, const struct texts *texts,
	struct error *err)
{
	const struct template_stop stop = { job->options->cancelled, job->deadline_mono_ms + PAGES_GRACE_MS };
	CLEANUP(json_freep) struct json *data = NULL;
	struct error problem = { 0 };
	int r;

	page_fingerprint(course->row, participants, &job->site, tmpl, texts, course->hash);
	if (course->there && course->entry->at_home && strcmp(course->entry->hash, course->hash) == 0) {
		pages_keep(job, course, JOB_CURRENT);
		return 0;
	}
	data = page_course_data(course->row, participants, &job->site, texts, job->report->start_ms);
	buf_clear(&job->page);
	r = template_render(tmpl, data, texts, &stop, &job->page, &problem);
	if (r == -ECANCELED)
		return error_pass(err, &problem);
	if (r == -ETIMEDOUT)
		pages_defer(job, course);
	else if (r < 0)
		pages_fail(job, course, &problem);
	else
		return pages_write(job, course, err);
	return 0;
}

/* Writes a course's page, unless it is current or has to stay as it is; participants NULL: not known. */
static int pages_make(struct sync_job *job, struct job_course *course,
	const struct participants *participants, struct error *err)
{
	/* Course pages have one language, whatever language the visitor's browser asks for. */
	const struct texts *texts = job->library.texts[job->site.page_language];
	bool has_page = course->there || course->on_disk;
	const struct template *tmpl = NULL; /* NULL: not known which one */
	uint64_t start_ms = time_mono_ms();
	int r;

	if (start_ms > job->deadline_mono_ms + PAGES_GRACE_MS) {
		pages_defer(job, course);
		return 0;
	}
	if (job->templates_limited)
		course->deferred |= !course->there || course->changed;
	else if (!job->templates_unknown || !has_page)
		tmpl = templates_for(job, course->row->id, texts);
	if (job->templates_limited || (!tmpl && has_page)) {
		pages_keep(job, course, JOB_KEPT);
		return 0;
	}
	r = pages_render(job, course, participants, tmpl ? tmpl : job->library.course, texts, err);
	job->report->render_ms += time_mono_ms() - start_ms;
	return r;
}

/* ---- participants ---- */

/* The courses whose participants are read. */
struct details_call {
	struct sync_job *job;
	size_t *order;    /* owned; indices of courses */
	const char **ids; /* owned; borrowed texts, in that order */
	size_t count, due;
	int result; /* the error with which details_receive has ended the call; `problem` describes it */
	struct error problem;
};

static void details_done(struct details_call *call)
{
	free(call->order);
	free(call->ids);
}

/* A hemera_detail. An error that affects all pages, such as a full disk, ends the sync. */
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
	if (state != HEMERA_DETAIL_READ || call->result < 0)
		return call->result;
	course->read = true;
	job->report->participants_fetched += (unsigned)participants->count;
	call->result = pages_make(job, course, participants, &call->problem);
	return call->result;
}

int job_read_details(struct sync_job *job, struct error *err)
{
	CLEANUP(details_done) struct details_call call = { .job = job };
	struct error problem = { 0 };
	bool has_ended = false; /* no course is left that needs its own request */
	int r;

	call.order = job_order(job, &call.count, &call.due);
	call.ids = mem_alloc((call.count + 1) * sizeof(*call.ids));
	for (size_t i = 0; i < call.count; i++)
		call.ids[i] = job->courses[call.order[i]].row->id;
	job_set_phase(job, SYNC_PHASE_FETCH, call.count);
	if (call.count == 0)
		return 0;
	r = hemera_participations(
		job->client, call.ids, call.count, details_receive, &call, &has_ended, &problem);
	if (call.result < 0)
		return error_pass(err, &call.problem);
	if (r < 0) {
		if (problem.code == ERROR_HEMERA_AUTH_FAILED || problem.code == ERROR_SHUTTING_DOWN)
			return error_pass(err, &problem);
		/* When the requests or the time are used up, all courses wait for the next sync. When only
		 * this answer took too long, there may be time to request the courses one by one: in the next
		 * sync the answer would take as long. */
		has_ended = problem.code == ERROR_HEMERA_RATE_LIMITED ||
			    (problem.code == ERROR_HEMERA_TIMEOUT && time_mono_ms() >= job->deadline_mono_ms);
		if (!has_ended)
			job_add_problem(job, "participations", &problem);
		else
			job->report->retry_after_s = problem.retry_after_s;
		for (size_t i = 0; i < call.due && has_ended; i++)
			job->courses[call.order[i]].deferred = true;
	}
	if (has_ended)
		return 0;
	const struct hemera_wanted wanted = { call.ids, call.count, call.due };

	atomic_store(&job->options->progress->done, 0);
	r = hemera_details(job->client, &wanted, details_receive, &call, &job->report->retry_after_s, err);
	return call.result < 0 ? error_pass(err, &call.problem) : r;
}

/* ---- courses whose participants were not read ---- */

int job_make_rest(struct sync_job *job, struct error *err)
{
	static const struct participants none = { 0 };
	int r = 0;

	job_set_phase(job, SYNC_PHASE_RENDER, job->count);
	for (size_t i = 0; i < job->count && r == 0; i++) {
		struct job_course *course = &job->courses[i];
		bool is_pending = course->there && course->entry->seen_ms == 0;

		atomic_store(&job->options->progress->done, (unsigned)i);
		if (course->outcome != JOB_OPEN)
			continue;
		/* A page that may show participants stays until they are read again. This holds also for a
		 * page without an entry: the manifest was lost, or the page was restored from a backup. A
		 * page that says that its participants are still to come, and a course without a page, are
		 * made from the list's row. */
		course->read = course->row->participant_count == 0 || job->site.is_public;
		if (course->read)
			r = pages_make(job, course, &none, err);
		else if (is_pending || (!course->there && !course->on_disk))
			r = pages_make(job, course, NULL, err);
		else
			pages_keep(job, course, JOB_KEPT);
	}
	return r;
}
