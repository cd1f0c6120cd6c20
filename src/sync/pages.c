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

/* ---- published, and entered into the manifest ---- */

/* The present knowledge of the course, beside its page. */
static void settle_seen(
	const struct sync_job *job, const struct job_course *course, struct manifest_entry *entry)
{
	if (course->changed)
		manifest_entry_set_course(entry, course->row);
	memcpy(entry->hash, course->hash, sizeof(entry->hash));
	entry->seen_ms = course->read ? job->report->start_ms : 0;
	entry->deferred = course->deferred;
	entry->listed = entry->owner = true;
}

static void settle_written(struct sync_job *job, struct job_course *course)
{
	const struct error problem = { .errnum = -EISDIR,
		.code = ERROR_OUTPUT,
		.message = "a directory occupies the name of its page" };
	struct manifest_entry *entry;

	if (!job->options->dry_run && !job->out.pages[course->page].published) {
		job_add_course_problem(job, course, &problem);
		course->outcome = JOB_FAILED;
		return;
	}
	if (!course->entry)
		course->entry = manifest_add(&job->manifest, course->row);
	entry = course->entry;
	if (!entry->name || strcmp(entry->name, course->name) != 0) {
		if (entry->name)
			nameset_add(&job->moved, entry->name);
		free(entry->name);
		entry->name = mem_strdup(course->name);
	}
	settle_seen(job, course, entry);
	if (job->options->dry_run)
		return;
	publish_stat(job->out.courses, course->name, &entry->size, &entry->modified_us);
	entry->updated_ms = time_now_ms();
	job->report->files_generated++;
}

/* An entry whose file now holds another course's page has no page any more. */
static bool settle_keeps_own(void *arg, const struct manifest_entry *entry)
{
	return entry->owner || !nameset_has(arg, entry->name);
}

static void settle_drop_lost(struct sync_job *job)
{
	CLEANUP(nameset_done) struct nameset owned = { 0 };

	for (size_t i = 0; i < job->manifest.count; i++)
		if (job->manifest.entries[i]->owner)
			nameset_add(&owned, job->manifest.entries[i]->name);
	if (owned.count == job->manifest.count) /* as nearly always */
		return;
	nameset_sort(&owned);
	manifest_filter(&job->manifest, settle_keeps_own, &owned);
}

int job_settle(struct sync_job *job, struct error *err)
{
	int r;

	job_set_phase(job, SYNC_PHASE_PUBLISH, job->out.count);
	r = publish_commit(&job->out, err); /* dry run: there is nothing in it */
	if (r < 0)
		return r;
	for (size_t i = 0; i < job->count; i++) {
		struct job_course *course = &job->courses[i];

		if (course->outcome == JOB_WRITTEN)
			settle_written(job, course);
		else if (course->outcome == JOB_CURRENT)
			settle_seen(job, course, course->entry);
		if ((course->outcome == JOB_KEPT || course->outcome == JOB_FAILED) && course->entry) {
			course->entry->deferred = course->deferred;
			course->entry->owner = course->there;
		}
	}
	manifest_sort(&job->manifest);
	settle_drop_lost(job);
	return 0;
}
