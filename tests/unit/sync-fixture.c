/* SPDX-License-Identifier: MIT */
#include "sync-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "hemera/budget.h"
#include "scratch.h"

struct config fixture_config;
struct sync_options fixture_options;
struct sync_progress fixture_progress;
atomic_bool fixture_cancelled;
struct report fixture_report;
struct error fixture_error;
struct json *fixture_manifest;

static struct budget fixture_budget;
static char fixture_output[300], fixture_templates[500], fixture_files[300];

int fixture_setup(void **state)
{
	const char *source = getenv("top_srcdir");

	if (scratch_setup(state) < 0)
		return -1;
	snprintf(fixture_output, sizeof(fixture_output), "%s/out", scratch_path);
	snprintf(fixture_files, sizeof(fixture_files), "%s/site", scratch_path);
	snprintf(fixture_templates, sizeof(fixture_templates), "%s/templates", source ? source : ".");
	fake_hemera = (struct fake_hemera){ .pages = 1 };
	fixture_config = (struct config){ 0 };
	fixture_config.hemera.base_url = (char *)"http://localhost:1";
	fixture_config.sync.output_directory = fixture_output;
	fixture_config.site.name = (char *)"Hemera Academy";
	fixture_config.site.file_directory = fixture_files;
	fixture_config.sync.time_limit_s = 50;
	fixture_config.sync.delete_percent_max = 50;
	fixture_config.notify.failure_threshold = 3;
	fixture_config.secrets[CONFIG_SECRET_HEMERA_API_KEY] = (char *)"0123456789abcdef0123456789abcdef";
	fixture_options = (struct sync_options){
		.config = &fixture_config,
		.shipped_templates = fixture_templates,
		.job_id = "11111111-2222-4333-8444-555555555555",
		.budget = &fixture_budget,
		.progress = &fixture_progress,
		.cancelled = &fixture_cancelled,
	};
	budget_init(&fixture_budget, 100);
	atomic_store(&fixture_cancelled, false);
	return 0;
}

static void copy_texts(const char *name)
{
	CLEANUP(buf_done) struct buf texts = BUF_INIT(1 << 20);
	CLEANUP(mem_freep) char *path = mem_printf("%s/%s", fixture_templates, name);
	CLEANUP(mem_freep) char *copy = mem_printf("shipped/%s", name);

	assert_int_equal(file_read_path(path, &texts, NULL), 0);
	scratch_put(copy, buf_text(&texts));
}

#define SMALL_ROW                                                                                             \
	"<p>{{title}} {{titleMissing}} {{level}} {{levelLabel}} {{startDate}} {{startDateText}} {{endDate}} " \
	"{{endDateText}} {{datesText}} {{running}} {{participantCount}} {{href}} {{url}}</p>\n"
#define SMALL_LIST                                                                                                \
	"<html lang=\"{{lang}}\">{{> head title=\"list\"}}<!--aither:status-->{{courseCount}} {{currentCount}}\n" \
	"{{next.title}}{{#each current}}{{> row}}{{/each}}{{#each currentMonths}}{{label}}{{/each}}"              \
	"{{#each undated}}{{> row}}{{/each}}{{#each past}}{{> row}}{{/each}}" SMALL_END
#define SMALL_END "<footer class=\"end\"><time datetime=\"{{generatedAt}}\"></time></footer></body></html>\n"

void fixture_use_small_templates(void)
{
	static char shipped[500];

	assert_int_equal(mkdirat(scratch_fd, "shipped", 0755), 0);
	copy_texts("texts.de.json");
	copy_texts("texts.en.json");
	scratch_put("shipped/head.hbs", "<head><title>{{title}} {{t \"site.name\"}}</title></head><body>");
	scratch_put("shipped/row.hbs", SMALL_ROW);
	scratch_put("shipped/homepage.hbs", SMALL_LIST);
	scratch_put("shipped/courses.hbs", SMALL_LIST);
	scratch_put("shipped/participant.hbs",
		"<p>{{name}} {{statusLabel}} {{preparationCompleted}} {{preparationCompletedAt}} {{preparationIntent}} "
		"{{desiredResults}} {{lineManagerProfile}}</p>\n");
	scratch_put("shipped/course.hbs",
		"<html lang=\"{{lang}}\">{{> head title=course.title}}{{#with course}}" SMALL_ROW "{{/with}}"
		"{{participantsHidden}} {{participantsPending}}\n{{#each participants}}{{> participant}}{{/each}}" SMALL_END);
	snprintf(shipped, sizeof(shipped), "%s/shipped", scratch_path);
	fixture_options.shipped_templates = shipped;
}

int fixture_teardown(void **state)
{
	report_done(&fixture_report);
	json_freep(&fixture_manifest);
	fixture_manifest = NULL;
	return scratch_teardown(state);
}

struct fake_course *fixture_course(const char *id, const char *title, const char *slug, unsigned participants)
{
	struct fake_course *course = &fake_hemera.courses[fake_hemera.count++];

	assert_true(fake_hemera.count <= FAKE_COURSES_MAX);
	*course =
		(struct fake_course){ .id = id, .title = title, .slug = slug, .participants = participants };
	return course;
}

struct fake_course *fixture_find(const char *id)
{
	for (size_t i = 0; i < fake_hemera.count; i++)
		if (strcmp(fake_hemera.courses[i].id, id) == 0)
			return &fake_hemera.courses[i];
	fail_msg("no course %s in the script", id);
	return NULL;
}

void fixture_drop(const char *id)
{
	struct fake_course *course = fixture_find(id);

	*course = fake_hemera.courses[--fake_hemera.count];
}

static size_t fixture_count(const char *path, const char *prefix)
{
	char full[600];
	struct dirent *item;
	size_t count = 0;
	DIR *listing;

	snprintf(full, sizeof(full), "%s/%s", fixture_output, path);
	listing = opendir(full);
	while (listing && (item = readdir(listing)) != NULL)
		count += strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0 &&
			 strncmp(item->d_name, prefix, strlen(prefix)) == 0;
	if (listing)
		closedir(listing);
	return count;
}

const char *fixture_courses(void)
{
	return fixture_config.site.course_pages_public ? "public/courses" : "courses";
}

size_t fixture_pages(void)
{
	return fixture_count(fixture_courses(), "");
}

static int fixture_open(const char *path, int flags)
{
	char full[600];

	snprintf(full, sizeof(full), "%s/%s", fixture_output, path);
	return open(full, flags | O_CLOEXEC, 0644);
}

static char *fixture_read(const char *path)
{
	CLEANUP(file_closep) int fd = fixture_open(path, O_RDONLY);
	CLEANUP(buf_done) struct buf text = BUF_INIT(16 << 20);
	char chunk[4096];
	ssize_t got;

	if (fd < 0)
		return NULL;
	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&text, chunk, (size_t)got);
	return buf_take(&text);
}

static void fixture_read_manifest(void)
{
	const struct json_limits limits = { .size_max = 16 << 20, .depth_max = 16, .node_max = 100000 };
	CLEANUP(mem_freep) char *text = fixture_read(".sync-manifest.json");

	json_freep(&fixture_manifest);
	fixture_manifest = NULL;
	if (text)
		json_parse(&fixture_manifest, text, strlen(text), &limits, NULL);
}

void fixture_sync(enum report_status expected)
{
	int r;

	report_done(&fixture_report);
	report_init(&fixture_report, fixture_options.job_id);
	fixture_error = (struct error){ 0 };
	r = sync_run(&fixture_options, &fixture_report, &fixture_error);
	fixture_read_manifest();
	if (fixture_report.status != expected)
		fail_msg("the sync ended as %s: %s", report_status_name(fixture_report.status),
			fixture_report.errors_total ? fixture_report.errors[0].message : "no errors");
	assert_int_equal(r < 0, expected == REPORT_FAILED);
	assert_int_equal(r, fixture_error.errnum);
	assert_int_equal(fixture_count("", ".tmp-"), 0);
	assert_int_equal(fixture_count(fixture_courses(), ".tmp-"), 0);
	assert_int_equal(fixture_count("public", ".tmp-"), 0);
}

bool fixture_exists(const char *path)
{
	char full[600];
	struct stat status;

	snprintf(full, sizeof(full), "%s/%s", fixture_output, path);
	return lstat(full, &status) == 0;
}

void fixture_assert_text(const char *path, const char *text)
{
	CLEANUP(mem_freep) char *content = fixture_read(path);

	if (!content)
		fail_msg("%s is not there", path);
	if (!strstr(content, text))
		fail_msg("%s does not contain \"%s\":\n%s", path, text, content);
}

void fixture_refute_text(const char *path, const char *text)
{
	CLEANUP(mem_freep) char *content = fixture_read(path);

	assert_non_null(content);
	if (strstr(content, text))
		fail_msg("%s contains \"%s\"", path, text);
}

void fixture_assert_page(const char *name, const char *contained)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", fixture_courses(), name);
	fixture_assert_text(path, contained);
}

void fixture_put(const char *path, const char *text)
{
	CLEANUP(file_closep) int fd = fixture_open(path, O_WRONLY | O_CREAT | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

struct stat fixture_mark(const char *path)
{
	char full[600];
	struct stat status;

	snprintf(full, sizeof(full), "%s/%s", fixture_output, path);
	if (lstat(full, &status) < 0)
		fail_msg("%s is not there", path);
	return status;
}

bool fixture_is_same(const char *path, const struct stat *mark)
{
	struct stat now = fixture_mark(path);

	return now.st_ino == mark->st_ino && now.st_mtim.tv_sec == mark->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == mark->st_mtim.tv_nsec && now.st_size == mark->st_size;
}

const struct json *fixture_entry(const char *id)
{
	return json_get(json_get(json_get(fixture_manifest, "entities"), "courses"), id);
}

bool fixture_has_error(enum error_code code, const char *entity)
{
	for (size_t i = 0; i < fixture_report.errors_total && i < REPORT_ERRORS_MAX; i++)
		if (fixture_report.errors[i].code == code && strstr(fixture_report.errors[i].entity, entity))
			return true;
	return false;
}
