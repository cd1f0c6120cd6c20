/* SPDX-License-Identifier: MIT */
#include "base/slip.h"

#include <string.h>
#include <strings.h>

unsigned slip_distance(const char *given, const char *known)
{
	unsigned row[SLIP_LENGTH_MAX + 1];
	size_t length = strlen(known);

	if (length > SLIP_LENGTH_MAX || strlen(given) > SLIP_LENGTH_MAX)
		return SLIP_NONE;
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; given[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			unsigned replaced = diagonal + (strncasecmp(&given[i - 1], &known[j - 1], 1) != 0);
			unsigned changed = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = replaced < changed ? replaced : changed;
		}
	}
	/* If up to a third of the letters are wrong, it is a slip; if more, it is another word. Two are
	 * permitted in "Sync", because swapped letters count twice. */
	return row[length] <= (length + 2) / 3 ? row[length] : SLIP_NONE;
}
