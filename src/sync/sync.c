/* SPDX-License-Identifier: MIT */
#include "sync/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "published/published.h"
#include "render/template.h"
#include "sync/job.h"

const char *sync_phase_name(enum sync_phase phase)
{
	static const char *const names[] = {
		[SYNC_PHASE_LIST] = "list",
		[SYNC_PHASE_FETCH] = "fetch",
		[SYNC_PHASE_RENDER] = "render",
		[SYNC_PHASE_PUBLISH] = "publish",
	};

	return names[phase];
}

void job_add_problem(void *arg, const char *entity, const struct error *problem)
{
	struct sync_job *job = arg;

	report_add_error(job->report, entity, problem);
}

void job_add_course_problem(
	struct sync_job *job, const struct job_course *course, const struct error *problem)
{
	CLEANUP(mem_freep) char *entity = mem_printf("course %s", course->row->id);

	job_add_problem(job, entity, problem);
}

void job_set_phase(struct sync_job *job, enum sync_phase phase, size_t total)
{
	struct sync_progress *progress = job->options->progress;

	atomic_store(&progress->done, 0);
	atomic_store(&progress->total, (unsigned)total);
	atomic_store(&progress->phase, (int)phase);
}

/* The sync goes on with an empty manifest; the damaged file is kept, so that the operator can examine it. */
static void sync_set_aside(const struct sync_job *job, const struct error *problem)
{
	const struct log_field fields[] = { { "AITHER_JOB_ID", job->options->job_id } };
	const char *what = "the next sync creates a new one and writes all pages again";
	int directory = job->out.root;

	if (!job->options->dry_run) {
		what = "this sync creates a new one, writes all pages again and keeps the old one as " MANIFEST_BAD_NAME;
		/* rename does not replace a directory by a file, nor a file by a directory. */
		if (renameat(directory, MANIFEST_NAME, directory, MANIFEST_BAD_NAME) < 0) {
			if (unlinkat(directory, MANIFEST_BAD_NAME, 0) < 0)
				(void)unlinkat(directory, MANIFEST_BAD_NAME, AT_REMOVEDIR);
			(void)renameat(directory, MANIFEST_NAME, directory, MANIFEST_BAD_NAME);
		}
	}
	log_event(LOG_WARNING, LOG_EVENT_MANIFEST_DAMAGED, fields, ARRAY_SIZE(fields),
		"the manifest is damaged: %s; %s", problem->message, what);
}

int job_connect(struct sync_job *job, bool brief, struct error *err)
{
	const struct config *config = job->options->config;
	const struct hemera_options options = {
		.base_url = config->hemera.base_url,
		.fallback_url = config->hemera.fallback_url,
		.key = config->secrets[CONFIG_SECRET_HEMERA_API_KEY],
		.connections_max = brief ? 1 : config->hemera.connections_max,
		.connect_timeout_s = config->hemera.connect_timeout_s,
		.request_timeout_s = config->hemera.request_timeout_s,
		.retries_max = brief ? 0 : config->hemera.retries_max,
		.budget = job->options->budget,
		.deadline_mono_ms = job->deadline_mono_ms,
		.cancelled = job->options->cancelled,
		.statistics = job->options->statistics,
		.limited_until_mono_ms = &job->options->progress->limited_until_mono_ms,
	};

	return hemera_new(&job->client, &options, err);
}

int job_load_library(struct sync_job *job, library_problem *problem, struct error *err)
{
	const struct config *config = job->options->config;
	const struct library_source source = { config->site.template_directory,
		job->options->shipped_templates, config->site.name };

	job->site = job_site(config);
	return library_load(&job->library, &source, problem, job, err);
}

/* Removes course pages of the other audience, which an earlier setting of CoursePages or version 0.1.0 left.
 */
static int sync_remove_other(const struct sync_job *job, struct error *err)
{
	CLEANUP(nameset_done) struct nameset removed = { 0 };
	bool is_public = job->out.is_public;
	int r = publish_remove_other(&job->out, &removed, err);
	const struct log_field fields[] = { { "AITHER_JOB_ID", job->options->job_id } };

	for (size_t i = 0; i < removed.count; i++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s" PUBLISHED_COURSES "/%s", is_public ? "" : PUBLISHED_PUBLIC "/",
			removed.items[i]);

		report_add_removed(job->report, path);
	}
	if (removed.count > 0)
		log_event(LOG_NOTICE, LOG_EVENT_AUDIENCE_CHANGED, fields, ARRAY_SIZE(fields),
			is_public
				? "removed %zu course pages with participants, because CoursePages=public: public pages show nothing about participants, and pages for staff need CoursePages=private"
				: "removed %zu public course pages, because CoursePages=private",
			removed.count);
	return r;
}

static int sync_prepare(struct sync_job *job, struct error *err)
{
	struct error problem = { 0 };
	int r;

	job_set_phase(job, SYNC_PHASE_LIST, 0);
	r = manifest_load(job->out.root, &job->manifest, &problem);
	if (r == -EBADMSG) {
		job->report->manifest_damaged = true;
		sync_set_aside(job, &problem);
	} else if (r < 0 && r != -ENOENT) {
		job->manifest_unread = true;
		return error_fail(err, ERROR_OUTPUT, r, "%s", problem.message);
	}
	r = publish_list(&job->out, !job->options->dry_run, &job->present, err);
	if (r == 0 && !job->options->dry_run)
		r = sync_remove_other(job, err);
	if (r == 0)
		r = job_load_library(job, job_add_problem, err);
	return r < 0 ? r : job_connect(job, false, err);
}

static int sync_publish_homepage(struct sync_job *job, bool reports, struct error *err)
{
	struct error failure = { 0 };
	bool changed = false;
	const char *entity;
	int r = homepage_publish(job, reports, &changed, &entity, &failure);

	job->report->homepage_changed |= changed;
	if (r == 0 || failure.code != ERROR_TEMPLATE)
		return error_pass(err, &failure);
	/* The old homepage stays, and the sync goes on: course pages do not depend on the homepage. */
	if (!job->homepage_failed)
		job_add_problem(job, entity, &failure);
	job->homepage_failed = true;
	return 0;
}

/* Searches for rows that the list lacks. Without this, a course that every listing loses would have no page,
 * and no error would say so. When the budget is used up before all are found, the next sync goes on
 * searching. */
static int sync_find_lost(struct sync_job *job, struct error *err)
{
	struct hemera_list *list = &job->list;
	struct error reason = { 0 }, problem;
	size_t known;
	int r = hemera_list_lost(job->client, list, job_add_problem, job, &reason, err);

	if (r < 0 || hemera_list_has_all(list))
		return r;
	known = list->count + list->bad_count + list->unidentified;
	if (reason.code == ERROR_HEMERA_RATE_LIMITED) {
		job->lost = list->rows - known;
		job->report->retry_after_s = reason.retry_after_s;
		return 0;
	}
	error_fail(&problem, ERROR_HEMERA_BAD_DATA, -EBADMSG,
		"Hemera's list has %zu rows, but only %zu different courses%s%s; no page is removed, and courses known from before stay on the homepage",
		list->rows, known,
		reason.errnum     ? ", and the search for the others failed: "
		: list->pages > 1 ? ", even when it is read by level and with other offsets"
				  : "",
		reason.errnum ? reason.message : "");
	job_add_problem(job, "list", &problem);
	return 0;
}

/* Reports why rows are kept; sync_find_lost has already reported lost rows. */
static void sync_report_kept(struct sync_job *job)
{
	const struct known_kept *kept = &job->manifest.known.kept;
	unsigned percent = job->options->config->sync.delete_percent_max;
	const char *plural = kept->courses == 1 ? "" : "s";
	struct error problem = { 0 };

	job->report->kept = *kept;
	switch (kept->reason) {
	case KNOWN_ACCEPTED:
	case KNOWN_INCOMPLETE:
		return;
	case KNOWN_EMPTY:
		error_fail(&problem, ERROR_MASS_DELETE_REFUSED, -EPERM,
			"Hemera's list is empty, which may be a fault in Hemera: %zu known course%s and the pages stay until %s or \"aither sync --force\" is run",
			kept->courses, plural,
			known_is_too_much(kept->courses, kept->courses, percent)
				? "it has courses again"
				: "the next sync also finds it empty");
		break;
	case KNOWN_SHRUNK:
		error_fail(&problem, ERROR_MASS_DELETE_REFUSED, -EPERM,
			"Hemera's list lacks %zu known course%s, more than MaxDeletePercent=%u permits: all known courses and their pages stay until it has them again or \"aither sync --force\" is run",
			kept->courses, plural, percent);
		break;
	case KNOWN_UNREADABLE:
		error_fail(&problem, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%zu known course%s missing from Hemera's list, but %zu row%s without a usable id may be theirs: they and their pages stay until all rows have one",
			kept->courses, kept->courses == 1 ? " is" : "s are", job->list.unidentified,
			job->list.unidentified == 1 ? "" : "s");
		break;
	}
	job_add_problem(job, "list", &problem);
}

static int sync_list(struct sync_job *job, struct error *err)
{
	struct known *known = &job->manifest.known;
	int r = hemera_list(job->client, &job->list, job_add_problem, job, err);

	/* A course that ended yesterday is past today, whether Hemera answers or not. */
	if (r < 0 && known->count > 0)
		(void)sync_publish_homepage(job, false, NULL);
	if (r == 0 && !hemera_list_has_all(&job->list))
		r = sync_find_lost(job, err);
	if (r == 0) {
		const struct known_rules rules = {
			.is_sync = true,
			.is_thorough = job->lost == 0,
			.force = job->options->force,
			.delete_percent_max = job->options->config->sync.delete_percent_max,
			.now_ms = job->report->start_ms,
		};

		job->report->courses_fetched = (unsigned)job->list.count;
		known_update(known, &job->list, &rules);
		sync_report_kept(job);
	}
	return r;
}

/* Publishes the homepage at once, so that visitors have the list while the details are still being read. */
static int sync_homepage(struct sync_job *job, struct error *err)
{
	const struct sync_options *options = job->options;
	int r = sync_publish_homepage(job, true, err);

	if (r < 0 || options->dry_run || job->homepage_failed)
		return r;
	atomic_store(&options->progress->listed_changed, job->report->homepage_changed);
	atomic_store(&options->progress->listed_at_ms, job->list.fetched_at_ms);
	if (options->on_listed)
		options->on_listed(options->on_listed_arg);
	return 0;
}

static int sync_gather(struct sync_job *job, struct error *err)
{
	static int (*const steps[])(struct sync_job * job, struct error * err) = { sync_prepare, sync_list,
		sync_homepage, job_read_templates, job_plan, job_read_details, job_make_rest };
	const atomic_bool *cancelled = job->options->cancelled;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i](job, err);

		if (r < 0)
			return r;
		if (cancelled && atomic_load(cancelled))
			return error_fail(
				err, ERROR_SHUTTING_DOWN, -ECANCELED, "the worker is shutting down");
	}
	return 0;
}

/* This part is short and cannot be cancelled, because pages, manifest and homepage belong together. */
static int sync_publish(struct sync_job *job, struct error *err)
{
	uint64_t start_ms = time_mono_ms();
	int r = job_settle(job, err);

	/* The homepage links to pages that exist, and some have just been added. Publish it before pages are
	 * removed, so that no link leads to a removed page even if the process dies during the next step. */
	if (r == 0)
		r = sync_publish_homepage(job, false, err);
	if (r == 0)
		r = job_remove(job, err);
	job->report->publish_ms = time_mono_ms() - start_ms;
	return r;
}

void job_done(struct sync_job *job)
{
	publish_close(&job->out);
	for (size_t i = 0; i < job->template_count && job->templates; i++)
		template_free(job->templates[i].compiled);
	free(job->templates);
	hemera_templates_free(job->fetched, job->template_count);
	library_done(&job->library);
	hemera_freep(&job->client);
	manifest_done(&job->manifest);
	free(job->courses);
	hemera_list_done(&job->list);
	nameset_done(&job->present);
	nameset_done(&job->moved);
	buf_done(&job->page);
}

int sync_run(const struct sync_options *options, struct report *ret_report, struct error *err)
{
	CLEANUP(job_done)
	struct sync_job job = {
		.options = options,
		.report = ret_report,
		.start_mono_ms = time_mono_ms(),
		.out = PUBLISH_INIT,
		.page = BUF_INIT(PUBLISHED_COURSE_MAX),
	};
	struct error problem = { 0 };
	int r;

	ret_report->dry_run = options->dry_run;
	job.deadline_mono_ms = job.start_mono_ms + options->config->sync.time_limit_s * UINT64_C(1000);
	r = publish_open(&job.out, options->config->sync.output_directory,
		options->config->site.course_pages_public, &problem);
	if (r == 0)
		r = sync_gather(&job, &problem);
	if (r == 0)
		r = sync_publish(&job, &problem);
	publish_drop(&job.out); /* on a full disk the manifest needs the space of the temporary files */
	job_finish(&job, r, &problem);
	return error_pass(err, &problem);
}
