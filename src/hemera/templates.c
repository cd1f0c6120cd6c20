/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "hemera/exchange.h"
#include "hemera/member.h"
#include "hemera/reply.h"

#define TEMPLATE_ROW_PATH_SIZE 32 /* "data.templates[4294967295]" */
#define TEMPLATE_ID_MAX 128
#define TEMPLATE_VERSION_MAX 128

static const struct member template_members[] = {
	{ "markup", MEMBER_TEXT, .offset = MEMBER_NOT_KEPT, .max = HEMERA_LIST_BODY_MAX },
};
static const struct member_table template_table = { template_members, ARRAY_SIZE(template_members), true };

struct templates {
	struct hemera_template *items; /* owned */
	size_t count;
	hemera_problem *problem;
	void *arg;
};

static void templates_done(struct templates *templates)
{
	hemera_templates_free(templates->items, templates->count);
}

/* For messages; NULL: none. */
static const char *template_id(const struct json *row)
{
	const char *id = json_string(json_get(row, "id"));

	if (!id)
		id = json_string(json_get(row, "sourceId"));
	return id && id[0] && strlen(id) <= TEMPLATE_ID_MAX ? id : NULL;
}

/* The ids of course, seminar and lesson must be strings, null or absent. Returns the name of the first wrong
 * one; NULL: none is wrong. */
static const char *template_wrong_owner(const struct json *row, enum json_type *ret_type)
{
	static const char *const members[] = { "courseId", "seminarId", "lessonId" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		*ret_type = json_type(json_get(row, members[i]));
		if (*ret_type != JSON_MISSING && *ret_type != JSON_NULL && *ret_type != JSON_STRING)
			return members[i];
	}
	return NULL;
}

/* A template for one course must not be used for all courses because its courseId has a wrong type. */
static int template_check(const struct json *row, const char *path, struct error *err)
{
	const struct json *version = json_get(row, "version");
	enum json_type type = json_type(version);
	const char *wrong;
	int r = member_read(row, &template_table, path, NULL, err);

	if (r < 0)
		return r;
	if (!template_id(row))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%s.id: missing, and there is no sourceId", path);
	if (type == JSON_STRING ? strlen(json_string(version)) > TEMPLATE_VERSION_MAX
				: type != JSON_MISSING && type != JSON_NULL && type != JSON_NUMBER)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%s.version: neither a number nor a short text", path);
	wrong = template_wrong_owner(row, &type);
	if (wrong)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s.%s: must be a string, but is %s",
			path, wrong, json_type_name(type));
	return 0;
}

/* Even an invalid row means that there is a template, in whose place no other may be used. */
static void templates_read_row(struct templates *templates, const struct json *row, const char *path)
{
	const char *course_id = json_string(json_get(row, "courseId")), *id = template_id(row);
	const char *seminar_id = json_string(json_get(row, "seminarId"));
	const struct json *version = json_get(row, "version");
	struct buf version_text = BUF_INIT(TEMPLATE_VERSION_MAX);
	struct error problem = { 0 };
	bool is_readable = template_check(row, path, &problem) == 0;
	struct hemera_template *item;
	enum json_type type;

	if (!is_readable && templates->problem) {
		CLEANUP(mem_freep) char *entity = mem_printf("template %s", id ? id : path);

		utf8_defuse(entity);
		templates->problem(templates->arg, entity, &problem);
	}
	/* Templates of lessons are of no use here. courseId and seminarId are two names for the same id. */
	if (!json_first(row) || template_wrong_owner(row, &type) || json_string(json_get(row, "lessonId")) ||
		(course_id && seminar_id && strcmp(course_id, seminar_id) != 0))
		return;
	if (!course_id)
		course_id = seminar_id;
	/* As it is written in the JSON, so that versions of all types are compared in the same way. */
	if (json_type(version) == JSON_NUMBER)
		json_write(&version_text, version);
	else if (json_string(version))
		buf_append_text(&version_text, json_string(version));
	templates->items = mem_grow(templates->items, templates->count, sizeof(*templates->items));
	item = &templates->items[templates->count++];
	*item = (struct hemera_template){
		.id = mem_strdup(id ? id : ""),
		.course_id = course_id ? mem_strdup(course_id) : NULL,
		.markup = is_readable ? mem_strdup(json_string(json_get(row, "markup"))) : NULL,
		.version = buf_take(&version_text),
	};
	utf8_defuse(item->id);
}

int hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err)
{
	CLEANUP(templates_done) struct templates templates = { .problem = problem, .arg = arg };
	CLEANUP(reply_done) struct reply reply = { 0 };
	const struct exchange exchange = {
		.path = "/api/service/templates", .due = 1, .body_max = HEMERA_LIST_BODY_MAX
	};
	const struct json *rows;
	const char *rows_path;
	size_t position = 0;
	int r = exchange_get(client, &exchange, &reply, err);

	if (r == -ENOENT) {
		*ret_templates = NULL;
		*ret_count = 0;
		return 0;
	}
	if (r < 0)
		return r;
	rows = reply_rows(reply.data, "data.templates", &rows_path);
	if (!rows)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"the template list: data is not an array of rows");
	JSON_FOREACH (row, rows) {
		char path[TEMPLATE_ROW_PATH_SIZE];

		snprintf(path, sizeof(path), "%s[%zu]", rows_path, position++);
		templates_read_row(&templates, row, path);
	}
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
		free(templates[i].version);
	}
	free(templates);
}
