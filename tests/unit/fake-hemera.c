/* SPDX-License-Identifier: MIT */

/* The linker redirects calls of these functions here (--wrap); the rest of hemera/ is the real one. */
#define hemera_details __wrap_hemera_details
#define hemera_freep __wrap_hemera_freep
#define hemera_list __wrap_hemera_list
#define hemera_list_lost __wrap_hemera_list_lost
#define hemera_new __wrap_hemera_new
#define hemera_participations __wrap_hemera_participations
#define hemera_templates __wrap_hemera_templates

#include "fake-hemera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

struct fake_hemera fake_hemera;

struct hemera {
	int unused;
};

int hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err)
{
	(void)options;
	(void)err;
	*ret_client = mem_zalloc(sizeof(**ret_client));
	return 0;
}

void hemera_freep(struct hemera **client)
{
	free(*client);
}

static int fake_fail(enum error_code code, struct error *err)
{
	return error_fail(err, code, -EIO, "scripted failure");
}

static struct json *fake_row(const struct fake_course *course)
{
	struct json *row = json_new_object();

	json_set_string(row, "id", course->id);
	json_set_string(row, "title", course->title);
	json_set_string(row, "slug", course->slug);
	json_set_string(row, "level", course->level ? course->level : "BEGINNER");
	json_set_string(row, "startDate", course->start_date);
	json_set_string(row, "endDate", course->end_date);
	json_set_integer(row, "participantCount", course->participants);
	return row;
}

static void fake_bad_row(struct hemera_list *list, const struct json *row)
{
	const char *id = course_id_of(row);

	if (id)
		list->bad_ids[list->bad_count++] = mem_strdup(id);
	else
		list->unidentified++;
}

static void fake_add_row(
	struct hemera_list *list, const struct fake_course *course, hemera_problem *problem, void *arg)
{
	CLEANUP(json_freep) struct json *row = fake_row(course);
	struct error bad = { 0 };

	if (course_from_json(&list->courses[list->count], row, "data[]", &bad) == 0) {
		list->count++;
		return;
	}
	fake_bad_row(list, row);
	if (problem)
		problem(arg, "course", &bad);
}

static size_t fake_lost(void)
{
	return fake_hemera.lost < fake_hemera.count ? fake_hemera.lost : fake_hemera.count;
}

int hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem, void *arg,
	struct error *err)
{
	struct hemera_list list = {
		.pages = fake_hemera.pages, .rows = fake_hemera.count, .fetched_at_ms = time_now_ms()
	};

	(void)client;
	fake_hemera.calls++;
	if (fake_hemera.list_error)
		return fake_fail(fake_hemera.list_error, err);
	list.courses = mem_zalloc(FAKE_COURSES_MAX * sizeof(*list.courses));
	list.bad_ids = mem_zalloc(FAKE_COURSES_MAX * sizeof(*list.bad_ids));
	for (size_t i = 0; i < fake_hemera.count - fake_lost(); i++)
		fake_add_row(&list, &fake_hemera.courses[i], problem, arg);
	*ret_list = list;
	return 0;
}

int hemera_list_lost(struct hemera *client, struct hemera_list *list, hemera_problem *problem, void *arg,
	struct error *ret_reason, struct error *err)
{
	(void)client;
	(void)err;
	*ret_reason = (struct error){ 0 };
	for (size_t i = fake_hemera.count - fake_lost(); i < fake_hemera.count && !fake_hemera.lost_for_good;
		i++)
		fake_add_row(list, &fake_hemera.courses[i], problem, arg);
	return 0;
}

static struct participants fake_participants(const struct fake_course *course)
{
	CLEANUP(json_freep) struct json *array = json_new_array();
	struct participants participants = { 0 };

	for (unsigned i = 0; i < course->participants; i++) {
		unsigned number = course->reversed ? course->participants - 1 - i : i;
		CLEANUP(mem_freep) char *id = mem_printf("cbooking%04u", number);
		struct json *row = json_new_object();

		json_set_string(row, "bookingId", id);
		json_set_string(row, "participationId", id);
		json_set_string(row, "name", course->participant ? course->participant : "Ada");
		json_set_string(row, "imageUrl", course->image_url);
		json_set_string(row, "status", "PREPARATION");
		json_set_string(row, "preparationIntent", "to learn");
		json_set_string(row, "desiredResults", NULL);
		json_set_string(row, "lineManagerProfile", NULL);
		json_set_string(row, "preparationCompletedAt", NULL);
		json_append(array, row);
	}
	if (participants_from_json(&participants, array, "data.participants", NULL) < 0)
		abort();
	for (size_t i = 0; i < participants.count; i++)
		participant_own(&participants.items[i]);
	return participants;
}

static const struct fake_course *fake_find(const char *id)
{
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (fake_hemera.courses[i].id && strcmp(fake_hemera.courses[i].id, id) == 0)
			return &fake_hemera.courses[i];
	abort();
}

static int fake_answer(size_t index, const char *id, hemera_detail *detail, void *arg)
{
	const struct error problem = {
		.errnum = -EBADMSG, .code = ERROR_HEMERA_BAD_DATA, .message = "scripted"
	};
	const struct fake_course *course = fake_find(id);
	CLEANUP(participants_done) struct participants participants = { 0 };

	if (course->detail == HEMERA_DETAIL_READ)
		participants = fake_participants(course);
	return detail(arg, index, course->detail, course->detail == HEMERA_DETAIL_READ ? &participants : NULL,
		course->detail == HEMERA_DETAIL_FAILED ? &problem : NULL);
}

int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err)
{
	(void)client;
	fake_hemera.asked[0] = '\0';
	fake_hemera.due = wanted->due;
	*ret_retry_after_s = 0;
	for (size_t i = 0; i < wanted->count; i++) {
		const char *id = wanted->ids[i];
		size_t length = strlen(fake_hemera.asked);
		int r;

		snprintf(fake_hemera.asked + length, FAKE_ASKED_SIZE - length, "%s ", id);
		r = fake_answer(i, id, detail, arg);
		if (r < 0)
			return error_set(err, r, "ended by the caller");
		if (fake_find(id)->detail == HEMERA_DETAIL_DEFERRED && i < wanted->due)
			*ret_retry_after_s = fake_hemera.retry_after_s;
		if (fake_hemera.cancel) {
			atomic_store(fake_hemera.cancel, true);
			return fake_fail(ERROR_SHUTTING_DOWN, err);
		}
	}
	return fake_hemera.details_error ? fake_fail(fake_hemera.details_error, err) : 0;
}

static struct hemera_template fake_template(const struct hemera_template *source)
{
	return (struct hemera_template){
		.id = mem_strdup(source->id),
		.course_id = source->course_id ? mem_strdup(source->course_id) : NULL,
		.markup = mem_strdup(source->markup),
		.version = mem_strdup(source->version ? source->version : ""),
	};
}

int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err)
{
	struct hemera_template *templates;

	(void)client;
	(void)problem;
	(void)arg;
	if (fake_hemera.templates_error)
		return fake_fail(fake_hemera.templates_error, err);
	templates = mem_zalloc((fake_hemera.template_count + 1) * sizeof(*templates));
	for (size_t i = 0; i < fake_hemera.template_count; i++)
		templates[i] = fake_template(&fake_hemera.templates[i]);
	*ret_templates = templates;
	*ret_count = fake_hemera.template_count;
	return 0;
}

int hemera_participations(struct hemera *client, const char *const *ids, size_t count, hemera_detail *detail,
	void *arg, bool *ret_available, struct error *err)
{
	(void)client;
	if (fake_hemera.participations_error)
		return fake_fail(fake_hemera.participations_error, err);
	*ret_available = fake_hemera.has_participations;
	for (size_t i = 0; i < count && fake_hemera.has_participations; i++)
		fake_answer(i, ids[i], detail, arg);
	return 0;
}
