/* SPDX-License-Identifier: MIT */
#include "render/page.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "render/page-parts.h"
#include "published/texts.h"

#define PAGE_BLOCK_SIZE (16 << 10) /* eight participants with short texts */

/* The states of a participation, in the order in which they come; NONE: booked, nothing begun. */
static const char *const page_statuses[] = { "PREPARATION", "SUMMARY", "DEBRIEFING", "RESULT", "COMPLETE",
	"NONE" };

const char *page_text(const char *text)
{
	return text && utf8_is_blank(text) ? "" : text;
}

/* Sets `member` to the text "kind.constant" of the language, or to the constant when there is none. */
static void page_set_label(struct json *object, const char *member, const char *kind, const char *constant,
	const struct texts *texts)
{
	CLEANUP(mem_freep) char *key = mem_printf("%s.%s", kind, constant ? constant : "");
	const char *label = texts_get(texts, key);

	json_set_string(object, member, label ? label : constant);
}

/* Dates that Hemera does not have are "" here and null for templates. */
static void page_set_date(struct json *object, const char *member, const char *text_member, const char *date,
	const struct texts *texts)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(1024);
	bool given = date && date[0];

	if (given && texts_append_date(texts, date, &text) < 0)
		buf_append_text(&text, date);
	json_set_string(object, member, given ? date : NULL);
	json_set_string(object, text_member, given ? buf_text(&text) : NULL);
}

void page_set_course(struct json *object, const struct page_course *course, const struct texts *texts)
{
	json_set_string(object, "level", course->level);
	page_set_label(object, "levelLabel", "level", course->level, texts);
	page_set_date(object, "startDate", "startDateText", course->start_date, texts);
	page_set_date(object, "endDate", "endDateText", course->end_date, texts);
	json_set_integer(object, "participantCount", course->participant_count);
}

static struct json *page_course_object(const struct page_course *course, const struct texts *texts)
{
	struct json *object = json_new_object();

	json_set_string(object, "id", course->id);
	json_set_string(object, "title", page_text(course->title));
	json_set_string(object, "slug", course->slug);
	page_set_course(object, course, texts);
	return object;
}

static struct json *page_participant(const struct json *participant, const struct texts *texts)
{
	static const char *const text_members[] = { "preparationIntent", "desiredResults",
		"lineManagerProfile" };
	const char *completed = json_string(json_get(participant, "preparationCompletedAt"));
	const char *status = json_string(json_get(participant, "status"));
	struct json *object = json_new_object();

	json_set_string(object, "name", page_text(json_string(json_get(participant, "name"))));
	json_set_string(object, "status", status);
	page_set_label(object, "statusLabel", "status", status, texts);
	for (size_t i = 0; i < ARRAY_SIZE(text_members); i++)
		json_set_string(object, text_members[i],
			page_text(json_string(json_get(participant, text_members[i]))));
	json_set_string(object, "preparationCompletedAt", completed);
	json_set_bool(object, "preparationCompleted", completed != NULL);
	return object;
}

static struct json *page_by_status(const struct json *participants)
{
	struct json *object = json_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(page_statuses); i++) {
		struct json *array = NULL;

		JSON_FOREACH (participant, participants) {
			const char *status = json_string(json_get(participant, "status"));

			if (!status || strcmp(status, page_statuses[i]) != 0)
				continue;
			if (!array)
				array = json_new_array();
			json_append_shared(array, participant);
		}
		if (array)
			json_set(object, page_statuses[i], array);
	}
	return object;
}

struct json *page_course_data(const struct page_course *course, const struct json *participants,
	const struct texts *texts, int64_t generated_at_ms)
{
	struct json *data, *array;

	json_build_begin(PAGE_BLOCK_SIZE);
	data = json_new_object();
	array = json_new_array();

	JSON_FOREACH (participant, participants)
		json_append(array, page_participant(participant, texts));
	json_set(data, "course", page_course_object(course, texts));
	json_set(data, "participantsByStatus", page_by_status(array));
	json_set(data, "participants", array);
	json_set_bool(data, "participantsPending", participants == NULL);
	json_set_string(data, "lang", texts_language(texts));
	if (generated_at_ms != 0)
		json_set_time(data, "generatedAt", generated_at_ms);
	return json_build_end(data);
}
