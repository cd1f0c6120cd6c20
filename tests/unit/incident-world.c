/* SPDX-License-Identifier: MIT */
#include "incident-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

static const struct json_limits limits = { .size_max = 1 << 20, .depth_max = 8, .node_max = 10000 };

void world_done(struct world *world)
{
	mem_freep(&world->text);
}

struct json *world_parse(const char *text)
{
	struct json *json = NULL;

	if (text)
		assert_int_equal(json_parse(&json, text, strlen(text), &limits, NULL), 0);
	return json;
}

/* Always stored as text, so that everything has to survive a restart. */
static void world_store(struct world *world, struct json *owned_state)
{
	CLEANUP(json_freep) struct json *state = owned_state;
	CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);

	mem_freep(&world->text);
	world->text = NULL;
	if (!state)
		return;
	json_write(&text, state);
	world->text = buf_take(&text);
}

static struct json *make_report(const char *status, const char *entities)
{
	CLEANUP(mem_freep) char *copy = mem_strdup(entities);
	struct json *report = json_new_object(), *errors = json_new_array();
	char *rest = copy, *entity;

	while ((entity = strsep(&rest, ",")) != NULL) {
		struct json *error = json_new_object();

		if (!*entity) {
			json_free(error);
			continue;
		}
		json_set_string(error, "entity", entity);
		json_set_string(error, "code", "HEMERA_BAD_DATA");
		json_append(errors, error);
	}
	json_set_string(report, "status", status);
	json_set(report, "errors", errors);
	return report;
}

void world_sync(struct world *world, const char *sync)
{
	bool failed = *sync == 'F' || *sync == 'C';
	CLEANUP(json_freep)
	struct json *report = make_report(failed         ? "failed"
					  : *sync == 'S' ? "success"
							 : "partial",
		sync[1] ? sync + 2 : (failed ? "hemera" : ""));
	CLEANUP(json_freep) struct json *state = world_parse(world->text);
	struct incident_sync end = {
		.report = report,
		.threshold = world->threshold,
		.says_nothing = *sync == 'C',
		.now_ms = world->now_ms,
	};

	json_set_integer(report, "coursesDeferred", *sync == 'D');
	if (*sync == 'F')
		world->consecutive_failures++;
	else if (!failed)
		world->consecutive_failures = 0;
	end.consecutive_failures = world->consecutive_failures;
	world_store(world, incident_advance(state, &end));
}

bool world_due(const struct world *world, struct incident_alert *ret_alert)
{
	CLEANUP(json_freep) struct json *state = world_parse(world->text);

	return incident_due(state, ret_alert);
}

void world_note_sent(struct world *world, const char *id)
{
	world_note_sent_but(world, id, NULL);
}

void world_note_sent_but(struct world *world, const char *id, const char *to)
{
	const struct incident_rest rest = { .to = to, .text = "From: a\r\n\r\nx", .since_ms = world->now_ms };
	CLEANUP(json_freep) struct json *state = world_parse(world->text);

	world_store(world, incident_sent(state, id, world->now_ms, to ? &rest : NULL));
}

void world_waiting(const struct world *world, struct buf *out)
{
	CLEANUP(json_freep) struct json *state = world_parse(world->text);
	struct incident_waiting waiting;

	for (size_t i = 0; incident_waiting(state, i, &waiting); i++)
		buf_printf(out, "%s%s to %s", i > 0 ? ", " : "", incident_kind_name(waiting.kind),
			waiting.rest.to);
}

/* The courses that the due mail would name, "" if there are none. */
static void world_courses_to_tell(const struct world *world, struct buf *out)
{
	CLEANUP(json_freep) struct json *state = world_parse(world->text);

	JSON_FOREACH (course, json_get(state, "courses")) {
		if (!json_bool(json_get(course, "told"), true))
			buf_printf(out, " %s", json_string(json_get(course, "entity")) + strlen("course "));
	}
}

void world_mail(struct world *world, struct buf *out)
{
	struct incident_alert alert;

	while (world_due(world, &alert)) {
		buf_printf(out, "%s%s", out->length ? "," : "", incident_kind_name(alert.kind));
		if (alert.kind == INCIDENT_COURSES)
			world_courses_to_tell(world, out);
		world_note_sent(world, alert.message_id);
	}
}
