/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/exchange.h"
#include "hemera/member.h"

#define TEMPLATE_ROW_PATH_SIZE 32                      /* "data[4294967295]" */
#define TEMPLATE_VERSION_MAX INT64_C(9007199254740991) /* 2^53 - 1: what JSON numbers carry exactly */

static const struct member template_members[] = {
	{ "id", MEMBER_ID, .max = COURSE_ID_MAX },
	{ "markup", MEMBER_TEXT, .max = HEMERA_LIST_BODY_MAX },
	{ "version", MEMBER_COUNT, .max = TEMPLATE_VERSION_MAX },
};
static const struct member_table template_table = { template_members, ARRAY_SIZE(template_members), true };

struct templates {
	struct hemera_template *items; /* owned */
	size_t count, capacity;
	hemera_problem *problem;
	void *arg;
};

static void templates_done(struct templates *templates)
{
	hemera_templates_free(templates->items, templates->count);
}

/* Lessons' templates are not aither's. courseId and seminarId are two names of the same: both or one. */
static bool template_is_usable(const struct json *row)
{
	const char *course_id = json_string(json_get(row, "courseId"));
	const char *seminar_id = json_string(json_get(row, "seminarId"));

	if (json_string(json_get(row, "lessonId")))
		return false;
	return !course_id || !seminar_id || strcmp(course_id, seminar_id) == 0;
}

/* A template of one course whose id is of a wrong type must not serve them all. */
static int template_check(const struct json *row, const char *path, struct error *err)
{
	static const char *const optional[] = { "courseId", "seminarId", "lessonId" };
	int r = member_check(row, &template_table, path, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++) {
		enum json_type type = json_type(json_get(row, optional[i]));

		if (type != JSON_MISSING && type != JSON_NULL && type != JSON_STRING)
			return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
				"%s.%s: %s where a string is due", path, optional[i], json_type_name(type));
	}
	return 0;
}

static void templates_add(struct templates *templates, const struct json *row)
{
	const char *course_id = json_string(json_get(row, "courseId"));

	if (!course_id)
		course_id = json_string(json_get(row, "seminarId"));
	if (templates->count == templates->capacity) {
		templates->capacity = templates->capacity * 2 + 8;
		templates->items =
			mem_resize(templates->items, templates->capacity, sizeof(*templates->items));
	}
	templates->items[templates->count++] = (struct hemera_template){
		.id = mem_strdup(json_string(json_get(row, "id"))),
		.course_id = course_id ? mem_strdup(course_id) : NULL,
		.markup = mem_strdup(json_string(json_get(row, "markup"))),
		.version = json_integer(json_get(row, "version"), 0),
	};
}

static void templates_read_row(struct templates *templates, const struct json *row, const char *path)
{
	const char *id = json_string(json_get(row, "id"));
	struct error problem = { 0 };

	if (template_check(row, path, &problem) < 0) {
		CLEANUP(mem_freep)
		char *entity = mem_printf("template %s", member_is_id(id, COURSE_ID_MAX) ? id : path);

		if (templates->problem)
			templates->problem(templates->arg, entity, &problem);
		return;
	}
	if (template_is_usable(row))
		templates_add(templates, row);
}

static int templates_on_data(void *arg, const struct json *data, struct error *err)
{
	struct templates *templates = arg;
	size_t position = 0;

	if (json_type(data) != JSON_ARRAY)
		return error_fail(
			err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "the template list: data is not an array");
	JSON_FOREACH (row, data) {
		char path[TEMPLATE_ROW_PATH_SIZE];

		snprintf(path, sizeof(path), "data[%zu]", position++);
		templates_read_row(templates, row, path);
	}
	return 0;
}

int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err)
{
	CLEANUP(templates_done) struct templates templates = { .problem = problem, .arg = arg };
	int r = exchange_get(
		client, "/api/service/templates", HEMERA_LIST_BODY_MAX, templates_on_data, &templates, err);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret_count = templates.count;
	*ret_templates = STEAL(templates.items);
	templates.count = 0;
	return 0;
}

void hemera_templates_free(struct hemera_template *templates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(templates[i].id);
		free(templates[i].course_id);
		free(templates[i].markup);
	}
	free(templates);
}
