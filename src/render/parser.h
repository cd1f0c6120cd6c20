/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PARSER_H
#define AITHER_RENDER_PARSER_H

/*
 * Second step: tokens become a syntax tree, by recursive descent over Handlebars' grammar. The parser also
 * decides what a name means (helper, block parameter or data), as far as Handlebars decides it before it
 * sees data. Mistakes in the form of a template end here, each with its position and, for a block that is
 * closed wrongly, where it was opened. Whitespace is still as written: see whitespace.h.
 */

struct arena;
struct error;
struct unit;

/* Fills in body and partials from the source of the unit. The arena, which must have no size limit, gets the
 * tree. */
int parser_parse(struct unit *unit, struct arena *arena, struct error *err);

#endif
