/* SPDX-License-Identifier: MIT */
#include "notify/incident-state.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "notify/message.h"

#define COURSE_PREFIX "course "
#define COUNT_MAX 1000000 /* no row of syncs is longer */

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

bool incident_is_course(const char *entity)
{
	const size_t prefix = strlen(COURSE_PREFIX);

	return entity && strncmp(entity, COURSE_PREFIX, prefix) == 0 && entity[prefix] &&
	       strlen(entity) < INCIDENT_ENTITY_SIZE && is_visible(entity + prefix);
}

bool incident_is_message_id(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	const char *at = text ? strchr(text, '@') : NULL;

	return at && length < INCIDENT_MESSAGE_ID_SIZE && is_visible(text) && text[0] == '<' &&
	       at > text + 1 && text[length - 1] == '>' && at < text + length - 2 &&
	       strcspn(text + 1, "<>") == length - 2;
}

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

/* Absent: none. Only a mail about the row is stored with its kind. */
static bool read_mail(const struct json *json, struct incident_mail *ret_mail)
{
	return !json || (read_kind(json, INCIDENT_RECOVERY, &ret_mail->kind) &&
				read_id(json_get(json, "messageId"), ret_mail->id));
}

/* A row about which nobody was told yet can only have a failure to tell, any other only the rest. */
static bool read_row(const struct json *json, struct incident_row *row)
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

static bool read_withdrawn(const struct json *json, struct incident_state *state)
{
	const struct json *withdrawn = json_get(json, "withdrawn");

	return !withdrawn || (read_mail(withdrawn, &state->withdrawn) &&
				     read_time(withdrawn, "openedAt", &state->withdrawn_opened_ms));
}

static bool read_course(const struct json *json, struct incident_course *course)
{
	const struct json *told = json_get(json, "told");
	const char *entity = json_string(json_get(json, "entity"));

	if (!incident_is_course(entity) || !read_count(json_get(json, "partials"), &course->partials) ||
		(told && json_type(told) != JSON_BOOL))
		return false;
	snprintf(course->entity, sizeof(course->entity), "%s", entity);
	if (told)
		course->mark = json_bool(told, false) ? INCIDENT_TOLD : INCIDENT_TO_TELL;
	return true;
}

static bool read_courses(const struct json *json, struct incident_state *state)
{
	const struct json *id = json_get(json, "coursesMessageId");
	bool to_tell = false;

	JSON_FOREACH (item, json_get(json, "courses")) {
		if (state->course_count == INCIDENT_COURSES_MAX ||
			!read_course(item, &state->courses[state->course_count]))
			return false;
		to_tell |= state->courses[state->course_count++].mark == INCIDENT_TO_TELL;
	}
	return to_tell ? read_id(id, state->courses_id) : !id;
}

/* ASCII, as every mail of ours is, in lines: nothing else may go out again. */
static bool is_text(const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length == 0 || length > MESSAGE_SIZE_MAX)
		return false;
	for (; *text; text++)
		if ((*text < ' ' || *text > '~') && *text != '\r' && *text != '\n' && *text != '\t')
			return false;
	return true;
}

static bool read_waiting(const struct json *json, struct incident_state *state)
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
			!is_visible(waiting.rest.to) || !is_text(waiting.rest.text))
			return false;
		state->waiting[state->waiting_count++] = waiting;
	}
	return true;
}

void incident_state_read(struct incident_state *ret_state, const struct json *json)
{
	*ret_state = (struct incident_state){ 0 };
	if (!json)
		return;
	if (!read_row(json, &ret_state->row) || !read_withdrawn(json, ret_state) ||
		!read_courses(json, ret_state) || !read_waiting(json, ret_state))
		*ret_state = (struct incident_state){ 0 };
}

static struct json *write_mail(const struct incident_mail *mail)
{
	struct json *object = json_new_object();

	json_set_string(object, "kind", incident_kind_name(mail->kind));
	json_set_string(object, "messageId", mail->id);
	return object;
}

static void write_row(struct json *object, const struct incident_row *row)
{
	json_set_time(object, "openedAt", row->opened_ms);
	if (row->mails > 0) {
		json_set_string(object, "messageId", row->thread_id);
		json_set_time(object, "mailedAt", row->mailed_ms);
		json_set_integer(object, "mails", row->mails);
	}
	if (row->due.id[0])
		json_set(object, "due", write_mail(&row->due));
}

static struct json *write_courses(const struct incident_state *state)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < state->course_count; i++) {
		const struct incident_course *course = &state->courses[i];
		struct json *object = json_new_object();

		json_set_string(object, "entity", course->entity);
		json_set_integer(object, "partials", course->partials);
		if (course->mark != INCIDENT_COUNTED)
			json_set_bool(object, "told", course->mark == INCIDENT_TOLD);
		json_append(array, object);
	}
	return array;
}

static struct json *write_waiting(const struct incident_state *state)
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

struct json *incident_state_write(const struct incident_state *state)
{
	struct json *object, *withdrawn;

	if (!state->row.opened_ms && !state->withdrawn.id[0] && state->course_count == 0 &&
		state->waiting_count == 0)
		return NULL;
	object = json_new_object();
	if (state->row.opened_ms)
		write_row(object, &state->row);
	if (state->withdrawn.id[0]) {
		withdrawn = write_mail(&state->withdrawn);
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
