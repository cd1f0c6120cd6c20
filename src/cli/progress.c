/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/words.h"

#define WIDTH_DEFAULT 80 /* of a terminal that does not tell */
#define BAR_MIN 8        /* a shorter bar tells less than the figures beside it */
#define BAR_MAX (PROGRESS_LINE_MAX / 2)
#define GREEN "\033[32m"
#define PLAIN "\033[0m"
#define WIPE "\r\033[K" /* to the line's begin, and clear what is there */

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

/* May a line be drawn over again? */
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

static unsigned width_of(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
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

static char *figures_of(const struct progress *progress)
{
	CLEANUP(mem_freep)
	char *time = progress->wait_s ? mem_printf("Hemera's rate limit: %u s", progress->wait_s)
				      : mem_printf("%u s", progress->elapsed_s);
	size_t phase = phase_index(progress->phase);

	if (progress->total > 0)
		return mem_printf("%u of %u  %s", progress->done, progress->total, time);
	if (phase < ARRAY_SIZE(PHASES))
		return mem_printf("%s  %s", PHASES[phase].doing, time);
	return STEAL(time);
}

void progress_line(struct buf *out, const struct progress *progress, unsigned width, bool has_color)
{
	CLEANUP(mem_freep) char *head = mem_printf("%-7s ", progress->phase);
	CLEANUP(mem_freep) char *figures = figures_of(progress);
	size_t room = width > 1 ? width - 1 : 1, used = strlen(head) + strlen(figures) + strlen("[] ");
	size_t cells = room > used ? room - used : 0, begin = out->length;

	buf_append_text(out, head);
	if (progress->total > 0 && cells >= BAR_MIN)
		append_bar(out, progress, cells < BAR_MAX ? cells : BAR_MAX, has_color);
	else if (strlen(head) + strlen(figures) > room)
		buf_truncate(out, begin); /* too narrow for both: the figures say more */
	buf_append_text(out, figures);
	if (out->length - begin > room && cells < BAR_MIN)
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
	view->told = 0;
	view->told_limit = false;
}

/* Every phase up to this one; the figures are known of this one only. */
static void tell_phases(struct progress_view *view, size_t last, const struct progress *progress)
{
	for (; view->told <= last && view->told < ARRAY_SIZE(PHASES); view->told++) {
		const struct phase *phase = &PHASES[view->told];
		CLEANUP(mem_freep) char *count = NULL;

		if (progress && view->told == last && progress->total > 0)
			count = words_count(progress->total, phase->one, phase->many);
		fprintf(view->out, "%s: %s%s%s\n", phase->name, phase->doing, count ? ", " : "", count ?: "");
		view->told_why = NULL;
	}
}

static void tell(struct progress_view *view, const struct progress *progress)
{
	size_t phase = phase_index(progress->phase);

	if (phase == ARRAY_SIZE(PHASES))
		return; /* a newer worker's */
	tell_phases(view, phase, progress);
	if (progress->wait_s && !view->told_limit)
		fprintf(view->out, "%s: waiting %u s: Hemera's rate limit\n", progress->phase,
			progress->wait_s);
	view->told_limit = progress->wait_s > 0;
}

void progress_show(struct progress_view *view, const struct progress *progress)
{
	CLEANUP(buf_done) struct buf line = BUF_INIT(PROGRESS_LINE_MAX);

	if (!view->out)
		return;
	if (!view->is_terminal) {
		tell(view, progress);
		return;
	}
	progress_line(&line, progress, width_of(view->out), view->has_color);
	draw(view, buf_text(&line));
}

void progress_end(struct progress_view *view, const char *last_phase)
{
	progress_clear(view);
	if (view->out && !view->is_terminal)
		tell_phases(view, phase_index(last_phase), NULL);
}

void progress_wait(struct progress_view *view, unsigned left_s, const char *why)
{
	unsigned width;

	if (!view->out)
		return;
	if (view->is_terminal) {
		CLEANUP(mem_freep) char *line = mem_printf("%-7s %s: %u s", "wait", why, left_s);

		width = width_of(view->out);
		if (strlen(line) >= width)
			line[width - 1] = '\0';
		draw(view, line);
	} else if (!view->told_why || strcmp(view->told_why, why) != 0) {
		fprintf(view->out, "waiting %u s: %s\n", left_s, why);
		view->told_why = why;
	}
}
