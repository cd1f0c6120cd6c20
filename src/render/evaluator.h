/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_EVALUATOR_H
#define AITHER_RENDER_EVALUATOR_H

/*
 * Last step: runs a template over data, by walking its syntax tree. A render has an arena for the values that
 * it makes, and for every block a scope on the C stack: the context, the contexts that "../" reaches, block
 * parameters, and the loop that @index and @key belong to.
 *
 * Every way to do endless work ends with an error: steps, memory, depth, size of the output.
 */

struct buf;
struct error;
struct json;
struct template_stop;
struct texts;
struct unit;

#define EVALUATOR_MEMORY_MAX (64 << 20) /* values made while rendering; a course page needs some KB */

/* Blocks and partials inside one another, over all partials. Each takes 1.1 KB of the C stack, 6 KB without
 * optimisation and with sanitizers: see THREAD_STACK_SIZE. People write below 20. */
#define EVALUATOR_DEPTH_MAX 250

/* `units` are the template and its partials. Appends to *out; on an error it holds a part of the page, which
 * the caller throws away. */
int evaluator_run(const struct unit *units, const struct json *data, const struct texts *texts,
	const struct template_stop *stop, struct buf *out, struct error *err);

#endif
