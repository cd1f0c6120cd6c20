/* SPDX-License-Identifier: MIT */
/* The rules that hold after every sync, and at the end. */
#include "history.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "hemera/member.h"
#include "scratch.h"
#include "sync/manifest.h"
#include "sync/names.h"

#define BY_HAND_BEFORE_S 1100000000 /* files made by history-hand.c are older than this */

static bool is_by_hand(const struct tree_item *item)
{
	return item->status.st_mtim.tv_sec < BY_HAND_BEFORE_S;
}

static bool is_temporary(const char *path)
{
	const char *name = strrchr(path, '/');

	return strncmp(name ? name + 1 : path, ".tmp-", 5) == 0;
}

static bool is_whole(const struct tree_item *item)
{
	const char *end = item->text + strlen(item->text);

	while (end > item->text && end[-1] == '\n')
		end--;
	return (size_t)(end - item->text) >= strlen(HISTORY_TEXT_END) &&
	       strncmp(end - strlen(HISTORY_TEXT_END), HISTORY_TEXT_END, strlen(HISTORY_TEXT_END)) == 0;
}

static bool is_bad_row(const struct fake_course *course)
{
	return !course->id || (course->level && strcmp(course->level, HISTORY_BROKEN_LEVEL) == 0);
}

static bool has_error(enum error_code code)
{
	for (size_t i = 0; i < fixture_report.errors_total && i < REPORT_ERRORS_MAX; i++)
		if (fixture_report.errors[i].code == code)
			return true;
	return false;
}

void history_check_untouched(const struct tree *before, const struct tree *after, bool manifest_too)
{
	for (size_t i = 0; i < after->count; i++) {
		const struct tree_item *now = &after->items[i], *old = tree_find(before, now->path);

		if (!manifest_too && strcmp(now->path, MANIFEST_NAME) == 0)
			continue;
		if (!old)
			history_complain("%s was made for nothing", now->path);
		else if (!tree_is_untouched(old, now))
			history_complain("%s was written for nothing", now->path);
	}
	for (size_t i = 0; i < before->count; i++)
		if (!tree_find(after, before->items[i].path))
			history_complain("%s was removed for nothing", before->items[i].path);
}

/* In every case pages are whole, and no file outside the output directory was touched. */
static void check_always(const struct tree *out, const struct tree *beside_before)
{
	CLEANUP(tree_done) struct tree beside = { 0 };
	const struct tree_item *item;
	size_t index = 0;

	tree_read(&beside, history_path("beside"));
	history_check_untouched(beside_before, &beside, true);
	while ((item = tree_next_page(out, &index)) != NULL)
		if (S_ISREG(item->status.st_mode) && !is_by_hand(item) && !is_whole(item))
			history_complain("%s is not whole", item->path);
	if (scratch_count() > 4)
		history_complain("there is something new beside the output directory");
}

static void check_no_temporary_file(const struct tree *out)
{
	for (size_t i = 0; i < out->count; i++)
		if (is_temporary(out->items[i].path))
			history_complain("%s is left", out->items[i].path);
}

static bool is_in_list(const char *id)
{
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (fake_hemera.courses[i].id && strcmp(fake_hemera.courses[i].id, id) == 0)
			return true;
	return false;
}

/* The two names that a course's page may have: its own slug, and the one of a course whose slug is taken. */
static void names_of(const struct fake_course *course, char ret_names[2][PUBLISHED_NAME_SIZE])
{
	struct names_course alone = { .id = course->id, .slug = course->slug };
	struct names_course both[2] = { { .id = "", .slug = course->slug }, alone };

	names_plan(&alone, 1);
	names_plan(both, 2);
	memcpy(ret_names[0], alone.name, PUBLISHED_NAME_SIZE);
	memcpy(ret_names[1], both[1].name, PUBLISHED_NAME_SIZE);
}

/* A page without an entry in the manifest stays until the course's participants are read. */
static bool is_of_listed(const char *name)
{
	for (size_t i = 0; i < fake_hemera.count; i++) {
		char names[2][PUBLISHED_NAME_SIZE];

		if (!fake_hemera.courses[i].id)
			continue;
		names_of(&fake_hemera.courses[i], names);
		if (strcmp(names[0], name) == 0 || strcmp(names[1], name) == 0)
			return true;
	}
	return false;
}

static const struct tree_item *page_of(
	const struct fake_course *course, const struct manifest_entry *entry, const struct tree *out)
{
	const struct tree_item *page = NULL;
	char names[2][PUBLISHED_NAME_SIZE];

	names_of(course, names);
	for (int i = 0; i < 2 && !page; i++) {
		CLEANUP(mem_freep)
		char *path = mem_printf("%s/%s", fixture_courses(), entry ? entry->name : names[i]);

		page = tree_find(out, path);
	}
	return page;
}

/* Every course that can be shown is shown, on a page made by a sync. Participants or templates that cannot
 * be read today do not replace a page. */
static void check_listed(const struct manifest *manifest, const struct tree *out)
{
	bool is_limited = fake_hemera.templates_error == ERROR_HEMERA_RATE_LIMITED;
	size_t lost = fake_hemera.lost_for_good ? fake_hemera.lost : 0;

	for (size_t i = 0; i < fake_hemera.count; i++) {
		const struct fake_course *course = &fake_hemera.courses[i];
		const struct manifest_entry *entry = course->id ? manifest_find(manifest, course->id) : NULL;
		CLEANUP(mem_freep) char *entity = mem_printf("course %s", course->id ? course->id : "");
		const struct tree_item *page;

		if (is_bad_row(course) || fixture_has_error(ERROR_OUTPUT, entity))
			continue;
		page = page_of(course, entry, out);
		if (!page && !is_limited && i + lost < fake_hemera.count)
			history_complain("%s has no page", entity);
		else if (page && course->participants == 0 && !is_limited && lost == 0 &&
			 (!S_ISREG(page->status.st_mode) || is_by_hand(page)))
			history_complain("the page of %s is not a sync's", entity);
	}
}

/* Is the last list a reason to remove pages at once? */
static bool is_certain(void)
{
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (is_bad_row(&fake_hemera.courses[i]))
			return false;
	return fake_hemera.pages == 1 && fake_hemera.count > 0 &&
	       !(fake_hemera.lost_for_good && fake_hemera.lost > 0);
}

/* A page without an entry is remembered as an orphan; after a certain list there are no orphans, and no
 * page of a course that is gone. */
static void check_owners(const struct manifest *manifest, const struct tree *out)
{
	CLEANUP(nameset_done) struct nameset owned = { 0 };
	const struct tree_item *item;
	bool certain = is_certain();
	size_t index = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		nameset_add(&owned, manifest->entries[i]->name);
		if (certain && !is_in_list(manifest->entries[i]->course.id))
			history_complain("course %s is gone but known", manifest->entries[i]->course.id);
	}
	nameset_sort(&owned);
	for (size_t i = 0; i + 1 < owned.count; i++)
		if (strcmp(owned.items[i], owned.items[i + 1]) == 0)
			history_complain("%s belongs to two courses", owned.items[i]);
	while ((item = tree_next_page(out, &index)) != NULL) {
		const char *name = strrchr(item->path, '/') + 1;

		if (S_ISDIR(item->status.st_mode) || nameset_has(&owned, name) || is_of_listed(name))
			continue;
		if (certain || (fake_hemera.pages > 1 && fake_hemera.lost == 0 &&
				       !nameset_has(&manifest->orphans, name)))
			history_complain("%s has no course", item->path);
	}
}

static bool has_unknown_rows(const struct manifest *manifest)
{
	for (size_t i = 0; i < fake_hemera.count; i++) {
		const struct fake_course *course = &fake_hemera.courses[i];

		if (!course->id || (is_bad_row(course) && !manifest_find(manifest, course->id)))
			return true;
	}
	return false;
}

static void load_manifest(const char *output, struct manifest *manifest)
{
	int directory = open(history_path(output), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error problem = { 0 };

	if (manifest_load(directory, manifest, &problem) < 0)
		history_complain("the manifest of %s: %s", output, problem.message);
	close(directory);
}

/* Participants: the one of fake-hemera.c, and those of history-data.c; no template has these names. */
static const char *const history_names[] = { "Ada", "Grace", "Zoë", NULL };

/* Only the pages of one audience exist, and visitors can fetch no data of a participant. */
static void check_audience(const struct tree *out)
{
	bool is_public = fixture_config.site.course_pages_public;

	for (size_t i = 0; i < out->count; i++) {
		const struct tree_item *item = &out->items[i];

		if (strncmp(item->path, "public/", 7) != 0) {
			if (is_public && strncmp(item->path, "courses", 7) == 0 &&
				S_ISREG(item->status.st_mode))
				history_complain("%s is there with CoursePages=public", item->path);
			continue;
		}
		if (!is_public && strncmp(item->path, "public/courses/", 15) == 0)
			history_complain("%s is there with CoursePages=private", item->path);
		for (size_t name = 0; history_names[name]; name++)
			if (strstr(item->text, history_names[name]))
				history_complain("%s names %s", item->path, history_names[name]);
	}
}

static void check_success(const struct tree *out)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };

	check_audience(out);

	load_manifest("out", &manifest);
	check_listed(&manifest, out);
	if (!has_unknown_rows(&manifest) && !has_error(ERROR_MASS_DELETE_REFUSED))
		check_owners(&manifest, out);
}

void history_check_step(
	const struct history_outcome *outcome, const struct tree *beside, const struct tree *before)
{
	CLEANUP(tree_done) struct tree out = { 0 };
	const struct tree_item *courses;

	tree_read(&out, history_path("out"));
	courses = tree_find(&out, fixture_courses());
	check_always(&out, beside);
	if (outcome->died)
		return;
	if (outcome->dry_run) {
		if (tree_find(before, ".sync.lock") && tree_find(before, fixture_courses()))
			history_check_untouched(before, &out, true);
		return;
	}
	if (!outcome->bad_disk && courses && S_ISDIR(courses->status.st_mode))
		check_no_temporary_file(&out);
	if (fixture_report.status != REPORT_FAILED)
		check_success(&out);
}

/* Blanks the time when the page was made, and the times when a calendar's courses last changed. */
static void forget_time(char *text)
{
	static const char stamp[] = "DTSTAMP:";
	char *footer = strstr(text, "<footer class=\"end\">");
	char *from = footer ? strstr(footer, "<time datetime=\"") : NULL;
	char *to = from ? strstr(from, "</time>") : NULL;

	if (to)
		memset(from, ' ', (size_t)(to - from));
	for (char *at = text; (at = strstr(at, stamp)); at += strlen(stamp))
		memset(at + strlen(stamp), ' ', strcspn(at + strlen(stamp), "\r"));
}

static void compare_files(const char *where, const struct tree *left, const struct tree *right)
{
	for (size_t i = 0; i < left->count; i++) {
		const struct tree_item *one = &left->items[i], *other = tree_find(right, one->path);

		if (strncmp(one->path, MANIFEST_NAME, strlen(MANIFEST_NAME)) == 0)
			continue;
		if (!other) {
			history_complain("%s has %s in addition", where, one->path);
			continue;
		}
		if (one->status.st_mode != other->status.st_mode)
			history_complain(
				"%s: modes %o and %o", one->path, one->status.st_mode, other->status.st_mode);
		forget_time(one->text);
		forget_time(other->text);
		if (strcmp(one->text, other->text) != 0)
			history_complain(
				"%s differs:\n%.700s\n----\n%.700s", one->path, one->text, other->text);
	}
}

static bool is_same_course(const struct course *left, const struct course *right)
{
	return member_is_equal(&course_table, left, right);
}

static void compare_entries(const struct manifest_entry *left, const struct manifest_entry *right)
{
	if (!is_same_course(&left->course, &right->course) || strcmp(left->name, right->name) != 0 ||
		strcmp(left->hash, right->hash) != 0 || left->size != right->size ||
		(left->seen_ms == 0) != (right->seen_ms == 0) || left->deferred || left->missing > 0)
		history_complain("the manifest's entry of course %s differs", left->course.id);
}

static void compare_manifests(const struct manifest *left, const struct manifest *right)
{
	if (left->known.count != right->known.count || left->known.kept.reason || left->known.empty_syncs)
		history_complain("the manifests differ in the courses that they know");
	for (size_t i = 0; i < left->known.count && i < right->known.count; i++)
		if (!is_same_course(&left->known.courses[i], &right->known.courses[i]))
			history_complain("the manifests differ in a course of the homepage");
	if (left->count != right->count || left->orphans.count > 0 || left->round_ms != 0 ||
		left->consecutive_failures != 0 || left->hemera_templates != right->hemera_templates) {
		history_complain("the manifests differ, %zu and %zu entries", left->count, right->count);
		return;
	}
	for (size_t i = 0; i < left->count; i++)
		compare_entries(left->entries[i], right->entries[i]);
}

void history_check_same(const char *left, const char *right)
{
	CLEANUP(tree_done) struct tree one = { 0 }, other = { 0 };
	CLEANUP(manifest_done) struct manifest known = { 0 }, wanted = { 0 };

	tree_read(&one, history_path(left));
	tree_read(&other, history_path(right));
	compare_files(left, &one, &other);
	compare_files(right, &other, &one);
	load_manifest(left, &known);
	load_manifest(right, &wanted);
	compare_manifests(&known, &wanted);
}
