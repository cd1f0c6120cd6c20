/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/words.h"

#define WIDTH_DEFAULT 80 /* for a terminal that does not report its width */
#define BAR_MIN 8        /* a shorter bar says less than the numbers next to it */
#define BAR_MAX (PROGRESS_LINE_MAX / 2)
#define GREEN "\033[32m"
#define PLAIN "\033[0m"
#define WIPE "\r\033[K" /* move to the beginning of the line and clear it */

static const struct phase {
	const char *name, *doing, *one, *many;
} PHASES[] = {
	/* in the order of a sync */
	{ "list", "reading the list of courses", "course", "courses" },
	{ "fetch", "reading participants", "course", "courses" },
	{ "render", "making pages", "course", "courses" },
	{ "publish", "writing what has changed", "page", "pages" },
};

static size_t phase_index(const char *name)
{
	size_t index = 0;

	while (index < ARRAY_SIZE(PHASES) && strcmp(PHASES[index].name, name) != 0)
		index++;
	return index;
}

/* Can a line be redrawn? */
static bool is_terminal(FILE *out)
{
	const char *term = getenv("TERM");

	return isatty(fileno(out)) && term && *term && strcmp(term, "dumb") != 0;
}

bool progress_has_color(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");

	return is_terminal(out) && !(no_color && *no_color);
}

static void append_bar(struct buf *out, const struct progress *progress, size_t cells, bool has_color)
{
	unsigned done = progress->done < progress->total ? progress->done : progress->total;
	size_t filled = (size_t)done * cells / progress->total;

	buf_append_char(out, '[');
	if (has_color)
		buf_append_text(out, GREEN);
	for (size_t i = 0; i < filled; i++)
		buf_append_char(out, i + 1 == filled && filled < cells ? '>' : '=');
	if (has_color)
		buf_append_text(out, PLAIN);
	for (size_t i = filled; i < cells; i++)
		buf_append_char(out, ' ');
	buf_append_text(out, "] ");
}

void progress_line(struct buf *out, const struct progress *progress, unsigned width, bool has_color)
{
	CLEANUP(mem_freep) char *head = mem_printf("%-7s ", progress->phase);
	CLEANUP(mem_freep)
	char *time = progress->wait_s ? mem_printf("Hemera's rate limit: %u s", progress->wait_s)
				      : mem_printf("%u s", progress->elapsed_s);
	CLEANUP(mem_freep) char *numbers = NULL;
	size_t phase = phase_index(progress->phase), room = width > 1 ? width - 1 : 1, used, cells;
	size_t begin = out->length;

	if (progress->total > 0)
		numbers = mem_printf("%u of %u  %s", progress->done, progress->total, time);
	else if (phase < ARRAY_SIZE(PHASES))
		numbers = mem_printf("%s  %s", PHASES[phase].doing, time);
	else
		numbers = STEAL(time);
	used = strlen(head) + strlen(numbers);
	cells = room > used + strlen("[] ") ? room - used - strlen("[] ") : 0;
	if (used <= room) /* if the terminal is too narrow for both, keep the numbers, which say more */
		buf_append_text(out, head);
	if (progress->total > 0 && cells >= BAR_MIN)
		append_bar(out, progress, cells < BAR_MAX ? cells : BAR_MAX, has_color);
	buf_append_text(out, numbers);
	if (used > room && out->length - begin > room)
		buf_truncate(out, begin + room);
}

/* ---- the view ---- */

void progress_open(struct progress_view *view, FILE *out, bool silent)
{
	*view = (struct progress_view){ .out = silent ? NULL : out };
	view->is_terminal = !silent && is_terminal(out);
	view->has_color = !silent && progress_has_color(out);
}

static void draw(struct progress_view *view, const char *line)
{
	fprintf(view->out, WIPE "%s", line);
	fflush(view->out);
	view->drawn = true;
}

static unsigned width_of(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
}

void progress_clear(struct progress_view *view)
{
	if (!view->drawn)
		return;
	fputs(WIPE, view->out);
	fflush(view->out);
	view->drawn = false;
}

void progress_begin(struct progress_view *view)
{
	view->shown = 0;
	view->shown_limit = false;
}

/* Prints a line for every phase up to `last`, with the amount of work in that phase; `total` 0: unknown. */
static void print_phases(struct progress_view *view, size_t last, unsigned total)
{
	for (; view->shown <= last && view->shown < ARRAY_SIZE(PHASES); view->shown++) {
		const struct phase *phase = &PHASES[view->shown];
		CLEANUP(mem_freep) char *count = words_count(total, phase->one, phase->many);
		bool has_count = view->shown == last && total > 0;

		fprintf(view->out, "%s: %s%s%s\n", phase->name, phase->doing, has_count ? ", " : "",
			has_count ? count : "");
		view->shown_why = NULL;
	}
}

void progress_show(struct progress_view *view, const struct progress *progress)
{
	size_t phase = phase_index(progress->phase);

	if (view->out && view->is_terminal) {
		CLEANUP(buf_done) struct buf line = BUF_INIT(PROGRESS_LINE_MAX);

		progress_line(&line, progress, width_of(view->out), view->has_color);
		draw(view, buf_text(&line));
	} else if (view->out && phase < ARRAY_SIZE(PHASES)) { /* not the phase of a newer worker */
		print_phases(view, phase, progress->total);
		if (progress->wait_s && !view->shown_limit)
			fprintf(view->out, "%s: waiting %u s: Hemera's rate limit\n", progress->phase,
				progress->wait_s);
		view->shown_limit = progress->wait_s > 0;
	}
}

void progress_end(struct progress_view *view, const char *last_phase)
{
	progress_clear(view);
	if (view->out && !view->is_terminal)
		print_phases(view, phase_index(last_phase), 0);
}

void progress_wait(struct progress_view *view, unsigned left_s, const char *why)
{
	if (view->out && view->is_terminal) {
		CLEANUP(mem_freep) char *line = mem_printf("%-7s %s: %u s", "wait", why, left_s);
		unsigned width = width_of(view->out);

		if (strlen(line) >= width)
			line[width - 1] = '\0';
		draw(view, line);
	} else if (view->out && (!view->shown_why || strcmp(view->shown_why, why) != 0)) {
		fprintf(view->out, "waiting %u s: %s\n", left_s, why);
		view->shown_why = why;
	}
}
