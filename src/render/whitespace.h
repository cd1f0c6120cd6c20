/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_WHITESPACE_H
#define AITHER_RENDER_WHITESPACE_H

/*
 * Third step: takes whitespace out of the contents of a syntax tree, as Handlebars does.
 *
 * - "~" at a tag removes all whitespace on that side, line breaks included.
 * - A block tag, else, comment or partial that stands alone on its line takes the line with it. "Alone" is
 *   decided with all of JavaScript's whitespace on the text as written, but only blanks and tabs and one line
 *   break are removed. The beginning and end of the template count as line ends, those of a branch do not.
 * - A partial alone on its line remembers its indentation: every line of its output gets it.
 */

struct body;

void whitespace_control(struct body *root);

#endif
