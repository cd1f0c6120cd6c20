/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

/* What is known of the course now, beside its page. */
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

static void settle_rename(struct sync_job *job, struct manifest_entry *entry, const char *name)
{
	if (entry->name && strcmp(entry->name, name) == 0)
		return;
	if (entry->name)
		nameset_add(&job->moved, entry->name);
	free(entry->name);
	entry->name = mem_strdup(name);
}

static void settle_written(struct sync_job *job, struct job_course *course)
{
	const struct error problem = { .errnum = -EISDIR,
		.code = ERROR_OUTPUT,
		.message = "a directory occupies the name of its page" };

	if (!job->options->dry_run && !job->out.pages[course->page].published) {
		job_add_course_problem(job, course, &problem);
		course->outcome = JOB_FAILED;
		return;
	}
	if (!course->entry)
		course->entry = manifest_add(&job->manifest, course->row);
	settle_rename(job, course->entry, course->name);
	settle_seen(job, course, course->entry);
	if (job->options->dry_run)
		return;
	publish_stat(job->out.courses, course->name, &course->entry->size, &course->entry->modified_us);
	course->entry->updated_ms = time_now_ms();
	job->report->files_generated++;
}

static void settle_course(struct sync_job *job, struct job_course *course)
{
	if (course->outcome == JOB_WRITTEN)
		settle_written(job, course);
	else if (course->outcome == JOB_CURRENT)
		settle_seen(job, course, course->entry);
	if ((course->outcome == JOB_KEPT || course->outcome == JOB_FAILED) && course->entry) {
		course->entry->deferred = course->deferred;
		course->entry->owner = course->there;
	}
}

/* An entry whose file now holds another course's page has no page any more. */
static bool settle_keeps_own(void *arg, const struct manifest_entry *entry)
{
	return entry->owner || !nameset_has(arg, entry->name);
}

static void settle_drop_lost(struct sync_job *job)
{
	CLEANUP(nameset_done) struct nameset owned = { 0 };
	size_t owners = 0;

	for (size_t i = 0; i < job->manifest.count; i++)
		owners += job->manifest.entries[i]->owner;
	if (owners == job->manifest.count) /* as nearly always */
		return;
	for (size_t i = 0; i < job->manifest.count; i++)
		if (job->manifest.entries[i]->owner)
			nameset_add(&owned, job->manifest.entries[i]->name);
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
	for (size_t i = 0; i < job->count; i++)
		settle_course(job, &job->courses[i]);
	manifest_sort(&job->manifest);
	settle_drop_lost(job);
	return 0;
}
