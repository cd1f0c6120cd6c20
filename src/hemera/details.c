/* SPDX-License-Identifier: MIT */
#include "hemera/client.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "hemera/exchange.h"

struct details {
	const struct hemera_wanted *wanted;
	hemera_detail *detail;
	void *arg;
	bool deferred; /* at least one that is due */
};

/* `data` is the course, or {course} where Hemera is set to its older shape. */
static int details_read(
	struct participants *ret_participants, const struct json *data, const char *id, struct error *err)
{
	const struct json *inner = json_get(data, "course");
	const struct json *course = inner ? inner : data;
	const char *answered_id = json_string(json_get(course, "id"));

	if (json_fault(course))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s",
			inner ? "data.course" : "data", json_fault(course));
	if (!answered_id || strcmp(answered_id, id) != 0)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%s: not the course that was asked for", inner ? "data.course.id" : "data.id");
	return participants_from_json(ret_participants, json_get(course, "participants"),
		inner ? "data.course.participants" : "data.participants", err);
}

static int details_on_data(struct details *details, size_t index, const struct json *data)
{
	CLEANUP(participants_done) struct participants participants = { 0 };
	struct error problem = { 0 };

	if (details_read(&participants, data, details->wanted->ids[index], &problem) < 0)
		return details->detail(details->arg, index, HEMERA_DETAIL_FAILED, NULL, &problem);
	return details->detail(details->arg, index, HEMERA_DETAIL_READ, &participants, NULL);
}

static int details_on_end(void *arg, size_t index, const struct exchange_answer *answer)
{
	struct details *details = arg;
	enum hemera_detail_state state = HEMERA_DETAIL_FAILED;

	switch (answer->end) {
	case EXCHANGE_DATA:
		return details_on_data(details, index, answer->data);
	case EXCHANGE_NOT_FOUND:
		if (answer->is_hemera)
			state = HEMERA_DETAIL_NOT_SEEN;
		break;
	case EXCHANGE_FAILED:
		break;
	case EXCHANGE_DEFERRED:
		state = HEMERA_DETAIL_DEFERRED;
		details->deferred |= index < details->wanted->due;
		break;
	}
	return details->detail(
		details->arg, index, state, NULL, state == HEMERA_DETAIL_FAILED ? answer->problem : NULL);
}

int hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err)
{
	struct details details = { wanted, detail, arg, false };
	struct exchange exchange = {
		.path = "/api/service/courses/",
		.ids = wanted->ids,
		.count = wanted->count,
		.due = wanted->due,
		.body_max = HEMERA_DETAIL_BODY_MAX,
		.done = details_on_end,
		.arg = &details,
	};
	int r = exchange_run(client, &exchange, err);

	if (r < 0)
		return r;
	*ret_retry_after_s = details.deferred ? exchange_retry_after_s(client, false) : 0;
	return 0;
}
