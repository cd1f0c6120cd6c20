/* SPDX-License-Identifier: MIT */
#include "bench-watch.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "hemera/client.h"
#include "render/library.h"
#include "sync/job.h"
#include "sync/manifest.h"

static struct watch_time watch_times[WATCH_KINDS];
static struct watch_time watch_begin; /* when the current kind began */
static unsigned watch_flushes;
static enum watch_kind watch_kind;

static int64_t watch_us(struct timeval time)
{
	return time.tv_sec * INT64_C(1000000) + time.tv_usec;
}

/* Counts the time as `kind` from now on; returns the kind before. */
static enum watch_kind watch_switch(enum watch_kind kind)
{
	enum watch_kind before = watch_kind;
	struct watch_time *time = &watch_times[before], now;
	struct timespec wall;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	clock_gettime(CLOCK_MONOTONIC, &wall);
	now = (struct watch_time){ watch_us(usage.ru_utime), watch_us(usage.ru_stime),
		wall.tv_sec * INT64_C(1000000) + wall.tv_nsec / 1000 };
	time->user_us += now.user_us - watch_begin.user_us;
	time->system_us += now.system_us - watch_begin.system_us;
	time->wall_us += now.wall_us - watch_begin.wall_us;
	watch_begin = now;
	watch_kind = kind;
	return before;
}

void watch_start(void)
{
	watch_switch(WATCH_OWN);
	memset(watch_times, 0, sizeof(watch_times));
	watch_flushes = 0;
}

void watch_stop(struct watch_time ret_times[static WATCH_KINDS], unsigned *ret_flushes)
{
	watch_switch(WATCH_OWN);
	memcpy(ret_times, watch_times, sizeof(watch_times));
	*ret_flushes = watch_flushes;
}

/* --- the sync's calls to the disk --- */

int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_syncfs(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_syncfs(int fd);

static int watch_flush(int (*flush)(int fd), int fd)
{
	enum watch_kind before = watch_switch(WATCH_FLUSH);
	int r = flush(fd);

	watch_flushes++;
	watch_switch(before);
	return r;
}

int __wrap_fsync(int fd)
{
	return watch_flush(__real_fsync, fd);
}

int __wrap_fdatasync(int fd)
{
	return watch_flush(__real_fdatasync, fd);
}

int __wrap_syncfs(int fd)
{
	return watch_flush(__real_syncfs, fd);
}

/* --- work besides the pages --- */

int __real_manifest_load(int directory, struct manifest *ret_manifest, struct error *err);
int __wrap_manifest_load(int directory, struct manifest *ret_manifest, struct error *err);
int __real_manifest_save(int directory, struct manifest *manifest, struct error *err);
int __wrap_manifest_save(int directory, struct manifest *manifest, struct error *err);
int __real_library_load(struct library *ret_library, const struct library_source *source,
	library_problem *problem, void *arg, struct error *err);
int __wrap_library_load(struct library *ret_library, const struct library_source *source,
	library_problem *problem, void *arg, struct error *err);
int __real_homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err);
int __wrap_homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err);

int __wrap_manifest_load(int directory, struct manifest *ret_manifest, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_MANIFEST);
	int r = __real_manifest_load(directory, ret_manifest, err);

	watch_switch(before);
	return r;
}

int __wrap_manifest_save(int directory, struct manifest *manifest, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_MANIFEST);
	int r = __real_manifest_save(directory, manifest, err);

	watch_switch(before);
	return r;
}

int __wrap_library_load(struct library *ret_library, const struct library_source *source,
	library_problem *problem, void *arg, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_SITE);
	int r = __real_library_load(ret_library, source, problem, arg, err);

	watch_switch(before);
	return r;
}

int __wrap_homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_SITE);
	int r = __real_homepage_publish(job, reports, ret_changed, ret_entity, err);

	watch_switch(before);
	return r;
}

/* --- the sync's calls to Hemera --- */

int __real_hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err);
int __wrap_hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err);
void __real_hemera_freep(struct hemera **client);
void __wrap_hemera_freep(struct hemera **client);
int __real_hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem,
	void *arg, struct error *err);
int __wrap_hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem,
	void *arg, struct error *err);
int __real_hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err);
int __wrap_hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err);
int __real_hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err);
int __wrap_hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err);
int __real_hemera_participations(struct hemera *client, const char *const *ids, size_t count,
	hemera_detail *detail, void *arg, bool *ret_available, struct error *err);
int __wrap_hemera_participations(struct hemera *client, const char *const *ids, size_t count,
	hemera_detail *detail, void *arg, bool *ret_available, struct error *err);

int __wrap_hemera_new(struct hemera **ret_client, const struct hemera_options *options, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_FETCH);
	int r = __real_hemera_new(ret_client, options, err);

	watch_switch(before);
	return r;
}

void __wrap_hemera_freep(struct hemera **client)
{
	enum watch_kind before = watch_switch(WATCH_FETCH);

	__real_hemera_freep(client);
	watch_switch(before);
}

int __wrap_hemera_list(struct hemera *client, struct hemera_list *ret_list, hemera_problem *problem,
	void *arg, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_FETCH);
	int r = __real_hemera_list(client, ret_list, problem, arg, err);

	watch_switch(before);
	return r;
}

int __wrap_hemera_templates(struct hemera *client, struct hemera_template **ret_templates, size_t *ret_count,
	hemera_problem *problem, void *arg, struct error *err)
{
	enum watch_kind before = watch_switch(WATCH_FETCH);
	int r = __real_hemera_templates(client, ret_templates, ret_count, problem, arg, err);

	watch_switch(before);
	return r;
}

struct watch_call {
	hemera_detail *detail;
	void *arg;
};

/* A hemera_detail called before the caller's. */
static int watch_detail(void *arg, size_t index, enum hemera_detail_state state,
	const struct participants *participants, const struct error *problem)
{
	const struct watch_call *call = arg;
	enum watch_kind before = watch_switch(WATCH_OWN);
	int r = call->detail(call->arg, index, state, participants, problem);

	watch_switch(before);
	return r;
}

int __wrap_hemera_details(struct hemera *client, const struct hemera_wanted *wanted, hemera_detail *detail,
	void *arg, unsigned *ret_retry_after_s, struct error *err)
{
	struct watch_call call = { detail, arg };
	enum watch_kind before = watch_switch(WATCH_FETCH);
	int r = __real_hemera_details(client, wanted, watch_detail, &call, ret_retry_after_s, err);

	watch_switch(before);
	return r;
}

int __wrap_hemera_participations(struct hemera *client, const char *const *ids, size_t count,
	hemera_detail *detail, void *arg, bool *ret_available, struct error *err)
{
	struct watch_call call = { detail, arg };
	enum watch_kind before = watch_switch(WATCH_FETCH);
	int r = __real_hemera_participations(client, ids, count, watch_detail, &call, ret_available, err);

	watch_switch(before);
	return r;
}
