/* SPDX-License-Identifier: MIT */
#include "net/metric.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53 */

/* In HELP a backslash and a line break are written with a backslash, in label values a quote as well. */
static void append_escaped(struct buf *out, const char *text, bool in_quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_append_text(out, "\\n");
		else if (*text == '\\' || (in_quotes && *text == '"'))
			buf_append(out, (const char[]){ '\\', *text }, 2);
		else
			buf_append_char(out, *text);
	}
}

void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	buf_printf(out, "# HELP %s ", name);
	append_escaped(out, help, false);
	buf_printf(out, "\n# TYPE %s %s\n", name, types[type]);
}

static void append_value(struct buf *out, double value)
{
	bool is_integral = value >= -EXACT_MAX && value <= EXACT_MAX && value == (double)(int64_t)value;

	buf_printf(out, is_integral ? " %.0f\n" : " %.3f\n", value);
}

void metric_sample(
	struct buf *out, const char *name, const struct metric_label *labels, size_t count, double value)
{
	buf_append_text(out, name);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
		append_escaped(out, labels[i].value, true);
		buf_append_char(out, '"');
	}
	if (count > 0)
		buf_append_char(out, '}');
	append_value(out, value);
}

void metric_gauge(struct buf *out, const char *name, const char *help, double value)
{
	metric_family(out, name, METRIC_GAUGE, help);
	metric_sample(out, name, NULL, 0, value);
}

static size_t count_bounds(const struct metric_histogram *histogram)
{
	size_t count = 0;

	while (count < METRIC_BOUNDS_MAX && histogram->bounds_ms[count] > 0)
		count++;
	return count;
}

void metric_observe(struct metric_histogram *histogram, uint64_t duration_ms)
{
	size_t index = 0, count = count_bounds(histogram);

	while (index < count && duration_ms > histogram->bounds_ms[index])
		index++;
	atomic_fetch_add(&histogram->counts[index], 1);
	atomic_fetch_add(&histogram->sum_ms, duration_ms);
}

/* The total is that of the buckets as they were read: another thread may be adding to them. */
void metric_histogram(
	struct buf *out, const char *name, const char *help, const struct metric_histogram *histogram)
{
	CLEANUP(mem_freep) char *bucket = mem_printf("%s_bucket", name);
	CLEANUP(mem_freep) char *sum = mem_printf("%s_sum", name);
	CLEANUP(mem_freep) char *total = mem_printf("%s_count", name);
	size_t count = count_bounds(histogram);
	unsigned long long seen = 0;
	char bound[32];

	metric_family(out, name, METRIC_HISTOGRAM, help);
	for (size_t i = 0; i <= count; i++) {
		seen += atomic_load(&histogram->counts[i]);
		snprintf(bound, sizeof(bound), "%g", histogram->bounds_ms[i < count ? i : 0] / 1000.0);
		struct metric_label label = { "le", i < count ? bound : "+Inf" };
		metric_sample(out, bucket, &label, 1, (double)seen);
	}
	metric_sample(out, sum, NULL, 0, (double)atomic_load(&histogram->sum_ms) / 1000.0);
	metric_sample(out, total, NULL, 0, (double)seen);
}

void metric_request_ended(
	struct metric_requests *requests, enum fetch_failure failure, long status, uint64_t duration_ms)
{
	unsigned index = METRIC_STATUS_MAX - METRIC_STATUS_MIN + (unsigned)failure;

	if (!requests)
		return;
	if (failure == FETCH_OK && status < METRIC_STATUS_MAX)
		index = status < METRIC_STATUS_MIN ? 0 : (unsigned)(status - METRIC_STATUS_MIN);
	atomic_fetch_add(&requests->counts[index], 1);
	metric_observe(&requests->durations, duration_ms);
}

const char *metric_result_name(unsigned index, char ret_name[static METRIC_RESULT_SIZE])
{
	static const char *const failures[] = {
		[FETCH_OK] = "599", /* the last status */
		[FETCH_UNREACHABLE] = "unreachable",
		[FETCH_LOST] = "lost",
		[FETCH_TIMEOUT] = "timeout",
		[FETCH_TOO_LARGE] = "too_large",
		[FETCH_UNREADABLE] = "unreadable",
		[FETCH_CANCELLED] = "cancelled",
		[FETCH_REFUSED] = "refused",
	};
	const unsigned last_status = METRIC_STATUS_MAX - METRIC_STATUS_MIN;

	if (index >= last_status)
		return failures[index - last_status];
	snprintf(ret_name, METRIC_RESULT_SIZE, "%u", METRIC_STATUS_MIN + index);
	return ret_name;
}

void metric_requests(struct buf *out, const char *name, const char *help, const char *durations_name,
	const char *durations_help, const struct metric_requests *requests)
{
	char code[METRIC_RESULT_SIZE];

	metric_family(out, name, METRIC_COUNTER, help);
	for (unsigned i = 0; i < METRIC_RESULTS; i++) {
		unsigned long long count = atomic_load(&requests->counts[i]);
		const struct metric_label label = { "code", metric_result_name(i, code) };

		if (count > 0)
			metric_sample(out, name, &label, 1, (double)count);
	}
	metric_histogram(out, durations_name, durations_help, &requests->durations);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return 0;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* proc(5): "size resident shared ...", in pages. */
static double resident_bytes(void)
{
	CLEANUP(close_file) FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident = 0;

	if (!file || fscanf(file, "%*u %lu", &resident) != 1)
		return 0;
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count > 3 ? count - 3 : 0; /* ".", ".." and the directory's own */
}

static double limit_descriptors(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : (double)limit.rlim_cur;
}

void metric_process_read(struct metric_process *ret_process)
{
	*ret_process = (struct metric_process){ .cpu_s = cpu_seconds(),
		.max_fds = limit_descriptors(),
		.open_fds = open_descriptors(),
		.resident_bytes = resident_bytes() };
}

void metric_process(struct buf *out, const char *prefix, int64_t start_ms)
{
	struct metric_process process;

	metric_process_read(&process);
	const struct {
		const char *name, *help;
		enum metric_type type;
		double value;
	} rows[] = {
		{ "cpu_seconds_total", "Processor time, user and system.", METRIC_COUNTER, process.cpu_s },
		{ "max_fds", "Limit of open file descriptors.", METRIC_GAUGE, process.max_fds },
		{ "open_fds", "Open file descriptors.", METRIC_GAUGE, process.open_fds },
		{ "resident_memory_bytes", "Resident memory.", METRIC_GAUGE, process.resident_bytes },
		{ "start_time_seconds", "When the process started, in seconds since 1970.", METRIC_GAUGE,
			(double)start_ms / 1000.0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(mem_freep) char *name = mem_printf("%s_%s", prefix, rows[i].name);
		metric_family(out, name, rows[i].type, rows[i].help);
		metric_sample(out, name, NULL, 0, rows[i].value);
	}
}
