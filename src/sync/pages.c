/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <string.h>

#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"
#include "published/published.h"
#include "base/time.h"
#include "render/page.h"
#include "render/template.h"

/* Pages have one language; a visitor's browser has no say in it. */
static const struct texts *pages_texts(const struct sync_job *job)
{
	bool english = job->options->config->site.language == CONFIG_LANGUAGE_EN;

	return job->library.texts[english ? LANGUAGE_EN : LANGUAGE_DE];
}

static struct page_course pages_view(const struct job_course *course)
{
	return (struct page_course){
		.id = course->row->id,
		.title = course->row->title,
		.slug = course->row->slug,
		.level = course->row->level,
		.start_date = course->row->start_date,
		.end_date = course->row->end_date,
		.participant_count = course->row->participant_count,
	};
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

/* Is there room for it beside all other pages? In place of a page that is not smaller there always is. */
static bool pages_has_room(struct sync_job *job, struct job_course *course, struct error *ret_problem)
{
	uint64_t total = job->pages_size - course->size + job->page.length;

	if (total > PUBLISHED_COURSES_MAX && job->page.length > course->size) {
		error_fail(ret_problem, ERROR_TEMPLATE, -E2BIG,
			"with its page of %zu bytes all course pages together become larger than %d bytes",
			job->page.length, PUBLISHED_COURSES_MAX);
		return false;
	}
	job->pages_size = total;
	course->size = job->page.length;
	return true;
}

/* The text of a page that has to be made goes to disk at once, so that memory holds one at a time. */
static int pages_write(struct sync_job *job, struct job_course *course, struct error *err)
{
	CLEANUP(mem_freep) char *path = mem_printf(PUBLISHED_COURSES "/%s", course->name);
	struct error problem;
	int r;

	if (!pages_has_room(job, course, &problem)) {
		pages_fail(job, course, &problem);
		return 0;
	}
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
	const struct json *participants, struct error *err)
{
	const struct texts *texts = pages_texts(job);
	const struct page_course view = pages_view(course);
	CLEANUP(json_freep)
	struct json *data = page_course_data(&view, participants, texts, job->report->start_ms);
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

static bool pages_is_current(const struct job_course *course)
{
	return course->there && strcmp(course->entry->name, course->name) == 0 &&
	       strcmp(course->entry->hash, course->hash) == 0;
}

static int pages_make(
	struct sync_job *job, struct job_course *course, const struct json *participants, struct error *err)
{
	const struct texts *texts = pages_texts(job);
	const struct template *tmpl = templates_for(&job->templates, course->row->id, texts);
	const struct page_course view = pages_view(course);

	if (!tmpl && (course->there || course->on_disk)) {
		pages_keep(job, course, JOB_KEPT);
		return 0;
	}
	tmpl = tmpl ? tmpl : job->library.course;
	page_fingerprint(&view, participants, tmpl, texts, course->hash);
	if (!pages_is_current(course))
		return pages_render(job, course, tmpl, participants, err);
	pages_keep(job, course, JOB_CURRENT);
	return 0;
}

int job_make_page(
	struct sync_job *job, struct job_course *course, const struct json *participants, struct error *err)
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

/* A page that may show participants stays until they are read again, also one of which the manifest says
 * nothing: it was lost, or the page was put back from a backup. One that says they are still to come, or
 * none, is made from the list's row. */
static int pages_make_unread(struct sync_job *job, struct job_course *course, struct error *err)
{
	bool is_pending = course->there && course->entry->seen_ms == 0;

	if (is_pending || (!course->there && !course->on_disk))
		return job_make_page(job, course, NULL, err);
	pages_keep(job, course, JOB_KEPT);
	return 0;
}

int job_make_rest(struct sync_job *job, struct error *err)
{
	CLEANUP(json_freep) struct json *nobody = json_new_array();
	int r = 0;

	job_set_phase(job, SYNC_PHASE_RENDER, job->count);
	for (size_t i = 0; i < job->count && r == 0; i++) {
		struct job_course *course = &job->courses[i];

		atomic_store(&job->options->progress->done, (unsigned)i);
		if (course->outcome != JOB_OPEN)
			continue;
		course->read = course->row->participant_count == 0;
		r = course->read ? job_make_page(job, course, nobody, err)
				 : pages_make_unread(job, course, err);
	}
	return r;
}
