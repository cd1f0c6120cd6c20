/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "hemera/client.h"
#include "published/published.h"

/* A list of several pages is not read at one moment, and an empty list may be a mistake. Unless the removal
 * is certain (--force, or a list of one page with rows), a page is removed only when this many listings in a
 * row lack its course. */
#define REMOVAL_LISTINGS 2

/* ---- published, and entered into the manifest ---- */

/* Notes in the entry what this sync has learnt about the course. */
static void settle_seen(
	const struct sync_job *job, const struct job_course *course, struct manifest_entry *entry)
{
	if (course->changed) {
		course_done(&entry->course);
		course_copy(&entry->course, course->row);
	}
	memcpy(entry->hash, course->hash, sizeof(entry->hash));
	entry->seen_ms = course->read ? job->report->start_ms : 0;
	entry->deferred = course->deferred;
	entry->listed = entry->owner = true;
}

static void settle_written(struct sync_job *job, struct job_course *course)
{
	const struct error problem = { .errnum = -EISDIR,
		.code = ERROR_OUTPUT,
		.message = "cannot write its page: a directory has its name" };
	struct manifest_entry *entry;

	if (!job->options->dry_run && !job->out.pages[course->page].published) {
		job_add_course_problem(job, course, &problem);
		course->outcome = JOB_KEPT;
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

int job_settle(struct sync_job *job, struct error *err)
{
	CLEANUP(nameset_done) struct nameset owned = { 0 };
	int r;

	job_set_phase(job, SYNC_PHASE_PUBLISH, job->out.count);
	r = publish_commit(&job->out, err); /* in a dry run there are no pages to publish */
	if (r < 0)
		return r;
	for (size_t i = 0; i < job->count; i++) {
		struct job_course *course = &job->courses[i];

		if (course->outcome == JOB_WRITTEN)
			settle_written(job, course);
		else if (course->outcome == JOB_CURRENT)
			settle_seen(job, course, course->entry);
		if (course->outcome == JOB_KEPT && course->entry) {
			course->entry->deferred = course->deferred;
			course->entry->owner = course->there;
		}
	}
	manifest_sort(&job->manifest);
	/* If an entry's file now holds the page of another course, the entry's course has no page any more.
	 */
	for (size_t i = 0; i < job->manifest.count; i++)
		if (job->manifest.entries[i]->owner)
			nameset_add(&owned, job->manifest.entries[i]->name);
	nameset_sort(&owned);
	for (size_t i = 0; i < job->manifest.count; i++) {
		struct manifest_entry *entry = job->manifest.entries[i];

		entry->gone = !entry->owner && nameset_has(&owned, entry->name);
	}
	manifest_drop_gone(&job->manifest);
	return 0;
}

/* ---- removal of pages ---- */

struct removal {
	struct sync_job *job;
	bool *kept;             /* owned; one for each of job->present: the name belongs to an entry */
	struct nameset victims; /* names to remove, unless the guard refuses it */
	struct nameset orphans; /* files of no course, which the next sync may remove */
};

static void removal_done(struct removal *removal)
{
	free(removal->kept);
	nameset_done(&removal->victims);
	nameset_done(&removal->orphans);
}

static bool removal_is_certain(const struct sync_job *job)
{
	if (job->options->force)
		return true;
	return job->list.pages == 1 && job->list.count + job->list.bad_count > 0;
}

/* Does the list have rows that may belong to any page that seems to have no course? Lost rows and rows
 * without a usable id may, and so may an invalid row whose id the manifest does not know. */
static bool removal_has_unknown_row(const struct sync_job *job)
{
	if (known_may_lack(&job->list))
		return true;
	for (size_t i = 0; i < job->list.bad_count; i++)
		if (!manifest_find(&job->manifest, job->list.bad_ids[i]))
			return true;
	return false;
}

/* Finds the entries of courses that the list lacks, and marks the pages on disk that belong to an entry. */
static void removal_judge_entries(struct removal *removal)
{
	struct sync_job *job = removal->job;
	bool may_lack = known_may_lack(&job->list);

	for (size_t i = 0; i < job->manifest.count; i++) {
		struct manifest_entry *entry = job->manifest.entries[i];
		ssize_t present = nameset_find(&job->present, entry->name);

		if (present >= 0)
			removal->kept[present] = true;
		if (entry->listed)
			entry->missing = 0;
		if (entry->listed || may_lack)
			continue;
		entry->missing++;
		entry->gone = removal_is_certain(job) || entry->missing >= REMOVAL_LISTINGS;
		if (entry->gone && present >= 0)
			nameset_add(&removal->victims, entry->name);
	}
	/* A listed course may have a page without an entry, until that page is written again. */
	for (size_t i = 0; i < job->count; i++) {
		ssize_t present =
			job->courses[i].on_disk ? nameset_find(&job->present, job->courses[i].name) : -1;

		if (present >= 0)
			removal->kept[present] = true;
	}
}

/* Finds pages on disk that have no entry: left by a crash, or because the manifest was lost. */
static void removal_judge_orphans(struct removal *removal)
{
	struct sync_job *job = removal->job;
	bool unknown_row = removal_has_unknown_row(job);

	for (size_t i = 0; i < job->present.count; i++) {
		const char *name = job->present.items[i];

		if (removal->kept[i] || nameset_has(&job->moved, name))
			continue;
		if (!unknown_row && (removal_is_certain(job) || nameset_has(&job->manifest.orphans, name)))
			nameset_add(&removal->victims, name);
		else if (!unknown_row || nameset_has(&job->manifest.orphans, name))
			nameset_add(&removal->orphans, name);
	}
}

/* The guard against the removal of many pages. After a refusal, entries and orphans stay in the manifest, and
 * `aither sync --force` can remove their pages. */
static bool removal_is_refused(const struct removal *removal)
{
	struct sync_job *job = removal->job;
	size_t count = removal->victims.count, known = job->present.count;
	unsigned percent = job->options->config->sync.delete_percent_max;
	enum known_verdict reason = job->manifest.known.kept.reason;
	struct error problem;

	/* When the list lacks too many courses, no page is removed; the report already says so. */
	if (reason == KNOWN_EMPTY || reason == KNOWN_SHRUNK)
		return true;
	if (job->options->force || !known_is_too_much(count, known, percent))
		return false;
	error_fail(&problem, ERROR_MASS_DELETE_REFUSED, -EPERM,
		"%zu of %zu published pages would be removed, more than MaxDeletePercent=%u permits; if that is intended, run \"aither sync --force\"",
		count, known, percent);
	job_add_problem(job, "removal", &problem);
	return true;
}

static int removal_remove(struct sync_job *job, const char *name, struct error *err)
{
	CLEANUP(mem_freep) char *path = mem_printf(PUBLISHED_COURSES "/%s", name);
	bool removed = false;
	int r;

	if (job->options->dry_run) {
		report_add_change(job->report, path);
		return 0;
	}
	r = publish_remove(&job->out, name, &removed, err);
	if (removed)
		report_add_removed(job->report, path);
	return r;
}

int job_remove(struct sync_job *job, struct error *err)
{
	CLEANUP(removal_done) struct removal removal = { .job = job };
	int r = 0;

	nameset_sort(&job->present);
	nameset_sort(&job->moved);
	removal.kept = mem_zalloc((job->present.count + 1) * sizeof(*removal.kept));
	removal_judge_entries(&removal);
	removal_judge_orphans(&removal);
	/* Remove pages at their old names, unless another course has taken over the name. */
	for (size_t i = 0; i < job->moved.count && r == 0; i++) {
		ssize_t present = nameset_find(&job->present, job->moved.items[i]);

		if (present >= 0 && !removal.kept[present])
			r = removal_remove(job, job->moved.items[i], err);
	}
	if (r < 0)
		return r;
	if (!removal_is_refused(&removal)) {
		for (size_t i = 0; i < removal.victims.count && r == 0; i++)
			r = removal_remove(job, removal.victims.items[i], err);
		if (r < 0)
			return r;
		manifest_drop_gone(&job->manifest);
		nameset_done(&job->manifest.orphans);
		job->manifest.orphans = removal.orphans;
		removal.orphans = (struct nameset){ 0 };
	}
	if (job->report->files_generated > 0 || job->report->files_deleted > 0)
		r = publish_sync(&job->out, err);
	return r;
}
