/* SPDX-License-Identifier: MIT */
#include "net/metric.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53 */
#define SAMPLE_SIZE 128              /* the longest name with its labels has 80 bytes */

void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};
	int length = (int)strcspn(name, "{");

	buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", length, name, help, length, name, types[type]);
}

void metric_sample(struct buf *out, double value, const char *format, ...)
{
	bool is_integral = value >= -EXACT_MAX && value <= EXACT_MAX && value == (double)(int64_t)value;
	char name[SAMPLE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	buf_printf(out, is_integral ? "%s %.0f\n" : "%s %.3f\n", name, value);
}

void metric_gauge(struct buf *out, const char *name, const char *help, double value)
{
	metric_family(out, name, METRIC_GAUGE, help);
	metric_sample(out, value, "%s", name);
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

/* Another thread may be adding to the buckets, so the total is the sum of the numbers that were read. */
void metric_histogram(
	struct buf *out, const char *name, const char *help, const struct metric_histogram *histogram)
{
	size_t count = count_bounds(histogram);
	unsigned long long seen = 0;

	metric_family(out, name, METRIC_HISTOGRAM, help);
	for (size_t i = 0; i < count; i++) {
		seen += atomic_load(&histogram->counts[i]);
		metric_sample(
			out, (double)seen, "%s_bucket{le=\"%g\"}", name, histogram->bounds_ms[i] / 1000.0);
	}
	seen += atomic_load(&histogram->counts[count]);
	metric_sample(out, (double)seen, "%s_bucket{le=\"+Inf\"}", name);
	metric_sample(out, (double)atomic_load(&histogram->sum_ms) / 1000.0, "%s_sum", name);
	metric_sample(out, (double)seen, "%s_count", name);
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

void metric_process_read(struct metric_process *ret_process)
{
	struct metric_process process = { 0 };
	struct rusage usage;
	struct rlimit limit;
	unsigned long resident = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	DIR *descriptors = opendir("/proc/self/fd");

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		process.cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		process.max_fds = (double)limit.rlim_cur;
	/* proc(5): "size resident shared ...", in pages. */
	if (statm && fscanf(statm, "%*u %lu", &resident) == 1)
		process.resident_bytes = (double)resident * (double)sysconf(_SC_PAGESIZE);
	if (statm)
		fclose(statm);
	if (descriptors) {
		while (readdir(descriptors))
			process.open_fds++;
		process.open_fds -= 3; /* ".", ".." and the descriptor of the directory itself */
		closedir(descriptors);
	}
	*ret_process = process;
}

void metric_process(struct buf *out, int64_t start_ms)
{
	struct metric_process process;

	metric_process_read(&process);
	metric_family(out, "process_cpu_seconds_total", METRIC_COUNTER, "Processor time, user and system.");
	metric_sample(out, process.cpu_s, "process_cpu_seconds_total");
	metric_gauge(out, "process_max_fds", "Limit of open file descriptors.", process.max_fds);
	metric_gauge(out, "process_open_fds", "Open file descriptors.", process.open_fds);
	metric_gauge(out, "process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
	metric_gauge(out, "process_start_time_seconds", "When the process started, in seconds since 1970.",
		(double)start_ms / 1000.0);
}
