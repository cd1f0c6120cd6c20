/* SPDX-License-Identifier: MIT */
#include "notify/incident.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/host.h"
#include "base/json.h"
#include "notify/incident-state.h"

const char *incident_kind_name(enum incident_kind kind)
{
	static const char *const names[INCIDENT_KINDS] = {
		[INCIDENT_FAILURE] = "failure",
		[INCIDENT_REMINDER] = "reminder",
		[INCIDENT_RECOVERY] = "recovery",
		[INCIDENT_COURSES] = "courses",
		[INCIDENT_OUTPUT] = "output",
		[INCIDENT_SCHEDULE] = "schedule",
		[INCIDENT_TEST] = "test",
	};

	return names[kind];
}

void incident_message_id(const char *host, char ret_id[static INCIDENT_MESSAGE_ID_SIZE])
{
	char uuid[HASH_UUID_SIZE];

	hash_uuid(uuid);
	snprintf(ret_id, INCIDENT_MESSAGE_ID_SIZE, "<%s@%.253s>", uuid, host);
}

static void incident_make_due(struct incident_mail *mail, enum incident_kind kind)
{
	mail->kind = kind;
	incident_message_id(host_name(), mail->id);
}

/* `opened_ms`: of the row that there is if the mail has been sent nevertheless. */
static void incident_withdraw(struct incident_state *state, int64_t opened_ms)
{
	state->withdrawn = state->row.due;
	state->withdrawn_opened_ms = opened_ms;
	state->row.due.id[0] = '\0';
}

/* A clock that was set back must not put the next reminder off until it has caught up. */
static void incident_heed_clock(struct incident_row *row, int64_t now_ms)
{
	if (row->opened_ms > now_ms)
		row->opened_ms = now_ms;
	if (row->mailed_ms > now_ms)
		row->mailed_ms = now_ms;
}

static void incident_after_failure(struct incident_state *state, const struct incident_sync *sync)
{
	struct incident_row *row = &state->row;

	/* The operator has not heard of the success in between: for them it is the same incident. */
	if (row->due.id[0] && row->due.kind == INCIDENT_RECOVERY)
		incident_withdraw(state, sync->now_ms);
	if (!row->opened_ms)
		row->opened_ms = sync->now_ms;
	if (row->due.id[0] || sync->consecutive_failures < sync->threshold)
		return;
	if (row->mails == 0)
		incident_make_due(&row->due, INCIDENT_FAILURE);
	else if (sync->now_ms - row->mailed_ms >= INCIDENT_PAUSE_MS)
		incident_make_due(&row->due, INCIDENT_REMINDER);
}

static void incident_after_success(struct incident_state *state)
{
	struct incident_row *row = &state->row;

	if (row->mails == 0) {
		if (row->due.id[0])
			incident_withdraw(state, row->opened_ms);
		*row = (struct incident_row){ 0 };
	} else if (!row->due.id[0] || row->due.kind != INCIDENT_RECOVERY) {
		incident_make_due(&row->due, INCIDENT_RECOVERY);
	}
}

static struct incident_course *incident_find_course(struct incident_state *state, const char *entity)
{
	for (size_t i = 0; i < state->course_count; i++)
		if (strcmp(state->courses[i].entity, entity) == 0)
			return &state->courses[i];
	return NULL;
}

/* Adds a course that this sync has named. True when it is to be told from now on. */
static bool incident_count_course(struct incident_state *state, const struct incident_course *before,
	const char *entity, unsigned threshold)
{
	struct incident_course *course = &state->courses[state->course_count++];

	if (before)
		*course = *before;
	else
		snprintf(course->entity, sizeof(course->entity), "%s", entity);
	course->partials++;
	if (course->mark != INCIDENT_COUNTED || course->partials < threshold)
		return false;
	course->mark = INCIDENT_TO_TELL;
	return true;
}

/* Those that the sync has not named are among those that it has deferred, perhaps: nothing new is known. */
static void incident_keep_courses(struct incident_state *state, const struct incident_state *before)
{
	for (size_t i = 0; i < before->course_count && state->course_count < INCIDENT_COURSES_MAX; i++)
		if (!incident_find_course(state, before->courses[i].entity))
			state->courses[state->course_count++] = before->courses[i];
}

/* After a sync that has not failed: who is not named by it is forgotten, once none is deferred. A mail that
 * waits gets a new id with each course that it is to name as well: if it is just being sent, that course must
 * not count as told. */
static void incident_count_courses(struct incident_state *state, const struct incident_sync *sync)
{
	struct incident_state before = *state;
	bool added = false, to_tell = false;

	memset(state->courses, 0, sizeof(state->courses));
	state->course_count = 0;
	JSON_FOREACH (problem, json_get(sync->report, "errors")) {
		const char *entity = json_string(json_get(problem, "entity"));

		if (!incident_is_course(entity) || incident_find_course(state, entity) ||
			state->course_count == INCIDENT_COURSES_MAX)
			continue;
		added |= incident_count_course(
			state, incident_find_course(&before, entity), entity, sync->threshold);
	}
	if (json_integer(json_get(sync->report, "coursesDeferred"), 0) > 0)
		incident_keep_courses(state, &before);
	for (size_t i = 0; i < state->course_count; i++)
		to_tell |= state->courses[i].mark == INCIDENT_TO_TELL;
	if (!to_tell)
		state->courses_id[0] = '\0';
	else if (added)
		incident_message_id(host_name(), state->courses_id);
}

/* A mail that waits gives way to a newer one about the failures, or leaves with the courses. */
static void incident_drop_outdated(struct incident_state *state)
{
	size_t kept = 0;

	for (size_t i = 0; i < state->waiting_count; i++) {
		bool is_outdated = state->waiting[i].kind == INCIDENT_COURSES ? state->course_count == 0
									      : state->row.due.id[0] != '\0';

		if (!is_outdated)
			state->waiting[kept++] = state->waiting[i];
	}
	state->waiting_count = kept;
}

struct json *incident_advance(const struct json *state, const struct incident_sync *sync)
{
	const char *status = json_string(json_get(sync->report, "status"));
	struct incident_state next;

	if (sync->says_nothing)
		return json_copy(state);
	incident_state_read(&next, state);
	next.withdrawn.id[0] = '\0';
	incident_heed_clock(&next.row, sync->now_ms);
	if (status && strcmp(status, "failed") == 0) {
		incident_after_failure(&next, sync);
	} else {
		incident_after_success(&next);
		incident_count_courses(&next, sync);
	}
	incident_drop_outdated(&next);
	return incident_state_write(&next);
}

bool incident_due(const struct json *state, struct incident_notice *ret_notice)
{
	struct incident_notice notice = { .kind = INCIDENT_COURSES };
	struct incident_state now;

	incident_state_read(&now, state);
	if (now.row.due.id[0]) {
		notice.kind = now.row.due.kind;
		memcpy(notice.message_id, now.row.due.id, sizeof(notice.message_id));
		memcpy(notice.thread_id, now.row.thread_id, sizeof(notice.thread_id));
	} else {
		memcpy(notice.message_id, now.courses_id, sizeof(notice.message_id));
	}
	if (!notice.message_id[0])
		return false;
	*ret_notice = notice;
	return true;
}

static void incident_row_mailed(struct incident_row *row, const char *id, int64_t now_ms)
{
	if (row->mails == 0)
		snprintf(row->thread_id, sizeof(row->thread_id), "%s", id);
	row->mails++;
	row->mailed_ms = now_ms;
	row->due.id[0] = '\0';
}

static void incident_withdrawn_sent(struct incident_state *state, int64_t now_ms)
{
	struct incident_mail mail = state->withdrawn;

	state->withdrawn.id[0] = '\0';
	state->row = (struct incident_row){ .opened_ms = state->withdrawn_opened_ms };
	if (mail.kind != INCIDENT_FAILURE)
		return;
	incident_row_mailed(&state->row, mail.id, now_ms);
	incident_make_due(&state->row.due, INCIDENT_RECOVERY);
}

static size_t incident_find_waiting(const struct incident_state *state, const char *message_id)
{
	size_t i = 0;

	while (i < state->waiting_count && strcmp(state->waiting[i].message_id, message_id) != 0)
		i++;
	return i;
}

static void incident_stop_waiting(struct incident_state *state, size_t index)
{
	state->waiting_count--;
	memmove(&state->waiting[index], &state->waiting[index + 1],
		(state->waiting_count - index) * sizeof(state->waiting[0]));
}

static void incident_wait(struct incident_state *state, const struct incident_waiting *mail)
{
	size_t i = incident_find_waiting(state, mail->message_id);

	if (i < state->waiting_count && mail->rest.to) {
		state->waiting[i].rest.to = mail->rest.to;
	} else if (i < state->waiting_count) {
		incident_stop_waiting(state, i);
	} else if (mail->rest.to) {
		if (state->waiting_count == INCIDENT_WAITING_MAX)
			incident_stop_waiting(state, 0);
		state->waiting[state->waiting_count++] = *mail;
	}
}

bool incident_waiting(const struct json *state, size_t index, struct incident_waiting *ret_waiting)
{
	struct incident_state now;

	incident_state_read(&now, state);
	if (index >= now.waiting_count)
		return false;
	*ret_waiting = now.waiting[index];
	return true;
}

struct json *incident_sent(
	const struct json *state, const char *message_id, int64_t now_ms, const struct incident_rest *rest)
{
	struct incident_waiting mail = { .message_id = message_id };
	struct incident_state next;

	incident_state_read(&next, state);
	if (!message_id[0])
		return json_copy(state);
	if (rest)
		mail.rest = *rest;
	if (strcmp(next.row.due.id, message_id) == 0) {
		mail.kind = next.row.due.kind;
		if (next.row.due.kind == INCIDENT_RECOVERY)
			next.row = (struct incident_row){ 0 };
		else
			incident_row_mailed(&next.row, message_id, now_ms);
	} else if (strcmp(next.withdrawn.id, message_id) == 0) {
		mail.kind = next.withdrawn.kind;
		incident_withdrawn_sent(&next, now_ms);
	} else if (strcmp(next.courses_id, message_id) == 0) {
		mail.kind = INCIDENT_COURSES;
		for (size_t i = 0; i < next.course_count; i++)
			if (next.courses[i].mark == INCIDENT_TO_TELL)
				next.courses[i].mark = INCIDENT_TOLD;
		next.courses_id[0] = '\0';
	} else if (incident_find_waiting(&next, message_id) == next.waiting_count) {
		return json_copy(state);
	}
	incident_wait(&next, &mail);
	incident_drop_outdated(&next);
	return incident_state_write(&next);
}
