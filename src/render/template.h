/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_TEMPLATE_H
#define AITHER_RENDER_TEMPLATE_H

/*
 * The template language: the data-only part of Handlebars 4.7. A template is compiled once, together
 * with the partials that it names, into an immutable form that threads may share. Then it is rendered many
 * times from JSON data. Templates cannot access files or run code, and everything is limited.
 *
 *	template_compile(&t, "course.hbs", text, length, &partials, err);
 *	template_render(t, data, texts, NULL, &out, err);      the whole page, or nothing
 *
 * Messages begin with the position: "course.hbs:14:7: {{/each}} closes {{#if}} opened at 12:3".
 * Compiling refuses constructs that are not supported, so the output is never silently wrong.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct json;
struct template;
struct texts;

#define TEMPLATE_SIZE_MAX (1 << 20)   /* a page's template; Hemera's are below 20 KB */
#define TEMPLATE_NESTING_MAX 100      /* blocks in blocks; people write fewer than 10 levels */
#define TEMPLATE_PARTIAL_DEPTH_MAX 50 /* partials in partials: ends a recursion */
#define TEMPLATE_STEPS_MAX 20000000   /* statements and values per render: limits deeply nested loops */

/* The file of a partial; messages about the partial "row" begin with "row.hbs:3:1". */
#define TEMPLATE_SUFFIX ".hbs"

struct template_partial {
	const char *name, *text; /* borrowed during template_compile */
	size_t length;
};

/* Ends a render early. The limit of steps does not limit time: a slow template takes seconds on a busy
 * machine. */
struct template_stop {
	const atomic_bool *cancelled; /* NULL: it cannot be cancelled */
	uint64_t deadline_mono_ms;    /* 0: none */
};

struct template_partials {
	const struct template_partial *items;
	size_t count;
};

/* All errors are -EBADMSG with code ERROR_TEMPLATE. Messages begin with `name`, which is copied. */
int template_compile(struct template **ret_template, const char *name, const char *text, size_t length,
	const struct template_partials *partials, struct error *err); /* owned */
void template_free(struct template *tmpl);
void template_freep(struct template **tmpl);

/* As in Handlebars, a missing partial is an error only when a render reaches it; this function finds it
 * earlier. */
int template_check_partials(const struct template *tmpl, struct error *err);

/* SHA-256, in hexadecimal, over the texts of the template and of all partials that it reaches. Borrowed. */
const char *template_hash(const struct template *tmpl);

/* Appends the page to *out, whose size_max limits the output. On an error (code ERROR_TEMPLATE) nothing is
 * appended. {{t "key"}} and {{date x}} use `texts`; NULL: these helpers are errors. `stop` (NULL: never) ends
 * the render with -ECANCELED and ERROR_SHUTTING_DOWN, or with -ETIMEDOUT. */
int template_render(const struct template *tmpl, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err);

#endif
