/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAKE_HEMERA_H
#define AITHER_TESTS_FAKE_HEMERA_H

/*
 * Takes the place of what asks Hemera, by $(FAKE_HEMERA) in Makefile.am: answers from this script, checked
 * and copied by the real course model. A test fills `fake_hemera`, runs a sync and looks at what was asked.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "hemera/client.h"

#define FAKE_COURSES_MAX 64
#define FAKE_ASKED_SIZE 2048

struct fake_course {
	const char *id, *title, *slug;
	const char *level;                 /* NULL: BEGINNER */
	const char *start_date, *end_date; /* NULL: null */
	unsigned participants;             /* participantCount, and so many in its detail */
	const char *participant;           /* the name of each; NULL: Ada */
	const char *image_url;             /* of each; no page shows it */
	enum hemera_detail_state detail;
	bool reversed; /* participants in the other order */
};

struct fake_hemera {
	struct fake_course courses[FAKE_COURSES_MAX]; /* a NULL id is a row that nobody can identify */
	size_t count;
	unsigned pages;     /* of the list */
	size_t lost;        /* so many rows at its end are lost by paging, */
	bool lost_for_good; /* and slices do not find them either */
	enum error_code list_error, templates_error, details_error; /* ERROR_INTERNAL: none */
	enum error_code participations_error;
	bool has_participations;
	struct hemera_template templates[4]; /* texts borrowed from the test */
	size_t template_count;
	unsigned retry_after_s;      /* told with deferred details */
	unsigned calls;              /* of hemera_list */
	char asked[FAKE_ASKED_SIZE]; /* ids of the last hemera_details in their order: "c1 c2 " */
	size_t due;                  /* how many of them were */
	atomic_bool *cancel;         /* raised in the middle of the details */
};

extern struct fake_hemera fake_hemera;

#endif
