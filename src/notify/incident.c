/* SPDX-License-Identifier: MIT */
#include "notify/incident.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "net/host.h"
#include "notify/message.h"

#define COURSE_PREFIX "course "
#define ENTITY_SIZE 192   /* "course " and an id of at most 128 characters, or "data[17]" */
#define COUNT_MAX 1000000 /* more syncs in a row than ever happen */

struct mail {
	enum incident_kind kind;
	char id[INCIDENT_MESSAGE_ID_SIZE]; /* "": there is none */
};

enum mark { COUNTED, TO_REPORT, REPORTED };

struct course {
	char entity[ENTITY_SIZE];
	unsigned partials; /* partial syncs in a row that named it */
	enum mark mark;
};

struct row {               /* the failed syncs in a row */
	int64_t opened_ms; /* 0: no sync has failed */
	int64_t mailed_ms; /* when the last mail was sent */
	unsigned mails;
	char thread_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the first mail */
	struct mail due;
};

/* The JSON object of incident.h. It holds two independent things: the row of failed syncs, and the courses
 * that keep syncs partial. At most one mail is due about each. */
struct state {
	struct row row;
	/* The row's mail that was due until the last sync made it untrue, and the row's opened_ms in case a
	 * mail server has accepted the mail after all. */
	struct mail withdrawn;
	int64_t withdrawn_opened_ms;
	struct course courses[INCIDENT_COURSES_MAX];
	size_t course_count;
	char courses_id[INCIDENT_MESSAGE_ID_SIZE]; /* of the mail about courses TO_REPORT; "": none is due */
	struct incident_waiting waiting[INCIDENT_WAITING_MAX]; /* borrowed; the oldest first */
	size_t waiting_count;
};

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

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

bool incident_is_message_id(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	const char *at = text ? strchr(text, '@') : NULL;

	return at && length < INCIDENT_MESSAGE_ID_SIZE && is_visible(text) && text[0] == '<' &&
	       at > text + 1 && text[length - 1] == '>' && at < text + length - 2 &&
	       strcspn(text + 1, "<>") == length - 2;
}

/* Is a report's error with that entity about one course? */
static bool is_course(const char *entity)
{
	const size_t prefix = strlen(COURSE_PREFIX);

	return entity && strncmp(entity, COURSE_PREFIX, prefix) == 0 && entity[prefix] &&
	       strlen(entity) < ENTITY_SIZE && is_visible(entity + prefix);
}

/* ---- the state as JSON ---- */

static bool read_time(const struct json *object, const char *name, int64_t *ret_ms)
{
	return time_parse(json_string(json_get(object, name)), ret_ms) == 0;
}

static bool read_id(const struct json *json, char ret_id[static INCIDENT_MESSAGE_ID_SIZE])
{
	const char *text = json_string(json);

	if (!incident_is_message_id(text))
		return false;
	snprintf(ret_id, INCIDENT_MESSAGE_ID_SIZE, "%s", text);
	return true;
}

static bool read_count(const struct json *json, unsigned *ret_count)
{
	int64_t count = json_integer(json, 0);

	*ret_count = count > 0 && count <= COUNT_MAX ? (unsigned)count : 0;
	return *ret_count > 0;
}

static bool read_kind(const struct json *json, enum incident_kind last, enum incident_kind *ret_kind)
{
	const char *name = json_string(json_get(json, "kind"));

	for (int kind = INCIDENT_FAILURE; name && kind <= (int)last; kind++) {
		if (strcmp(name, incident_kind_name((enum incident_kind)kind)) != 0)
			continue;
		*ret_kind = (enum incident_kind)kind;
		return true;
	}
	return false;
}

/* NULL is valid: there is no mail. Only mails about the row are stored with their kind. */
static bool read_mail(const struct json *json, struct mail *ret_mail)
{
	return !json || (read_kind(json, INCIDENT_RECOVERY, &ret_mail->kind) &&
				read_id(json_get(json, "messageId"), ret_mail->id));
}

/* Before the first mail about a row, only a failure can be due; afterwards, only the other kinds. */
static bool read_row(const struct json *json, struct row *row)
{
	if (!read_mail(json_get(json, "due"), &row->due))
		return false;
	if (!json_get(json, "openedAt"))
		return !row->due.id[0] && !json_get(json, "mails");
	if (!read_time(json, "openedAt", &row->opened_ms))
		return false;
	if (!json_get(json, "mails"))
		return !row->due.id[0] || row->due.kind == INCIDENT_FAILURE;
	return read_count(json_get(json, "mails"), &row->mails) &&
	       read_time(json, "mailedAt", &row->mailed_ms) &&
	       read_id(json_get(json, "messageId"), row->thread_id) &&
	       (!row->due.id[0] || row->due.kind != INCIDENT_FAILURE);
}

static bool read_courses(const struct json *json, struct state *state)
{
	const struct json *id = json_get(json, "coursesMessageId");
	bool to_report = false;

	JSON_FOREACH (item, json_get(json, "courses")) {
		const struct json *told = json_get(item, "told");
		const char *entity = json_string(json_get(item, "entity"));
		struct course course = { 0 };

		if (state->course_count == INCIDENT_COURSES_MAX || !is_course(entity) ||
			!read_count(json_get(item, "partials"), &course.partials) ||
			(told && json_type(told) != JSON_BOOL))
			return false;
		snprintf(course.entity, sizeof(course.entity), "%s", entity);
		if (told)
			course.mark = json_bool(told, false) ? REPORTED : TO_REPORT;
		to_report |= course.mark == TO_REPORT;
		state->courses[state->course_count++] = course;
	}
	return to_report ? read_id(id, state->courses_id) : !id;
}

/* aither's mails consist of lines of ASCII: refuse to send anything else. */
static bool is_mail_text(const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length == 0 || length > MESSAGE_SIZE_MAX)
		return false;
	for (; *text; text++)
		if ((*text < ' ' || *text > '~') && *text != '\r' && *text != '\n' && *text != '\t')
			return false;
	return true;
}

static bool read_waiting(const struct json *json, struct state *state)
{
	JSON_FOREACH (item, json_get(json, "waiting")) {
		struct incident_waiting waiting = {
			.message_id = json_string(json_get(item, "messageId")),
			.rest.to = json_string(json_get(item, "to")),
			.rest.text = json_string(json_get(item, "text")),
		};

		if (state->waiting_count == INCIDENT_WAITING_MAX ||
			!read_kind(item, INCIDENT_COURSES, &waiting.kind) ||
			!incident_is_message_id(waiting.message_id) ||
			!read_time(item, "since", &waiting.rest.since_ms) || !waiting.rest.to ||
			!waiting.rest.to[0] || strlen(waiting.rest.to) > INCIDENT_RECIPIENTS_MAX ||
			!is_visible(waiting.rest.to) || !is_mail_text(waiting.rest.text))
			return false;
		state->waiting[state->waiting_count++] = waiting;
	}
	return true;
}

/* NULL, and anything that state_write would not have written, gives the empty state. */
static void state_read(struct state *ret_state, const struct json *json)
{
	const struct json *withdrawn = json_get(json, "withdrawn");

	*ret_state = (struct state){ 0 };
	if (json &&
		(!read_row(json, &ret_state->row) || !read_mail(withdrawn, &ret_state->withdrawn) ||
			(withdrawn && !read_time(withdrawn, "openedAt", &ret_state->withdrawn_opened_ms)) ||
			!read_courses(json, ret_state) || !read_waiting(json, ret_state)))
		*ret_state = (struct state){ 0 };
}

static struct json *write_mail(const struct mail *mail)
{
	struct json *object = json_new_object();

	json_set_string(object, "kind", incident_kind_name(mail->kind));
	json_set_string(object, "messageId", mail->id);
	return object;
}

static struct json *write_courses(const struct state *state)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < state->course_count; i++) {
		const struct course *course = &state->courses[i];
		struct json *object = json_new_object();

		json_set_string(object, "entity", course->entity);
		json_set_integer(object, "partials", course->partials);
		if (course->mark != COUNTED)
			json_set_bool(object, "told", course->mark == REPORTED);
		json_append(array, object);
	}
	return array;
}

static struct json *write_waiting(const struct state *state)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < state->waiting_count; i++) {
		const struct incident_waiting *waiting = &state->waiting[i];
		struct json *object = json_new_object();

		json_set_string(object, "kind", incident_kind_name(waiting->kind));
		json_set_string(object, "messageId", waiting->message_id);
		json_set_time(object, "since", waiting->rest.since_ms);
		json_set_string(object, "to", waiting->rest.to);
		json_set_string(object, "text", waiting->rest.text);
		json_append(array, object);
	}
	return array;
}

/* Owned; NULL if there is nothing to remember. */
static struct json *state_write(const struct state *state)
{
	const struct row *row = &state->row;
	struct json *object;

	if (!row->opened_ms && !state->withdrawn.id[0] && state->course_count == 0 &&
		state->waiting_count == 0)
		return NULL;
	object = json_new_object();
	if (row->opened_ms)
		json_set_time(object, "openedAt", row->opened_ms);
	if (row->mails > 0) {
		json_set_string(object, "messageId", row->thread_id);
		json_set_time(object, "mailedAt", row->mailed_ms);
		json_set_integer(object, "mails", row->mails);
	}
	if (row->due.id[0])
		json_set(object, "due", write_mail(&row->due));
	if (state->withdrawn.id[0]) {
		struct json *withdrawn = write_mail(&state->withdrawn);
		json_set_time(withdrawn, "openedAt", state->withdrawn_opened_ms);
		json_set(object, "withdrawn", withdrawn);
	}
	if (state->courses_id[0])
		json_set_string(object, "coursesMessageId", state->courses_id);
	if (state->course_count > 0)
		json_set(object, "courses", write_courses(state));
	if (state->waiting_count > 0)
		json_set(object, "waiting", write_waiting(state));
	return object;
}

/* ---- a sync has ended ---- */

static void make_due(struct mail *mail, enum incident_kind kind)
{
	mail->kind = kind;
	incident_message_id(host_name(), mail->id);
}

static void after_failure(struct state *state, const struct incident_sync *sync)
{
	struct row *row = &state->row;

	/* The operator has not been told of the success in between, so for them it is the same incident. */
	if (row->due.id[0] && row->due.kind == INCIDENT_RECOVERY) {
		state->withdrawn = row->due;
		state->withdrawn_opened_ms = sync->now_ms;
		row->due.id[0] = '\0';
	}
	if (!row->opened_ms)
		row->opened_ms = sync->now_ms;
	if (row->due.id[0] || sync->consecutive_failures < sync->threshold)
		return;
	if (row->mails == 0)
		make_due(&row->due, INCIDENT_FAILURE);
	else if (sync->now_ms - row->mailed_ms >= INCIDENT_PAUSE_MS)
		make_due(&row->due, INCIDENT_REMINDER);
}

static void after_success(struct state *state)
{
	struct row *row = &state->row;

	if (row->mails == 0) {
		state->withdrawn = row->due;
		state->withdrawn_opened_ms = row->opened_ms;
		*row = (struct row){ 0 };
	} else if (!row->due.id[0] || row->due.kind != INCIDENT_RECOVERY) {
		make_due(&row->due, INCIDENT_RECOVERY);
	}
}

static const struct course *find_course(const struct state *state, const char *entity)
{
	for (size_t i = 0; i < state->course_count; i++)
		if (strcmp(state->courses[i].entity, entity) == 0)
			return &state->courses[i];
	return NULL;
}

/* Call after a sync that has not failed. A due mail gets a new id when a course is added to it: if the mail
 * is being sent at this moment, the added course must not count as reported. */
static void count_courses(struct state *state, const struct incident_sync *sync)
{
	struct state before = *state;
	bool added = false, to_report = false;

	memset(state->courses, 0, sizeof(state->courses));
	state->course_count = 0;
	JSON_FOREACH (problem, json_get(sync->report, "errors")) {
		const char *entity = json_string(json_get(problem, "entity"));
		const struct course *known;
		struct course *course;

		if (!is_course(entity) || find_course(state, entity) ||
			state->course_count == INCIDENT_COURSES_MAX)
			continue;
		known = find_course(&before, entity);
		course = &state->courses[state->course_count++];
		if (known)
			*course = *known;
		snprintf(course->entity, sizeof(course->entity), "%s", entity);
		course->partials++;
		if (course->mark == COUNTED && course->partials >= sync->threshold) {
			course->mark = TO_REPORT;
			added = true;
		}
	}
	/* A course that the sync does not name has no problem any more, unless it may have been deferred. */
	if (json_integer(json_get(sync->report, "coursesDeferred"), 0) > 0)
		for (size_t i = 0; i < before.course_count && state->course_count < INCIDENT_COURSES_MAX; i++)
			if (!find_course(state, before.courses[i].entity))
				state->courses[state->course_count++] = before.courses[i];
	for (size_t i = 0; i < state->course_count; i++)
		to_report |= state->courses[i].mark == TO_REPORT;
	if (!to_report)
		state->courses_id[0] = '\0';
	else if (added)
		incident_message_id(host_name(), state->courses_id);
}

/* A newer mail about the failures replaces a waiting one. A mail about courses is dropped when no course is
 * left. */
static void drop_outdated(struct state *state)
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

struct json *incident_advance(const struct json *json, const struct incident_sync *sync)
{
	const char *status = json_string(json_get(sync->report, "status"));
	struct state state;

	if (sync->says_nothing)
		return json_copy(json);
	state_read(&state, json);
	state.withdrawn.id[0] = '\0';
	/* A clock that was set back must not delay the next reminder until it has caught up. */
	if (state.row.opened_ms > sync->now_ms)
		state.row.opened_ms = sync->now_ms;
	if (state.row.mailed_ms > sync->now_ms)
		state.row.mailed_ms = sync->now_ms;
	if (status && strcmp(status, "failed") == 0) {
		after_failure(&state, sync);
	} else {
		after_success(&state);
		count_courses(&state, sync);
	}
	drop_outdated(&state);
	return state_write(&state);
}

/* ---- mails ---- */

bool incident_due(const struct json *json, struct incident_alert *ret_alert)
{
	struct incident_alert alert = { .kind = INCIDENT_COURSES };
	struct state state;

	state_read(&state, json);
	if (state.row.due.id[0]) {
		alert.kind = state.row.due.kind;
		memcpy(alert.message_id, state.row.due.id, sizeof(alert.message_id));
		memcpy(alert.thread_id, state.row.thread_id, sizeof(alert.thread_id));
	} else {
		memcpy(alert.message_id, state.courses_id, sizeof(alert.message_id));
	}
	if (!alert.message_id[0])
		return false;
	*ret_alert = alert;
	return true;
}

bool incident_waiting(const struct json *json, size_t index, struct incident_waiting *ret_waiting)
{
	struct state state;

	state_read(&state, json);
	if (index >= state.waiting_count)
		return false;
	*ret_waiting = state.waiting[index];
	return true;
}

size_t incident_unsent(const struct json *json)
{
	struct state state;

	state_read(&state, json);
	return (state.row.due.id[0] != '\0') + (state.courses_id[0] != '\0') + state.waiting_count;
}

static void row_mailed(struct row *row, const char *id, int64_t now_ms)
{
	if (row->mails == 0)
		snprintf(row->thread_id, sizeof(row->thread_id), "%s", id);
	row->mails++;
	row->mailed_ms = now_ms;
	row->due.id[0] = '\0';
}

/* Marks the mail with that id as sent and returns its kind. False: no such mail was due or is waiting. */
static bool mark_sent(struct state *state, const char *id, int64_t now_ms, enum incident_kind *ret_kind)
{
	struct row *row = &state->row;

	if (strcmp(row->due.id, id) == 0) {
		*ret_kind = row->due.kind;
		if (row->due.kind == INCIDENT_RECOVERY)
			*row = (struct row){ 0 };
		else
			row_mailed(row, id, now_ms);
		return true;
	}
	if (strcmp(state->withdrawn.id, id) == 0) {
		*ret_kind = state->withdrawn.kind;
		state->withdrawn.id[0] = '\0';
		*row = (struct row){ .opened_ms = state->withdrawn_opened_ms };
		if (*ret_kind == INCIDENT_FAILURE) {
			row_mailed(row, id, now_ms);
			make_due(&row->due, INCIDENT_RECOVERY);
		}
		return true;
	}
	if (strcmp(state->courses_id, id) == 0) {
		*ret_kind = INCIDENT_COURSES;
		for (size_t i = 0; i < state->course_count; i++)
			if (state->courses[i].mark == TO_REPORT)
				state->courses[i].mark = REPORTED;
		state->courses_id[0] = '\0';
		return true;
	}
	for (size_t i = 0; i < state->waiting_count; i++)
		if (strcmp(state->waiting[i].message_id, id) == 0) {
			*ret_kind = state->waiting[i].kind;
			return true;
		}
	return false;
}

/* From now on the mail waits for the recipients mail->rest.to; NULL: for none. A new mail replaces the oldest
 * if there is no room. */
static void set_waiting(struct state *state, const struct incident_waiting *mail)
{
	size_t i = 0;

	while (i < state->waiting_count && strcmp(state->waiting[i].message_id, mail->message_id) != 0)
		i++;
	if (i < state->waiting_count && mail->rest.to) {
		state->waiting[i].rest.to = mail->rest.to;
		return;
	}
	if (i == state->waiting_count && mail->rest.to && i == INCIDENT_WAITING_MAX)
		i = 0;
	if (i < state->waiting_count) {
		state->waiting_count--;
		memmove(&state->waiting[i], &state->waiting[i + 1],
			(state->waiting_count - i) * sizeof(state->waiting[0]));
	}
	if (mail->rest.to)
		state->waiting[state->waiting_count++] = *mail;
}

struct json *incident_sent(
	const struct json *json, const char *message_id, int64_t now_ms, const struct incident_rest *rest)
{
	struct incident_waiting mail = { .message_id = message_id };
	struct state state;

	state_read(&state, json);
	if (!message_id[0] || !mark_sent(&state, message_id, now_ms, &mail.kind))
		return json_copy(json);
	if (rest)
		mail.rest = *rest;
	set_waiting(&state, &mail);
	drop_outdated(&state);
	return state_write(&state);
}
