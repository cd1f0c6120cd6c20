/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_NUMBER_H
#define AITHER_RENDER_NUMBER_H

/*
 * Numbers as JavaScript writes and reads them (ECMAScript, Number::toString and StringToNumber): Handlebars
 * templates rely on 1e+21, 1e-7, and on 0.1 being "0.1".
 */

#include "render/slice.h"

#define NUMBER_TEXT_SIZE 48 /* "-1.2345678901234567e-308" needs 25; more avoids gcc's format warnings */

/* Writes the shortest sequence of digits that is read as the same double, and the nearest of several. Not for
 * NaN, which JSON does not have. */
void number_format(double number, char ret_text[static NUMBER_TEXT_SIZE]);

/* JavaScript's Number("..."): whitespace around the number is ignored, "" is 0, a text that is not a number
 * is NaN. */
double number_from_text(struct slice text);

#endif
