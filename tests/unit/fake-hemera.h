/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_FAKE_HEMERA_H
#define AITHER_TESTS_FAKE_HEMERA_H

/*
 * Replaces the functions that send requests to Hemera, through $(FAKE_HEMERA) in Makefile.am: the answers
 * come from this script, checked and copied by the real course model. A test fills `fake_hemera`, runs a
 * sync and inspects the requests.
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
	unsigned participants;             /* participantCount, and as many in its details */
	const char *participant;           /* the name of each participant; NULL: Ada */
	const char *image_url;             /* of each participant; no page shows it */
	enum hemera_detail_state detail;
	bool reversed; /* participants in reverse order */
};

struct fake_hemera {
	struct fake_course courses[FAKE_COURSES_MAX]; /* a row with a NULL id cannot be identified */
	size_t count;
	unsigned pages;     /* of the list */
	size_t lost;        /* number of rows at its end that paging loses, */
	bool lost_for_good; /* and that slices do not find either */
	enum error_code list_error, templates_error, details_error; /* ERROR_INTERNAL: no error */
	enum error_code participations_error;
	bool has_participations;
	struct hemera_template templates[4]; /* texts borrowed from the test */
	size_t template_count;
	unsigned retry_after_s;      /* reported with deferred details */
	unsigned calls;              /* of hemera_list */
	char asked[FAKE_ASKED_SIZE]; /* ids of the last hemera_details in their order: "c1 c2 " */
	size_t due;                  /* how many of them were due */
	atomic_bool *cancel;         /* set in the middle of the details */
};

extern struct fake_hemera fake_hemera;

#endif
