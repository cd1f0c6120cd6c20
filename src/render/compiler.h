/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_COMPILER_H
#define AITHER_RENDER_COMPILER_H

/*
 * Fourth step: syntax trees become one program. Here is decided what a name in front means (helper, block
 * parameter or data), as far as Handlebars decides it before it sees data, and which partials belong to the
 * program: those that are named, and all of them as soon as a name is computed.
 *
 * What can only fail when it is reached, like a missing partial or {{#if}} without a value, becomes an
 * OP_FAIL: Handlebars accepts it in a branch that is not rendered.
 */

struct error;
struct program;
struct source;
struct template_partials;

int compiler_compile(const struct source *source, const struct template_partials *partials,
	struct program **ret_program, struct error *err); /* owned */

#endif
