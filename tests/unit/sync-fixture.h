/* SPDX-License-Identifier: MIT */
#ifndef AITHER_TESTS_SYNC_FIXTURE_H
#define AITHER_TESTS_SYNC_FIXTURE_H

/*
 * The real sync with the scripted Hemera, into "out" below the scratch directory:
 *
 *	fixture_course("c1", "Title", "slug", 2);
 *	fixture_sync(REPORT_SUCCESS);
 *	fixture_assert_page("slug.html", "Title");
 *
 *	SYNC_TEST(a_test_function)	in the list of tests
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "config/config.h"
#include "fake-hemera.h"
#include "sync/report.h"
#include "sync/sync.h"

#define SYNC_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

extern struct config fixture_config;
extern struct sync_options fixture_options; /* to be set before fixture_sync */
extern struct sync_progress fixture_progress;
extern atomic_bool fixture_cancelled;
extern struct report fixture_report;  /* of the last sync */
extern struct error fixture_error;    /* its error */
extern struct json *fixture_manifest; /* the manifest that it left; NULL: none, or no valid JSON */

int fixture_setup(void **state); /* a fresh script with no courses and one page */
int fixture_teardown(void **state);

/* A few lines in place of the shipped templates, which show the same data, in a directory "shipped" below
 * the scratch directory. For tests of thousands of syncs, which would otherwise spend most of their time on
 * style sheets. */
void fixture_use_small_templates(void);

struct fake_course *fixture_course(
	const char *id, const char *title, const char *slug, unsigned participants);
struct fake_course *fixture_find(const char *id);
void fixture_drop(const char *id);

/* Runs a sync and checks its status, and that no temporary file is left. */
void fixture_sync(enum report_status expected);

bool fixture_exists(const char *path);                             /* below out/ */
void fixture_assert_page(const char *name, const char *contained); /* courses/NAME */
void fixture_refute_text(const char *path, const char *text);
void fixture_assert_text(const char *path, const char *text);
void fixture_put(const char *path, const char *text);
size_t fixture_pages(void);        /* files in out/courses, or out/public/courses */
const char *fixture_courses(void); /* which of the two, relative to out/ */

/* Was the file written since the mark? Compares inode and time of change. */
struct stat fixture_mark(const char *path);
bool fixture_is_same(const char *path, const struct stat *mark);

const struct json *fixture_entry(const char *id);                 /* of the manifest */
bool fixture_has_error(enum error_code code, const char *entity); /* in the report */

#endif
