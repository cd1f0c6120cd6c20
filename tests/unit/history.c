/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "faulty-disk.h"
#include "scratch.h"

#define HISTORY_CLEAN_SYNCS 3     /* two lists must agree, and the courses that they reveal must be read */
#define HISTORY_DISK_CALLS 60     /* a sync that writes ten pages makes about as many */
#define HISTORY_SILENT_PERCENT 15 /* steps without a sync, so that several changes meet */

enum history_kind { PLAIN, FORCED, DRY, CANCELLED, CANCELLED_EARLY, DIES, DISK_FULL, DISK_ONCE };

char history_complaint[2000];
bool history_is_loud;

static uint64_t history_state;
static struct tree history_beside;

/* splitmix64 */
static uint64_t history_next(uint64_t *state)
{
	uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

unsigned history_pick(unsigned below)
{
	return (unsigned)(history_next(&history_state) % below);
}

bool history_chance(unsigned percent)
{
	return history_pick(100) < percent;
}

void history_tell(const char *format, ...)
{
	va_list arguments;

	if (!history_is_loud)
		return;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void history_complain(const char *format, ...)
{
	va_list arguments;

	if (history_complaint[0])
		return;
	va_start(arguments, format);
	vsnprintf(history_complaint, sizeof(history_complaint), format, arguments);
	va_end(arguments);
	history_tell("!! %s", history_complaint);
}

const char *history_path(const char *below)
{
	static char path[1000];

	snprintf(path, sizeof(path), "%s/%s", scratch_path, below);
	return path;
}

static void history_begin_beside(void)
{
	mkdir(history_path("beside"), 0755);
	mkdir(history_path("templates"), 0755);
	scratch_put("beside/victim.html", "untouched");
	scratch_put("beside/.tmp-1", "untouched");
	tree_read(&history_beside, history_path("beside"));
}

void history_begin(void)
{
	static char templates[1000];

	history_complaint[0] = '\0';
	if (fixture_setup(NULL) < 0)
		history_complain("no scratch directory");
	fixture_use_small_templates();
	snprintf(templates, sizeof(templates), "%s", history_path("templates"));
	fixture_config.site.template_directory = templates;
	history_heal_data();
	history_begin_beside();
}

void history_clear(void)
{
	tree_done(&history_beside);
	fixture_teardown(NULL);
}

struct history_step history_draw(uint64_t *seed)
{
	size_t count = history_data_action_count + history_hand_action_count;
	unsigned number = (unsigned)(history_next(seed) % count);

	return (struct history_step){ .number = number, .seed = history_next(seed) };
}

static void history_run(void)
{
	report_done(&fixture_report);
	report_init(&fixture_report, fixture_options.job_id);
	fixture_error = (struct error){ 0 };
	sync_run(&fixture_options, &fixture_report, &fixture_error);
	history_tell("   %s, %u written, %u skipped, %u deleted, %u deferred%s%s",
		report_status_name(fixture_report.status), fixture_report.files_generated,
		fixture_report.files_skipped, fixture_report.files_deleted, fixture_report.courses_deferred,
		fixture_report.errors_total ? ": " : "",
		fixture_report.errors_total ? fixture_report.errors[0].message : "");
}

static void history_run_and_die(unsigned call)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		faulty_disk_arm(FAULTY_DISK_DIES, call);
		history_run();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		history_complain("the process that was to die ended with %d", status);
}

static void history_cancel(void *arg)
{
	(void)arg;
	atomic_store(&fixture_cancelled, true);
}

static enum history_kind history_draw_kind(void)
{
	static const struct {
		enum history_kind kind;
		unsigned percent;
	} rows[] = { { DRY, 4 }, { CANCELLED, 5 }, { CANCELLED_EARLY, 3 }, { DIES, 8 }, { DISK_FULL, 5 },
		{ DISK_ONCE, 5 }, { FORCED, 10 } };
	unsigned dice = history_pick(100);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (dice < rows[i].percent)
			return rows[i].kind;
		dice -= rows[i].percent;
	}
	return PLAIN;
}

static void history_sync_as(enum history_kind kind, unsigned call)
{
	static const char *const names[] = { "sync", "forced sync", "dry run",
		"sync, cancelled in the details", "sync, cancelled after the list", "sync, killed at call",
		"sync, disk full from call", "sync, disk fails at call" };

	history_tell("   %s %u", names[kind], call);
	fixture_options.force = kind == FORCED;
	fixture_options.dry_run = kind == DRY;
	fixture_options.on_listed = kind == CANCELLED_EARLY ? history_cancel : NULL;
	fake_hemera.cancel = kind == CANCELLED ? &fixture_cancelled : NULL;
	if (kind == DISK_FULL || kind == DISK_ONCE)
		faulty_disk_arm(kind == DISK_FULL ? FAULTY_DISK_FULL : FAULTY_DISK_ONCE, call);
	if (kind == DIES)
		history_run_and_die(call);
	else
		history_run();
	faulty_disk_arm(FAULTY_DISK_NONE, 0);
	fixture_options.force = fixture_options.dry_run = false;
	fixture_options.on_listed = NULL;
	fake_hemera.cancel = NULL;
	atomic_store(&fixture_cancelled, false);
}

static void history_sync(enum history_kind kind)
{
	const struct history_outcome outcome = {
		.died = kind == DIES, .bad_disk = kind == DISK_ONCE, .dry_run = kind == DRY
	};
	CLEANUP(tree_done) struct tree before = { 0 };

	if (outcome.dry_run)
		tree_read(&before, history_path("out"));
	history_sync_as(kind, 1 + history_pick(history_chance(50) ? HISTORY_DISK_CALLS : 8));
	history_check_step(&outcome, &history_beside, &before);
}

void history_take(const struct history_step *step)
{
	const struct history_action *action =
		step->number < history_data_action_count
			? &history_data_actions[step->number]
			: &history_hand_actions[step->number - history_data_action_count];

	history_state = step->seed;
	history_tell("-- %s", action->name);
	action->act();
	if (!history_chance(HISTORY_SILENT_PERCENT))
		history_sync(history_draw_kind());
}

static void history_sync_from_scratch(void)
{
	char *output = fixture_config.sync.output_directory;
	char fresh[1000];

	history_tell("-- from scratch");
	snprintf(fresh, sizeof(fresh), "%s", history_path("fresh"));
	fixture_config.sync.output_directory = fresh;
	history_sync_as(PLAIN, 0);
	fixture_config.sync.output_directory = output;
	if (fixture_report.status == REPORT_FAILED)
		history_complain("the sync from scratch failed: %s", fixture_error.message);
}

void history_end(void)
{
	CLEANUP(tree_done) struct tree before = { 0 }, after = { 0 };

	history_tell("-- the end");
	history_heal_data();
	history_heal_hand();
	for (unsigned i = 0; i < HISTORY_CLEAN_SYNCS; i++)
		history_sync(FORCED);
	if (fixture_report.status == REPORT_FAILED)
		history_complain("the last sync failed: %s", fixture_error.message);
	if (fixture_report.courses_deferred > 0)
		history_complain("%u courses are still deferred", fixture_report.courses_deferred);
	tree_read(&before, history_path("out"));
	history_sync(PLAIN);
	tree_read(&after, history_path("out"));
	history_check_untouched(&before, &after, false);
	history_sync_from_scratch();
	history_check_same("out", "fresh");
}
