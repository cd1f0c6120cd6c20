/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_JOB_H
#define AITHER_SYNC_JOB_H

/*
 * A running sync; private to sync/. The steps fill in the struct in this order: plan.c (the pages that exist
 * and the pages that are needed), pages.c (makes each page, keeps it or reports a failure), settle.c
 * (publishes the pages, enters them into the manifest, and removes pages), history.c (report, manifest,
 * journal).
 *
 * No step changes the manifest's entries until the pages are published, so that the manifest is still true
 * after a sync that ends early.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "hemera/client.h"
#include "render/library.h"
#include "render/page.h"
#include "sync/manifest.h"
#include "sync/names.h"
#include "sync/publish.h"
#include "sync/sync.h"

enum job_outcome {
	JOB_OPEN,    /* not decided yet */
	JOB_CURRENT, /* its page is up to date */
	JOB_WRITTEN, /* a new page is ready to be published (dry run: would be) */
	JOB_KEPT,    /* its page, if any, stays as it is; if that is an error, the report has the reason */
};

struct job_course {
	const struct course *row;       /* borrowed from the list */
	struct manifest_entry *entry;   /* borrowed from the manifest; NULL: none */
	char name[PUBLISHED_NAME_SIZE]; /* the planned name of its page */
	bool changed;                   /* the row is new or differs from the entry's row */
	bool there;                     /* its old page, at entry->name, is whole and may stay there */
	bool on_disk; /* not `there`, but a page with the planned name exists and is not known to be another's
		       */
	bool read;    /* this sync knows its participants */
	bool fresh;   /* already read in this round of syncs */
	bool deferred;
	enum job_outcome outcome;
	char hash[HASH_HEX_SIZE];
	size_t page;   /* JOB_WRITTEN: index in out.pages */
	uint64_t size; /* of the old page, later of the new page; 0: no page */
};

struct job_template {                         /* one of Hemera's; compiled when it is first needed */
	const struct hemera_template *source; /* borrowed */
	struct template *compiled;            /* owned; NULL: not compiled yet, or does not compile */
	bool tried;                           /* whether it was compiled, successfully or not */
};

struct sync_job {
	const struct sync_options *options;
	struct report *report;
	uint64_t start_mono_ms, deadline_mono_ms;
	int today;        /* time_day of its start */
	int64_t round_ms; /* wall clock: the start of the round that this sync belongs to, see plan.c */
	struct publish out;
	struct manifest manifest;
	bool homepage_failed; /* the templates cannot make a homepage from this list; the report says so */
	bool manifest_unread; /* the manifest exists but could not be read: it must not be replaced */
	struct library library;
	struct page_site site;
	bool site_written; /* homepages, lists or feeds have changed, or their entries in the manifest */
	struct hemera *client;
	struct hemera_list list;
	size_t lost; /* rows that the list lacks and that no request was left to search for */
	struct hemera_template *fetched; /* owned */
	struct job_template *templates;  /* owned; for `fetched`, the best first for each course */
	size_t template_count;
	bool templates_unknown; /* Hemera may have templates but did not return them: pages stay as they are
				 */
	bool templates_limited; /* Hemera may have templates, which the next sync will read: no page is made
				 */
	struct job_course *courses; /* owned; one for each of list.courses */
	size_t count;
	uint64_t pages_size;    /* of all course pages together, new pages and those that stay */
	struct nameset present; /* pages on disk when the sync began */
	struct nameset moved;   /* old names of pages that have a new name now */
	struct buf page;        /* reused for each page */
};

/* Adds an error that concerns one entity to the report. Serves as hemera_problem and library_problem, with
 * the job as arg. */
void job_add_problem(void *arg, const char *entity, const struct error *problem);
void job_add_course_problem(
	struct sync_job *job, const struct job_course *course, const struct error *problem);
void job_set_phase(struct sync_job *job, enum sync_phase phase, size_t total);

/* Makes Hemera's client, which works until deadline_mono_ms. `brief`: for a refresh, with one connection and
 * without retries. */
int job_connect(struct sync_job *job, bool brief, struct error *err);

/* The data of the site that pages show (site.c); borrowed from the configuration. */
struct page_site job_site(const struct config *config);

/* Loads the templates, and sets `site`. `problem` NULL: bad files of the operator's are not reported. */
int job_load_library(struct sync_job *job, library_problem *problem, struct error *err);
void job_done(struct sync_job *job);

/* Publishes the homepages, the feeds and, where course pages are private, the staff's course lists, all made
 * from the known courses (homepage.c). The files do not contain the time when they were made, so the same
 * courses give the same bytes. A file is written only if its bytes on disk differ, so aither-web can keep its
 * copy. The manifest has the hash of the data that the files were made from: as long as this hash is the same
 * and the files are whole, they are not even rendered. Needs only options, out, library, site and manifest.
 *
 * Writes all files, or returns an error and has written some of them. *ret_changed: a homepage has other
 * bytes. ERROR_TEMPLATE: neither the operator's templates nor the shipped templates make a page from these
 * courses; *ret_entity names the template (static), its old files stay, and the others are written. A dry run
 * writes nothing and only finds such errors. `reports`: the report says so when the shipped templates replace
 * the operator's. */
int homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err);

/* The steps after the list, in this order. Each returns 0, or the error that ends the sync. */
int job_read_templates(struct sync_job *job, struct error *err); /* pages.c */
int job_plan(struct sync_job *job, struct error *err);           /* plan.c */
int job_read_details(struct sync_job *job, struct error *err);   /* pages.c: participants, and their pages */
int job_make_rest(struct sync_job *job, struct error *err);      /* pages.c: all other pages */
int job_settle(struct sync_job *job, struct error *err);         /* settle.c */
int job_remove(struct sync_job *job, struct error *err);         /* settle.c */

/* Completes the report, writes manifest and journal (history.c). *problem: the error that ended the sync if
 * `result` is negative. On return it has the error that sync_run returns; its errnum is 0 after a success. */
void job_finish(struct sync_job *job, int result, struct error *problem);

/* Indices of the courses with participants, in the order in which to read them; owned. *ret_due: the number
 * of courses, at the front, that have not been read in this round. */
size_t *job_order(const struct sync_job *job, size_t *ret_count, size_t *ret_due);

#endif
