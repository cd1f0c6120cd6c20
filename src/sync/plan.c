/* SPDX-License-Identifier: MIT */
#include "sync/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "hemera/member.h"
#include "published/published.h"

/* The longest time from the start of a sync to the start of the next one in the same round: TimeLimitSec is
 * at most 10 min, and `aither sync --until-complete` pauses for 5 min. */
#define PLAN_ROUND_PAUSE_MS (20 * 60000)

/* *ret_claimed: the planned names of all courses, if any page has another name than planned; else empty. */
static void plan_names(struct sync_job *job, struct nameset *ret_claimed)
{
	CLEANUP(mem_freep)
	struct names_course *wanted = mem_zalloc((job->count + job->list.bad_count + 1) * sizeof(*wanted));
	size_t count = job->count;
	bool moves = false;

	for (size_t i = 0; i < job->count; i++)
		wanted[i] = (struct names_course){ .id = job->courses[i].row->id,
			.slug = job->courses[i].row->slug };
	/* Courses whose rows are invalid count as listed, and their pages keep their names. */
	for (size_t i = 0; i < job->list.bad_count; i++) {
		struct manifest_entry *entry = manifest_find(&job->manifest, job->list.bad_ids[i]);

		if (!entry || entry->listed)
			continue;
		entry->listed = entry->owner = true;
		wanted[count++] = (struct names_course){
			.id = entry->course.id, .slug = entry->course.slug, .fixed = entry->name
		};
	}
	names_plan(wanted, count);
	for (size_t i = 0; i < job->count; i++) {
		struct job_course *course = &job->courses[i];

		snprintf(course->name, PUBLISHED_NAME_SIZE, "%s", wanted[i].name);
		if (course->entry)
			course->entry->at_home = strcmp(course->entry->name, course->name) == 0;
		moves |= course->entry && !course->entry->at_home;
	}
	for (size_t i = 0; i < count && moves; i++)
		nameset_add(ret_claimed, wanted[i].name);
	nameset_sort(ret_claimed);
}

static void plan_find_pages(struct sync_job *job, const struct nameset *claimed)
{
	/* Names of pages that do not have their planned name, or whose course the list lacks. Another course
	 * may be planned to have the old name, because slugs were swapped or taken over. */
	CLEANUP(nameset_done) struct nameset foreign = { 0 };

	for (size_t i = 0; i < job->manifest.count; i++) {
		job->pages_size += (uint64_t)job->manifest.entries[i]->size;
		if (!job->manifest.entries[i]->at_home)
			nameset_add(&foreign, job->manifest.entries[i]->name);
	}
	nameset_sort(&foreign);
	for (size_t i = 0; i < job->count; i++) {
		struct job_course *course = &job->courses[i];
		const struct manifest_entry *entry = course->entry;
		int64_t size = 0, modified_us;

		/* The page is whole unless it was cut, replaced or removed on disk, or is too large to be
		 * served. It may keep an old name as long as no other course is planned to have that name. */
		course->there = entry && (entry->at_home || !nameset_has(claimed, entry->name)) &&
				publish_stat(job->out.courses, entry->name, &size, &modified_us) &&
				size == entry->size && size <= PUBLISHED_COURSE_MAX &&
				modified_us == entry->modified_us;
		course->on_disk = !course->there && !nameset_has(&foreign, course->name) &&
				  publish_stat(job->out.courses, course->name, &size, &modified_us) &&
				  size > 0 && size <= PUBLISHED_COURSE_MAX;
		course->size = (uint64_t)(entry ? entry->size : course->on_disk ? size : 0);
		job->pages_size += entry ? 0 : course->size;
	}
}

/* Is the day over in the site's time zone, which the homepage uses, too? */
static bool plan_day_is_over(const struct sync_job *job, int64_t day_ms)
{
	return day_ms < job->report->start_ms && time_day(day_ms) < job->today;
}

/* Finds the next course that a visitor can attend: the first one whose first day is not over. */
static void plan_next_course(struct sync_job *job)
{
	const struct course *next = NULL;
	int64_t next_ms = 0, start_ms;

	for (size_t i = 0; i < job->count; i++) {
		const struct course *row = job->courses[i].row;

		if (time_parse(row->start_date, &start_ms) < 0 || plan_day_is_over(job, start_ms))
			continue;
		if (next && (start_ms > next_ms || (start_ms == next_ms && strcmp(row->id, next->id) > 0)))
			continue;
		next = row;
		next_ms = start_ms;
	}
	if (next)
		job->report->course_id = mem_strdup(next->id);
}

/* Hemera's budget may not be enough to read every course in one sync. A round is a series of syncs that
 * together read each course once: a sync that leaves courses deferred begins it, and the first sync that
 * leaves none ends it. Without rounds each sync would defer as many courses as the sync before. After a long
 * pause all courses are due again. */
static void plan_round(struct sync_job *job)
{
	const struct manifest *manifest = &job->manifest;
	int64_t pause_ms = job->report->start_ms - manifest->last_sync_ms;
	bool continues = manifest->round_ms > 0 && manifest->round_ms <= job->report->start_ms &&
			 pause_ms >= 0 && pause_ms <= PLAN_ROUND_PAUSE_MS;

	job->round_ms = continues ? manifest->round_ms : job->report->start_ms;
	for (size_t i = 0; i < job->count && continues; i++) {
		struct job_course *course = &job->courses[i];

		course->fresh = course->there && !course->changed && !course->entry->deferred &&
				course->entry->seen_ms >= job->round_ms;
	}
}

int job_plan(struct sync_job *job, struct error *err)
{
	CLEANUP(nameset_done) struct nameset claimed = { 0 };

	(void)err; /* this step cannot fail, but has the signature of the steps */
	job->today = time_day(job->report->start_ms);
	job->count = job->list.count;
	job->courses = mem_zalloc((job->count + 1) * sizeof(*job->courses));
	for (size_t i = 0; i < job->count; i++) {
		struct job_course *course = &job->courses[i];

		course->row = &job->list.courses[i];
		course->entry = manifest_find(&job->manifest, course->row->id);
		course->changed = !course->entry ||
				  !member_is_equal(&course_table, &course->entry->course, course->row);
		if (course->entry)
			course->entry->listed = true;
	}
	plan_names(job, &claimed);
	plan_find_pages(job, &claimed);
	plan_round(job);
	plan_next_course(job);
	return 0;
}

struct plan_turn {
	size_t index;
	enum { PLAN_CHANGED, PLAN_DEFERRED, PLAN_DUE, PLAN_FRESH } group;
	int64_t seen_ms, start_ms;
	bool past;
};

static struct plan_turn plan_turn_of(const struct sync_job *job, size_t index)
{
	const struct job_course *course = &job->courses[index];
	const struct course *row = course->row;
	struct plan_turn turn = { .index = index, .start_ms = INT64_MAX };
	int64_t last_day_ms;

	turn.group = course->changed || !course->there ? PLAN_CHANGED
		     : course->entry->deferred         ? PLAN_DEFERRED
		     : course->fresh                   ? PLAN_FRESH
						       : PLAN_DUE;
	turn.seen_ms = course->there ? course->entry->seen_ms : 0;
	if (time_parse(row->start_date, &turn.start_ms) < 0)
		turn.start_ms = INT64_MAX;
	if (time_parse(row->end_date ? row->end_date : row->start_date, &last_day_ms) == 0)
		turn.past = plan_day_is_over(job, last_day_ms);
	return turn;
}

static int plan_compare_turns(const void *a, const void *b)
{
	const struct plan_turn *left = a, *right = b;

	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	if (left->seen_ms != right->seen_ms)
		return left->seen_ms < right->seen_ms ? -1 : 1;
	if (left->past != right->past)
		return left->past - right->past;
	if (left->start_ms != right->start_ms)
		return left->start_ms < right->start_ms ? -1 : 1;
	return left->index < right->index ? -1 : 1;
}

size_t *job_order(const struct sync_job *job, size_t *ret_count, size_t *ret_due)
{
	CLEANUP(mem_freep) struct plan_turn *turns = mem_alloc((job->count + 1) * sizeof(*turns));
	size_t *order = mem_alloc((job->count + 1) * sizeof(*order));
	size_t count = 0, due = 0;

	/* A public page shows nothing of what a detail request returns. */
	for (size_t i = 0; i < job->count && !job->site.is_public; i++)
		if (job->courses[i].row->participant_count > 0)
			turns[count++] = plan_turn_of(job, i);
	qsort(turns, count, sizeof(*turns), plan_compare_turns);
	for (size_t i = 0; i < count; i++) {
		order[i] = turns[i].index;
		due += turns[i].group != PLAN_FRESH;
	}
	*ret_count = count;
	*ret_due = due;
	return order;
}
