/* SPDX-License-Identifier: MIT */
/* Events on the machine: files are damaged by hand, templates and the configuration change. */
#include "history.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/config.h"

#define MANIFEST "out/.sync-manifest.json"

/* Years ago, so that no file written by hand looks like one written by a sync. */
static void put(const char *path, const char *text, size_t length)
{
	const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	CLEANUP(file_closep)
	int fd = open(
		history_path(path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		return; /* there is a directory or symlink from an earlier step */
	if (write(fd, text, length) != (ssize_t)length)
		history_complain("cannot write %s", path);
	futimens(fd, times);
}

/* Owned; NULL: there is no page. */
static char *some_page(void)
{
	CLEANUP(tree_done) struct tree tree = { 0 };
	const struct tree_item *item;
	size_t index = 0, count = 0, wanted;

	tree_read(&tree, history_path("out"));
	while (tree_next_page(&tree, &index))
		count++;
	if (count == 0)
		return NULL;
	wanted = history_pick((unsigned)count);
	index = 0;
	do
		item = tree_next_page(&tree, &index);
	while (wanted-- > 0);
	history_tell("   %s", item->path);
	return mem_printf("out/%s", item->path);
}

static void remove_page(void)
{
	CLEANUP(mem_freep) char *page = some_page();

	if (page)
		unlink(history_path(page));
}

static void cut_page(void)
{
	CLEANUP(mem_freep) char *page = some_page();

	if (page)
		put(page, "<html>", 6);
}

static void replace_page(void)
{
	CLEANUP(mem_freep) char *page = some_page();
	CLEANUP(mem_freep) char *text = NULL;
	struct stat status;

	if (!page || lstat(history_path(page), &status) < 0 || !S_ISREG(status.st_mode))
		return;
	text = mem_zalloc((size_t)status.st_size + 1);
	memset(text, 'x', (size_t)status.st_size);
	put(page, text, (size_t)status.st_size);
}

static void plant_symlink(void)
{
	CLEANUP(mem_freep) char *page = some_page();

	if (!page)
		return;
	unlink(history_path(page));
	(void)!symlink("../../beside/victim.html", history_path(page));
}

static void plant_directory(void)
{
	CLEANUP(mem_freep) char *page = some_page();

	if (!page)
		return;
	unlink(history_path(page));
	mkdir(history_path(page), 0755);
}

static void swap_pages(void)
{
	CLEANUP(mem_freep) char *left = some_page();
	CLEANUP(mem_freep) char *right = some_page();
	CLEANUP(mem_freep) char *from = mem_strdup(history_path(left ? left : "of-nobody"));

	if (left && right)
		rename(from, history_path(right));
}

/* Otherwise our own writes would go elsewhere. */
static bool courses_is_a_symlink(void)
{
	struct stat status;

	return lstat(history_path("out/courses"), &status) == 0 && S_ISLNK(status.st_mode);
}

static void plant_page(void)
{
	static const char *const names[] = { "out/courses/of-nobody.html", "out/courses/eins.html",
		"out/courses/k01.html", "out/courses/course-0123456789abcdef.html" };

	if (!courses_is_a_symlink())
		put(names[history_pick(ARRAY_SIZE(names))], "<html>", 6);
}

static void spoil_homepage(void)
{
	unlink(history_path("out/public/index.de.html"));
	put("out/public/index.en.html", "<html>", 6);
	if (history_chance(50))
		(void)!symlink("../../beside/victim.html", history_path("out/public/index.de.html"));
}

static void remove_manifest(void)
{
	unlink(history_path(MANIFEST));
}

static void cut_manifest(void)
{
	struct stat status;

	if (lstat(history_path(MANIFEST), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
		(void)!truncate(history_path(MANIFEST), history_pick((unsigned)status.st_size));
}

static void replace_manifest(void)
{
	static const char *const texts[] = { "", "{}", "[]", "null", "{\"version\":1}", "{\"version\":2}",
		"\x80" };
	const char *text = texts[history_pick(ARRAY_SIZE(texts))];

	put(MANIFEST, text, strlen(text));
}

static void replace_manifest_by_no_file(void)
{
	unlink(history_path(MANIFEST));
	unlink(history_path(MANIFEST "/x"));
	unlink(history_path(MANIFEST ".bad/x")); /* from an earlier step: a sync cannot remove it */
	switch (history_pick(4)) {
	case 0:
		(void)!symlink("../beside/victim.html", history_path(MANIFEST));
		break;
	case 1:
		mkfifo(history_path(MANIFEST), 0600);
		break;
	case 2:
		mkdir(history_path(MANIFEST), 0755);
		break;
	default:
		mkdir(history_path(MANIFEST), 0755);
		put(MANIFEST "/x", "", 0);
	}
}

static void leave_temporary_files(void)
{
	put("out/.tmp-1234", "half", 4);
	if (courses_is_a_symlink())
		return;
	put("out/courses/.tmp-0", "half", 4);
	put("out/courses/.tmp-7", "half", 4);
	(void)!symlink("../../beside/victim.html", history_path("out/courses/.tmp-1"));
}

static void remove_lock(void)
{
	unlink(history_path("out/.sync.lock"));
}

static void lose_courses(void)
{
	char *page;

	while ((page = some_page()) != NULL) {
		unlink(history_path(page));
		rmdir(history_path(page));
		mem_freep(&page);
	}
	rmdir(history_path("out/courses"));
}

static void lead_courses_away(void)
{
	lose_courses();
	(void)!symlink("../beside", history_path("out/courses"));
}

#define END "<footer class=\"end\"><time datetime=\"{{generatedAt}}\"></time></footer></body></html>\n"

static void change_own_template(void)
{
	static const char *const files[] = { "templates/course.hbs", "templates/participant.hbs",
		"templates/homepage.hbs", "templates/head.hbs" };
	static const char *const texts[][3] = {
		{ "<html>{{course.title}}" END, "<html>{{#each participants}}{{> participant}}{{/each}}" END,
			"{{#each x}}" },
		{ "<p>{{name}}</p>", "<i>{{name}}</i>", "{{/if}}" },
		{ "<html><!--aither:status-->{{#each undated}}{{title}}{{/each}}</html>",
			"<html>no mark</html>", "{{" },
		{ "<title>own</title>", "<title>{{title}}</title>", "{{>" },
	};
	unsigned file = history_pick(ARRAY_SIZE(files)), text = history_pick(4);

	history_tell("   %s, text %u", files[file], text);
	if (text == 3)
		unlink(history_path(files[file]));
	else
		put(files[file], texts[file][text], strlen(texts[file][text]));
}

static void change_configuration(void)
{
	fixture_config.site.language = history_chance(50) ? CONFIG_LANGUAGE_EN : CONFIG_LANGUAGE_DE;
	fixture_config.site.course_pages_public = history_chance(50);
	fixture_config.sync.delete_percent_max = history_chance(50) ? 50 : 10;
}

void history_heal_hand(void)
{
	CLEANUP(tree_done) struct tree tree = { 0 };
	const struct tree_item *item;
	size_t index = 0;

	if (courses_is_a_symlink())
		unlink(history_path("out/courses"));
	tree_read(&tree, history_path("out"));
	while ((item = tree_next_page(&tree, &index)) != NULL)
		if (S_ISDIR(item->status.st_mode)) {
			CLEANUP(mem_freep) char *page = mem_printf("out/%s", item->path);

			rmdir(history_path(page));
		}
}

const struct history_action history_hand_actions[] = {
	{ "a page is deleted", remove_page },
	{ "a page is cut", cut_page },
	{ "a page is replaced by one of the same size", replace_page },
	{ "a page is replaced by a symlink", plant_symlink },
	{ "a page is replaced by a directory", plant_directory },
	{ "a page takes another one's name", swap_pages },
	{ "an orphaned page", plant_page },
	{ "the homepage is spoilt", spoil_homepage },
	{ "the manifest is deleted", remove_manifest },
	{ "the manifest is cut", cut_manifest },
	{ "the manifest is damaged", replace_manifest },
	{ "the manifest is no file", replace_manifest_by_no_file },
	{ "the manifest is deleted", remove_manifest },
	{ "temporary files are left", leave_temporary_files },
	{ "the lock file is deleted", remove_lock },
	{ "courses/ is lost", lose_courses },
	{ "courses/ leads elsewhere", lead_courses_away },
	{ "the operator's template changes", change_own_template },
	{ "the operator's template changes", change_own_template },
	{ "the configuration changes", change_configuration },
	{ "the machine is tidied", history_heal_hand },
};

const size_t history_hand_action_count = ARRAY_SIZE(history_hand_actions);
