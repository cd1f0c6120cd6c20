/* SPDX-License-Identifier: MIT */
#include "base/metric.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

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
