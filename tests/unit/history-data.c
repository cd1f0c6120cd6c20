/* SPDX-License-Identifier: MIT */
/* Events in Hemera: courses appear, change and disappear, and its answers fail. */
#include "history.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define IDS 48
#define MANY 14 /* more than a sync may remove without --force */

static const char *const titles[] = { "Erster Kurs", "Zweiter Kurs", "", "Größe & Maß \"eins\"",
	"<script>alert(1)</script>", "{{generatedAt}}", "</html>", "../../beside/victim", "a\nb", " ",
	"\xe2\x80\xae" };
static const char *const slugs[] = { "eins", "drei", "vier", "Eins", "", ".", "..", "../../beside/victim",
	"/etc/passwd", "a/b", ".tmp-1", ".sync-manifest.json", "x\ny", "a b", "-x", "ü",
	"course-0123456789abcdef", "course-0123456789ABCDEF", "index.de", "a.html", "%2e%2e",
	("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") };
static const char *const levels[] = { "BEGINNER", "INTERMEDIATE", "ADVANCED" };
static const char *const dates[] = { NULL, "2001-01-01T23:00:00.000Z", "2098-06-30T22:00:00.000Z",
	"2099-03-14T23:00:00.000Z" };
static const char *const names[] = { NULL, "Grace", "<b>&</b>", "{{name}}", "Zoë" };
static const char *const images[] = { NULL, "https://images.example/1", "https://images.example/2" };

#define SHARED_PERCENT 30 /* probability of a slug that courses share */

#define PICK(table) table[history_pick(ARRAY_SIZE(table))]

static const char *hidden_id; /* the id of the row that cannot be identified */

static struct fake_course *some_course(void)
{
	struct fake_course *course =
		fake_hemera.count ? &fake_hemera.courses[history_pick((unsigned)fake_hemera.count)] : NULL;

	if (!course || !course->id)
		return NULL;
	history_tell("   course %s, slug \"%s\"", course->id, course->slug);
	return course;
}

static bool is_taken(const char *id)
{
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (fake_hemera.courses[i].id && strcmp(fake_hemera.courses[i].id, id) == 0)
			return true;
	return hidden_id && strcmp(hidden_id, id) == 0;
}

static const char *some_slug(const char *otherwise)
{
	if (history_chance(SHARED_PERCENT))
		return history_chance(50) ? "eins" : "zwei";
	return otherwise ? otherwise : PICK(slugs);
}

static const char *free_id(void)
{
	static char ids[IDS][4];
	unsigned first = history_pick(IDS);

	for (unsigned i = 0; i < IDS; i++) {
		char *id = ids[(first + i) % IDS];

		snprintf(id, sizeof(ids[0]), "k%02u", (first + i) % IDS);
		if (!is_taken(id))
			return id;
	}
	return NULL;
}

static void add_course(void)
{
	const char *id = free_id();

	if (!id)
		return;
	fake_hemera.courses[fake_hemera.count++] = (struct fake_course){
		.id = id,
		.title = PICK(titles),
		.slug = some_slug(history_chance(50) ? id : NULL),
		.level = PICK(levels),
		.start_date = PICK(dates),
		.participants = history_pick(4),
		.participant = PICK(names),
	};
	history_tell("   course %s, slug \"%s\"", id, fake_hemera.courses[fake_hemera.count - 1].slug);
}

static void add_many(void)
{
	for (unsigned i = 0; i < MANY; i++)
		add_course();
}

static void drop_course(void)
{
	struct fake_course *course = some_course();

	if (course)
		*course = fake_hemera.courses[--fake_hemera.count];
}

static void drop_many(void)
{
	for (unsigned i = 0; i < MANY; i++)
		drop_course();
}

static void change_title(void)
{
	struct fake_course *course = some_course();

	if (course)
		course->title = PICK(titles);
}

static void change_slug(void)
{
	struct fake_course *course = some_course();

	if (course)
		course->slug = some_slug(NULL);
	if (course)
		history_tell("   slug \"%s\"", course->slug);
}

static void swap_slugs(void)
{
	struct fake_course *left = some_course(), *right = some_course();
	const char *slug = left ? left->slug : NULL;

	if (!left || !right)
		return;
	left->slug = right->slug;
	right->slug = slug;
}

static void copy_slug(void)
{
	struct fake_course *left = some_course(), *right = some_course();

	if (left && right)
		left->slug = right->slug;
}

static void change_facts(void)
{
	struct fake_course *course = some_course();

	if (!course)
		return;
	course->level = PICK(levels);
	course->start_date = PICK(dates);
	course->end_date = PICK(dates);
}

static void change_participants(void)
{
	struct fake_course *course = some_course();

	if (!course)
		return;
	course->participants = history_pick(4);
	course->participant = PICK(names);
}

static void change_what_no_page_shows(void)
{
	for (size_t i = fake_hemera.count; i > 1; i--) {
		struct fake_course *left = &fake_hemera.courses[i - 1];
		struct fake_course *right = &fake_hemera.courses[history_pick((unsigned)i)];
		struct fake_course moved = *left;

		*left = *right;
		*right = moved;
	}
	for (size_t i = 0; i < fake_hemera.count; i++) {
		fake_hemera.courses[i].reversed = history_chance(50);
		fake_hemera.courses[i].image_url = PICK(images);
	}
}

static void spoil_row(void)
{
	struct fake_course *course = some_course();

	if (course)
		course->level = HISTORY_BROKEN_LEVEL;
}

static void hide_id(void)
{
	struct fake_course *course = hidden_id ? NULL : some_course();

	if (!course)
		return;
	hidden_id = course->id;
	course->id = NULL;
}

static void fail_detail(void)
{
	static const enum hemera_detail_state states[] = { HEMERA_DETAIL_READ, HEMERA_DETAIL_NOT_SEEN,
		HEMERA_DETAIL_FAILED, HEMERA_DETAIL_DEFERRED };
	struct fake_course *course = some_course();

	if (course)
		course->detail = PICK(states);
}

static void spend_budget(void)
{
	fake_hemera.retry_after_s = 30;
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (history_chance(50))
			fake_hemera.courses[i].detail = HEMERA_DETAIL_DEFERRED;
}

static void fail_request(void)
{
	static const enum error_code codes[] = { ERROR_HEMERA_UNREACHABLE, ERROR_HEMERA_AUTH_FAILED,
		ERROR_HEMERA_BAD_DATA, ERROR_HEMERA_RATE_LIMITED, ERROR_HEMERA_TIMEOUT };
	enum error_code *const requests[] = { &fake_hemera.list_error, &fake_hemera.templates_error,
		&fake_hemera.details_error, &fake_hemera.participations_error };
	unsigned request = history_pick(ARRAY_SIZE(requests));

	*requests[request] = PICK(codes);
	history_tell("   request %u: %s", request, error_code_name(*requests[request]));
}

/* Paging loses rows, and slices may or may not find them. */
static void lose_rows(void)
{
	fake_hemera.pages = 2;
	fake_hemera.lost = history_pick(6);
	fake_hemera.lost_for_good = history_chance(50);
	history_tell("   %zu, for good: %d", fake_hemera.lost, fake_hemera.lost_for_good);
}

static void empty_the_list(void)
{
	fake_hemera.count = 0;
	hidden_id = NULL;
}

static void change_api(void)
{
	fake_hemera.pages = 1 + history_pick(2);
	fake_hemera.has_participations = history_chance(50);
	history_tell("   %u pages", fake_hemera.pages);
}

#define END "<footer class=\"end\"><time datetime=\"{{generatedAt}}\"></time></footer></body></html>\n"

static void change_templates(void)
{
	static const struct hemera_template variants[] = {
		{ (char *)"t1", NULL, (char *)"<html><h1>{{course.title}}</h1>" END, (char *)"1" },
		{ (char *)"t2", NULL, (char *)"<html>{{#each participants}}{{> participant}}{{/each}}" END,
			(char *)"2" },
		{ (char *)"t2", NULL, (char *)"<html>{{#each participants}}{{name}}{{/each}}" END,
			(char *)"3" },
		{ (char *)"t3", (char *)"k01", (char *)"<html>k01 {{course.level}}" END, (char *)"1" },
		{ (char *)"t4", (char *)"k02", (char *)"<html>k02 {{> head title=course.title}}" END,
			(char *)"7" },
		{ (char *)"t5", NULL, (char *)"{{#if x}} never closed", (char *)"9" },
		{ (char *)"t6", (char *)"k03", (char *)"{{> of-nobody}}", (char *)"9" },
	};

	fake_hemera.template_count = history_pick(ARRAY_SIZE(fake_hemera.templates) + 1);
	for (size_t i = 0; i < fake_hemera.template_count; i++)
		fake_hemera.templates[i] = PICK(variants);
}

static void nothing(void)
{
}

void history_heal_data(void)
{
	for (size_t i = 0; i < fake_hemera.count; i++) {
		struct fake_course *course = &fake_hemera.courses[i];

		course->detail = HEMERA_DETAIL_READ;
		if (course->level && strcmp(course->level, HISTORY_BROKEN_LEVEL) == 0)
			course->level = NULL;
		if (!course->id)
			course->id = hidden_id;
	}
	hidden_id = NULL;
	fake_hemera.lost = 0;
	fake_hemera.lost_for_good = false;
	fake_hemera.list_error = fake_hemera.templates_error = fake_hemera.details_error =
		fake_hemera.participations_error = ERROR_INTERNAL;
}

const struct history_action history_data_actions[] = {
	{ "a course is added", add_course },
	{ "a course is added", add_course },
	{ "many courses are added", add_many },
	{ "a course is gone", drop_course },
	{ "many courses are gone", drop_many },
	{ "another title", change_title },
	{ "another slug", change_slug },
	{ "another slug", change_slug },
	{ "two slugs are swapped", swap_slugs },
	{ "a slug is shared", copy_slug },
	{ "another level and other dates", change_facts },
	{ "other participants", change_participants },
	{ "another order and other images", change_what_no_page_shows },
	{ "a row that is not valid", spoil_row },
	{ "a row without id", hide_id },
	{ "a detail that fails", fail_detail },
	{ "the budget is spent", spend_budget },
	{ "a request that fails", fail_request },
	{ "the API changes", change_api },
	{ "the list loses rows", lose_rows },
	{ "the list loses rows", lose_rows },
	{ "the list is empty", empty_the_list },
	{ "other templates in Hemera", change_templates },
	{ "all is well again in Hemera", history_heal_data },
	{ "nothing", nothing },
};

const size_t history_data_action_count = ARRAY_SIZE(history_data_actions);
