/* SPDX-License-Identifier: MIT */

/*
 * The C half of tests/bench/sync, whose header describes the measurements:
 *
 *	bench-sync sync|fetch CONFIG [ROUNDS]
 *
 * with a worker's configuration (aither.conf and environment). Each round is one sync, or the same requests
 * without a sync, and prints one line of JSON.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config/config.h"
#include "bench-watch.h"
#include "hemera/budget.h"
#include "hemera/client.h"
#include "sync/report.h"
#include "sync/sync.h"

#define ROUNDS_MAX 1000

struct round {
	struct watch_time times[WATCH_KINDS];
	unsigned flushes;
	long base_kb, peak_kb, rest_kb; /* resident before, maximum so far, after */
	size_t courses, participants;
	unsigned generated, skipped, deleted;
};

struct bench {
	struct config config;
	struct budget budget;
	struct round round;
};

static void fail(const char *message)
{
	fprintf(stderr, "bench-sync: %s\n", message);
	exit(EXIT_FAILURE);
}

/* --- one sync --- */

static void bench_sync(struct bench *bench)
{
	struct sync_progress progress = { 0 };
	const struct sync_options options = {
		.config = &bench->config,
		.shipped_templates = config_shipped_templates(),
		.job_id = "11111111-2222-4333-8444-555555555555",
		.budget = &bench->budget,
		.progress = &progress,
	};
	struct report report;
	struct error err = { 0 };

	report_init(&report, options.job_id);
	if (sync_run(&options, &report, &err) < 0)
		fail(err.message);
	if (report.status != REPORT_SUCCESS || report.courses_deferred > 0)
		fail(report.errors_total > 0 ? report.errors[0].message : "the sync read not all courses");
	bench->round.courses = report.courses_fetched;
	bench->round.participants = report.participants_fetched;
	bench->round.generated = report.files_generated;
	bench->round.skipped = report.files_skipped;
	bench->round.deleted = report.files_deleted;
	report_done(&report);
}

/* --- the same requests without a sync --- */

/* A hemera_detail. */
static int bench_receive(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	struct bench *bench = arg;

	(void)index;
	if (state != HEMERA_DETAIL_READ)
		fail(problem ? problem->message : "a course is not there");
	bench->round.participants += participants->count;
	return 0;
}

/* As sync/pages.c asks. */
static int bench_fetch_all(struct bench *bench, struct hemera *client, struct error *err)
{
	CLEANUP(hemera_list_done) struct hemera_list list = { 0 };
	CLEANUP(mem_freep) const char **ids = NULL;
	struct hemera_template *templates = NULL;
	struct hemera_wanted wanted = { 0 };
	size_t template_count = 0;
	unsigned retry_after_s;
	bool available;
	int r;

	if ((r = hemera_list(client, &list, NULL, NULL, err)) < 0 ||
		(r = hemera_templates(client, &templates, &template_count, NULL, NULL, err)) < 0)
		return r;
	hemera_templates_free(templates, template_count);
	bench->round.courses = list.count;
	ids = mem_alloc((list.count + 1) * sizeof(*ids));
	for (size_t i = 0; i < list.count; i++)
		if (list.courses[i].participant_count > 0)
			ids[wanted.count++] = list.courses[i].id;
	wanted.ids = ids;
	wanted.due = wanted.count;
	r = hemera_participations(client, ids, wanted.count, bench_receive, bench, &available, err);
	if (r < 0 || available)
		return r;
	return hemera_details(client, &wanted, bench_receive, bench, &retry_after_s, err);
}

static void bench_fetch(struct bench *bench)
{
	CLEANUP(hemera_freep) struct hemera *client = NULL;
	const struct config *config = &bench->config;
	const struct hemera_options options = {
		.base_url = config->hemera.base_url,
		.key = config->secrets[CONFIG_SECRET_HEMERA_API_KEY],
		.connections_max = config->hemera.connections_max,
		.connect_timeout_s = config->hemera.connect_timeout_s,
		.request_timeout_s = config->hemera.request_timeout_s,
		.retries_max = config->hemera.retries_max,
		.budget = &bench->budget,
		.deadline_mono_ms = time_mono_ms() + config->sync.time_limit_s * UINT64_C(1000),
	};
	struct error err = { 0 };

	if (hemera_new(&client, &options, &err) < 0 || bench_fetch_all(bench, client, &err) < 0)
		fail(err.message);
}

/* --- measurement --- */

/* A line of /proc/self/status; see proc(5). */
static long memory_kb(const char *name)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[200];
	long kb = -1;

	if (!status)
		fail("/proc/self/status: cannot open");
	while (kb < 0 && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtol(line + strlen(name), NULL, 10);
	fclose(status);
	return kb;
}

static void bench_measure(struct bench *bench, void (*work)(struct bench *))
{
	struct round *round = &bench->round;

	*round = (struct round){ .base_kb = memory_kb("VmRSS:") };
	watch_start();
	work(bench);
	watch_stop(round->times, &round->flushes);
	round->peak_kb = memory_kb("VmHWM:");
	round->rest_kb = memory_kb("VmRSS:");
}

static void bench_print(const struct round *round)
{
	static const char *const names[] = { [WATCH_OWN] = "own",
		[WATCH_MANIFEST] = "manifest",
		[WATCH_SITE] = "site",
		[WATCH_FETCH] = "fetch",
		[WATCH_FLUSH] = "flush" };

	fputc('{', stdout);
	for (size_t i = 0; i < WATCH_KINDS; i++) {
		const struct watch_time *time = &round->times[i];

		printf("\"%s_ms\":%.3f,\"%s_user_ms\":%.3f,\"%s_system_ms\":%.3f,\"%s_wall_ms\":%.3f,",
			names[i], (double)(time->user_us + time->system_us) / 1e3, names[i],
			(double)time->user_us / 1e3, names[i], (double)time->system_us / 1e3, names[i],
			(double)time->wall_us / 1e3);
	}
	printf("\"flushes\":%u,", round->flushes);
	printf("\"base_kb\":%ld,\"peak_kb\":%ld,\"rest_kb\":%ld,", round->base_kb, round->peak_kb,
		round->rest_kb);
	printf("\"courses\":%zu,\"participants\":%zu,\"generated\":%u,\"skipped\":%u,\"deleted\":%u}\n",
		round->courses, round->participants, round->generated, round->skipped, round->deleted);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	CLEANUP(mem_freep) char *problems = NULL;
	struct bench bench = { 0 };
	long rounds = argc == 4 ? strtol(argv[3], NULL, 10) : 1;

	if (argc < 3 || argc > 4 || rounds < 1 || rounds > ROUNDS_MAX ||
		(strcmp(argv[1], "sync") != 0 && strcmp(argv[1], "fetch") != 0)) {
		fputs("usage: bench-sync sync|fetch CONFIG [ROUNDS]\n", stderr);
		return 64;
	}
	log_open("bench-sync");
	config_load(&bench.config, argv[2], CONFIG_WORKER);
	problems = config_problems_text(&bench.config, "\n");
	if (bench.config.problems.count > 0)
		fail(problems);
	time_zone_set(bench.config.site.time_zone);
	budget_init(&bench.budget, bench.config.hemera.requests_per_minute);
	for (long i = 0; i < rounds; i++) {
		bench_measure(&bench, argv[1][0] == 's' ? bench_sync : bench_fetch);
		bench_print(&bench.round);
	}
	config_done(&bench.config);
	return EXIT_SUCCESS;
}
