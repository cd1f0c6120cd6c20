/* SPDX-License-Identifier: MIT */
#include "sync/inspect.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"

#include "scratch.h"

static struct config config = {
	.site.template_directory = scratch_path,
	.site.file_directory = scratch_path,
	.site.name = (char *)"Hemera Academy",
};

static const char *text_of(const struct json *check, const char *member)
{
	return json_string(json_get(check, member)) ?: "";
}

/* The only check whose message contains this text. */
static const struct json *find(const struct json *checks, const char *text)
{
	const struct json *found = NULL;

	JSON_FOREACH (check, checks) {
		if (!strstr(text_of(check, "message"), text))
			continue;
		if (found)
			fail_msg("twice: %s", text);
		found = check;
	}
	if (found)
		return found;
	JSON_FOREACH (check, checks)
		print_message("%s: %s\n", text_of(check, "name"), text_of(check, "message"));
	fail_msg("no check says: %s", text);
	return NULL;
}

/* ---- templates ---- */

static struct json *check_templates(void)
{
	struct json *checks = json_new_array();

	inspect_templates(&config, AITHER_TEXTS_DIR, checks);
	return checks;
}

static void the_shipped_templates_load_nothing_that_is_refused(void **state)
{
	(void)state;
	for (int public = 0; public <= 1; public ++) {
		config.site.course_pages_public = public;
		CLEANUP(json_freep) struct json *checks = check_templates();
		assert_int_equal(json_count(checks), 1);
		assert_int_equal(check_status_of(find(checks, "compile")), CHECK_OK);
	}
	config.site.course_pages_public = false;
}

static void a_template_that_loads_from_elsewhere_is_named(void **state)
{
	(void)state;
	scratch_put("course.hbs", "<p>{{course.title}}</p><img src=\"https://cdn.example/x.png\">\n"
				  "<p style=\"color:red\">x</p><script>alert(1)\n</script>");
	scratch_put("head.hbs", "<title>{{title}}</title>{{> style}}"
				"<link rel=\"stylesheet\" href=\"https://cdn.example/x.css\">");
	CLEANUP(json_freep) struct json *checks = check_templates();
	CLEANUP(mem_freep)
	char *image = mem_printf(
		"%s/course.hbs: browsers refuse the image https://cdn.example/x.png because of the "
		"pages' Content-Security-Policy",
		scratch_path);
	CLEANUP(mem_freep)
	char *sheet = mem_printf(
		"%s/head.hbs: browsers refuse the style sheet https://cdn.example/x.css", scratch_path);
	CLEANUP(mem_freep) char *file = mem_printf("%s/head.hbs", scratch_path), *remedy = check_edit(file);
	const struct json *check = find(checks, sheet);

	assert_int_equal(check_status_of(check), CHECK_WARNING);
	assert_string_equal(text_of(check, "name"), "templates");
	assert_string_equal(text_of(check, "remedy"), remedy);
	find(checks, image);
	find(checks, "course.hbs: browsers refuse the style attribute style=\"color:red\"");
	find(checks, "course.hbs: browsers refuse the script alert(1)");
	assert_int_equal(json_count(checks), 4);
}

/* A text that the operator has added counts as used if a template names it. */
static void a_text_that_nothing_uses_is_named(void **state)
{
	(void)state;
	scratch_put("head.hbs", "<title>{{title}} {{t \"my.motto\"}}</title>{{> style}}");
	scratch_put("texts.de.json",
		"{\"my.motto\":\"x\",\"error.404.title\":\"Weg\",\"error.404.titel\":\"Weg\"}");
	scratch_put("texts.en.json", "{\"my.motto\":\"x\"}");
	CLEANUP(json_freep) struct json *checks = check_templates();
	CLEANUP(mem_freep)
	char *message =
		mem_printf("%s/texts.de.json: \"error.404.titel\" is not used: aither has no text of this "
			   "name, and no template uses it",
			scratch_path);
	CLEANUP(mem_freep) char *path = mem_printf("%s/texts.de.json", scratch_path);
	CLEANUP(mem_freep) char *remedy = check_edit(path);
	const struct json *check = find(checks, message);

	assert_int_equal(check_status_of(check), CHECK_WARNING);
	assert_string_equal(text_of(check, "remedy"), remedy);
	assert_int_equal(json_count(checks), 1);
}

static void our_script_is_refused_in_pages_with_participants_only(void **state)
{
	(void)state;
	scratch_put("course.hbs", "<p>{{course.title}}</p>{{> filter-script}}");
	CLEANUP(json_freep) struct json *private_checks = check_templates();
	assert_int_equal(check_status_of(find(private_checks, "course.hbs: browsers refuse the script")),
		CHECK_WARNING);
	config.site.course_pages_public = true;
	CLEANUP(json_freep) struct json *public_checks = check_templates();
	config.site.course_pages_public = false;
	assert_int_equal(check_status_of(find(public_checks, "compile")), CHECK_OK);
}

static void the_same_mistake_many_times_does_not_fill_the_screen(void **state)
{
	CLEANUP(mem_freep) char *text = mem_strdup("");

	(void)state;
	for (int i = 0; i < 50; i++) {
		char *longer = mem_printf("%s<img src=\"//a/%d\"><img src=\"//a/0\">", text, i);

		free(text);
		text = longer;
	}
	scratch_put("course.hbs", text);
	CLEANUP(json_freep) struct json *checks = check_templates();
	assert_int_equal(json_count(checks), 20);
}

/* ---- files ---- */

static struct json *check_files(void)
{
	struct json *checks = json_new_array();

	inspect_site_files(&config, checks);
	return checks;
}

static void put_mode(const char *name, mode_t mode)
{
	scratch_put(name, "x");
	assert_int_equal(fchmodat(scratch_fd, name, mode, 0), 0);
}

/* Others may read the directory, like the package's own. */
static int setup(void **state)
{
	return scratch_setup(state) || fchmod(scratch_fd, 0755) < 0;
}

static void good_files_are_counted(void **state)
{
	(void)state;
	CLEANUP(json_freep) struct json *none = check_files();
	assert_int_equal(check_status_of(find(none, "0 files in ")), CHECK_OK);
	put_mode("logo.svg", 0644);
	CLEANUP(json_freep) struct json *one = check_files();
	assert_int_equal(check_status_of(find(one, "1 file in ")), CHECK_OK);
	assert_int_equal(mkdirat(scratch_fd, "fonts", 0755), 0);
	put_mode("fonts/x.woff2", 0644);
	CLEANUP(json_freep) struct json *two = check_files();
	assert_int_equal(check_status_of(find(two, "2 files in ")), CHECK_OK);
	assert_int_equal(json_count(two), 1);
}

static void a_directory_that_is_missing_or_closed_is_no_surprise(void **state)
{
	(void)state;
	config.site.file_directory = (char *)"/nonexistent/site";
	CLEANUP(json_freep) struct json *missing = check_files();
	config.site.file_directory = scratch_path;
	assert_int_equal(check_status_of(find(missing, "/nonexistent/site does not exist")), CHECK_OK);
	assert_int_equal(fchmod(scratch_fd, 0700), 0);
	CLEANUP(json_freep) struct json *closed = check_files();
	const struct json *check = find(closed, "cannot serve your own files");
	assert_int_equal(check_status_of(check), CHECK_WARNING);
	assert_non_null(strstr(text_of(check, "remedy"), "chmod o+rx "));
}

static void each_file_that_is_not_served_has_its_reason(void **state)
{
	static const struct {
		const char *path, *reason, *remedy;
	} rows[] = {
		{ "script.js", "files of this type are not served", "mv " },
		{ "README", "files of this type are not served", "mv " },
		{ "a b.svg", "its name must have", "mv " },
		{ ".hidden.svg", "its name must have", "mv " },
		{ "link.svg", "it is a symbolic link", "cp --remove-destination " },
		{ "fifo.svg", "it is not a regular file", "mv " },
		{ "large.svg", "it is larger than 4 MiB", "mv " },
		{ "closed.svg", "cannot read it", "chmod o+rX " },
		{ "closed", "cannot read it", "chmod o+rX " },
		{ "fonts/deep", "only one level of folders", "mv " },
		{ "fonts/x.js", "files of this type are not served", "mv " },
		{ "bad folder", "its name must have", "mv " },
	};
	int large;

	(void)state;
	put_mode("good.svg", 0644);
	put_mode("script.js", 0644);
	put_mode("README", 0644);
	put_mode("a b.svg", 0644);
	put_mode(".hidden.svg", 0644);
	put_mode("large.svg", 0644);
	put_mode("closed.svg", 0600);
	put_mode("group.svg", 0640); /* aither-web has the group of aither-worker */
	assert_int_equal(symlinkat("good.svg", scratch_fd, "link.svg"), 0);
	assert_int_equal(mkfifoat(scratch_fd, "fifo.svg", 0644), 0);
	large = openat(scratch_fd, "large.svg", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(large, (4 << 20) + 1), 0);
	close(large);
	assert_int_equal(mkdirat(scratch_fd, "closed", 0700), 0);
	assert_int_equal(mkdirat(scratch_fd, "bad folder", 0755), 0);
	assert_int_equal(mkdirat(scratch_fd, "fonts", 0755), 0);
	assert_int_equal(mkdirat(scratch_fd, "fonts/deep", 0755), 0);
	put_mode("fonts/x.js", 0644);
	CLEANUP(json_freep) struct json *checks = check_files();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *start = mem_printf("/%s is not served: ", rows[i].path);
		const struct json *check = find(checks, start);

		assert_int_equal(check_status_of(check), CHECK_WARNING);
		assert_string_equal(text_of(check, "name"), "site-files");
		if (!strstr(text_of(check, "message"), rows[i].reason))
			fail_msg("%s", text_of(check, "message"));
		assert_int_equal(
			strncmp(text_of(check, "remedy"), rows[i].remedy, strlen(rows[i].remedy)), 0);
	}
	assert_int_equal(json_count(checks), ARRAY_SIZE(rows));
}

static void a_hostile_name_is_no_control_sequence_and_thousands_are_not_listed(void **state)
{
	char name[32];

	(void)state;
	put_mode("\033[31mred\n.svg", 0644);
	CLEANUP(json_freep) struct json *one = check_files();
	assert_null(strpbrk(text_of(find(one, "its name must have"), "message"), "\033\n"));
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%d.exe", i);
		put_mode(name, 0644);
	}
	CLEANUP(json_freep) struct json *many = check_files();
	assert_int_equal(json_count(many), 21);
	find(many, "11 more files in ");
	for (int i = 0; i < 1001; i++) {
		snprintf(name, sizeof(name), "%d.svg", i);
		put_mode(name, 0644);
	}
	CLEANUP(json_freep) struct json *too_many = check_files();
	find(too_many, "more than 1000 files");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCRATCH_TEST(the_shipped_templates_load_nothing_that_is_refused),
		SCRATCH_TEST(a_template_that_loads_from_elsewhere_is_named),
		SCRATCH_TEST(a_text_that_nothing_uses_is_named),
		SCRATCH_TEST(our_script_is_refused_in_pages_with_participants_only),
		SCRATCH_TEST(the_same_mistake_many_times_does_not_fill_the_screen),
		cmocka_unit_test_setup_teardown(good_files_are_counted, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_that_is_missing_or_closed_is_no_surprise, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			each_file_that_is_not_served_has_its_reason, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			a_hostile_name_is_no_control_sequence_and_thousands_are_not_listed, setup,
			scratch_teardown),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
