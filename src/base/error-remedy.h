/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_ERROR_REMEDY_H
#define AITHER_BASE_ERROR_REMEDY_H

/*
 * What the operator can do about an error, for mails and the command line: one or two sentences that name a
 * command or a key where there is one, for every code of base/error.h. Not in the API's answers, for its
 * callers cannot do what the operator can.
 */

/* By the code's name in a report ("HEMERA_TIMEOUT"). A name that this version does not know, or NULL: the
 * remedy of INTERNAL_ERROR, which is to look into the journal. */
const char *error_remedy_of_name(const char *name);

#endif
