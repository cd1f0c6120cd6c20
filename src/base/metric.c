/* SPDX-License-Identifier: MIT */
#include "base/metric.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
