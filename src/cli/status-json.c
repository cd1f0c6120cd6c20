/* SPDX-License-Identifier: MIT */
#include "cli/status-json.h"

#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/verdict.h"

static struct json *unit_to_json(const struct unit *unit)
{
	struct json *object = json_new_object();

	json_set_string(object, "name", unit->name);
	json_set_string(object, "load", unit->load);
	json_set_string(object, "active", unit->active);
	json_set_string(object, "sub", unit->sub);
	json_set_string(object, "file", unit->file);
	json_set_string(object, "result", unit->result);
	return object;
}

/* NULL, which becomes null, where nothing is known. */
static struct json *system_to_json(const struct doctor_units *units)
{
	const struct unit *timer = verdict_next_timer(units);
	const struct unit *shown[] = { &units->web_socket, &units->worker_socket, &units->worker_web_socket,
		&units->web, &units->worker, &units->sync, &units->timer };
	struct json *object, *array;
	bool is_hidden, is_set = doctor_token_is_set(units, doctor_credstores, &is_hidden);

	if (!units->managed)
		return NULL;
	object = json_new_object();
	array = json_new_array();
	if (is_hidden)
		json_set(object, "syncTokenSet", NULL);
	else
		json_set_bool(object, "syncTokenSet", is_set);
	json_set_time(object, "nextSync", timer ? timer->next_ms : 0);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		json_append(array, unit_to_json(shown[i]));
	for (size_t i = 0; i < units->other_count; i++)
		json_append(array, unit_to_json(&units->others[i]));
	json_set(object, "units", array);
	return object;
}

struct json *status_to_json(const struct answer *answer, const struct error *failure,
	const struct verdict *verdict, const struct doctor_units *units)
{
	struct json *envelope = json_new_object(), *data = json_new_object();
	const struct json *meta = answer ? json_get(answer->envelope, "meta") : NULL;

	json_set_bool(data, "healthy", verdict->exit_code == COMMAND_DONE);
	json_set_string(data, "reason", verdict->sentence);
	json_set(data, "systemd", system_to_json(units));
	if (answer && json_type(answer->data) == JSON_OBJECT)
		JSON_FOREACH (member, answer->data)
			if (!json_get(data, json_name(member)))
				json_set(data, json_name(member), json_copy(member));
	json_set_bool(envelope, "success", answer && !answer->code);
	if (!answer)
		json_set(envelope, "error", command_error_to_json(failure));
	else if (answer->code)
		json_set(envelope, "error", json_copy(json_get(answer->envelope, "error")));
	json_set(envelope, "data", data);
	if (meta)
		json_set(envelope, "meta", json_copy(meta));
	return envelope;
}
