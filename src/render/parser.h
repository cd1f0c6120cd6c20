/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PARSER_H
#define AITHER_RENDER_PARSER_H

/*
 * Second step: tokens become a syntax tree, by recursive descent over Handlebars' grammar. Mistakes in the
 * form of a template end here, each with its position and, for a block that is closed wrongly, where it was
 * opened. Whitespace is still as written: see whitespace.h.
 */

struct arena;
struct body;
struct error;
struct source;

/* The tree belongs to the arena, which must have no size limit. */
int parser_parse(const struct source *source, struct arena *arena, struct body **ret_body, struct error *err);

#endif
