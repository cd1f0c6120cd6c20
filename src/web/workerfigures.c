/* SPDX-License-Identifier: MIT */
#include "web/workerfigures.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/metric.h"

struct series {              /* of a counter */
	char *key;           /* owned: name and labels */
	double former, last; /* what former workers counted, and the present one */
};

struct workerfigures {
	struct buf text; /* as taken */
	struct series series[WORKERFIGURES_SERIES_MAX];
	size_t count;
	double worker_start;
};

struct workerfigures *workerfigures_new(void)
{
	struct workerfigures *figures = mem_zalloc(sizeof(*figures));

	buf_init(&figures->text, METRIC_SIZE_MAX);
	return figures;
}

void workerfigures_freep(struct workerfigures **figures_pointer)
{
	struct workerfigures *figures = STEAL(*figures_pointer);

	if (!figures)
		return;
	for (size_t i = 0; i < figures->count; i++)
		free(figures->series[i].key);
	buf_done(&figures->text);
	free(figures);
}

/* Copies the line at *next without its end, and goes on to the next one; false: there is none. */
static bool read_line(const char **next, char ret_line[static WORKERFIGURES_LINE_MAX])
{
	size_t length;

	do {
		if (!**next)
			return false;
		const char *line = *next;
		length = strcspn(line, "\n");
		*next = line + length + (line[length] == '\n');
		if (length < WORKERFIGURES_LINE_MAX) {
			memcpy(ret_line, line, length);
			ret_line[length] = '\0';
		}
	} while (length >= WORKERFIGURES_LINE_MAX || length == 0);
	return true;
}

/* "# TYPE name counter" says of all samples up to the next such line that they count. */
static bool read_type(const char *line, bool *is_counting)
{
	if (line[0] != '#')
		return false;
	const char *type = strrchr(line, ' ');
	if (type && strncmp(line, "# TYPE ", 7) == 0)
		*is_counting = strcmp(type, " counter") == 0 || strcmp(type, " histogram") == 0;
	return true;
}

/* Cuts "key value" in two; NULL: this is no sample. */
static const char *split_sample(char *line, double *ret_value)
{
	char *blank = strrchr(line, ' '), *end;

	if (!blank)
		return NULL;
	*ret_value = strtod(blank + 1, &end);
	if (end == blank + 1 || *end)
		return NULL;
	*blank = '\0';
	return line;
}

static struct series *find_series(const struct workerfigures *figures, const char *key)
{
	for (size_t i = 0; i < figures->count; i++) {
		if (strcmp(figures->series[i].key, key) == 0)
			return (struct series *)&figures->series[i];
	}
	return NULL;
}

static void note_count(struct workerfigures *figures, const char *key, double value)
{
	struct series *series = find_series(figures, key);

	if (!series) {
		if (figures->count == WORKERFIGURES_SERIES_MAX)
			return;
		series = &figures->series[figures->count++];
		series->key = mem_strdup(key);
	}
	series->last = value;
}

static void end_former_worker(struct workerfigures *figures)
{
	for (size_t i = 0; i < figures->count; i++) {
		figures->series[i].former += figures->series[i].last;
		figures->series[i].last = 0;
	}
}

double workerfigures_value(const struct workerfigures *figures, const char *name, double otherwise)
{
	const char *next = buf_text(&figures->text), *key;
	char line[WORKERFIGURES_LINE_MAX];
	double value;

	while (read_line(&next, line)) {
		key = split_sample(line, &value);
		if (key && strcmp(key, name) == 0)
			return value;
	}
	return otherwise;
}

void workerfigures_take(struct workerfigures *figures, const char *text)
{
	char line[WORKERFIGURES_LINE_MAX];
	const char *next, *key;
	bool is_counting = false;
	double value;

	buf_clear(&figures->text);
	buf_append_text(&figures->text, text);
	double start = workerfigures_value(figures, WORKERFIGURES_START, 0);
	if (start != figures->worker_start)
		end_former_worker(figures);
	figures->worker_start = start;
	next = buf_text(&figures->text);
	while (read_line(&next, line)) {
		if (read_type(line, &is_counting) || !is_counting)
			continue;
		key = split_sample(line, &value);
		if (key)
			note_count(figures, key, value);
	}
}

void workerfigures_write(struct buf *out, const struct workerfigures *figures)
{
	const char *next = buf_text(&figures->text), *key;
	char line[WORKERFIGURES_LINE_MAX];
	bool is_counting = false;
	double value;

	while (read_line(&next, line)) {
		if (read_type(line, &is_counting)) {
			buf_printf(out, "%s\n", line);
			continue;
		}
		key = split_sample(line, &value);
		if (!key)
			continue;
		const struct series *series = is_counting ? find_series(figures, key) : NULL;
		metric_sample(out, key, NULL, 0, series ? series->former + series->last : value);
	}
}
