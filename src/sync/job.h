/* SPDX-License-Identifier: MIT */
#ifndef AITHER_SYNC_JOB_H
#define AITHER_SYNC_JOB_H

/*
 * One sync under way; private to sync/. The steps fill it in this order: plan.c (what is there and what
 * is wanted), pages.c (each page made, kept or failed), settle.c (published, and entered into the
 * manifest; what leaves), history.c (report, manifest, journal).
 *
 * Until pages are published no step changes the manifest's entries, so that a sync that ends early leaves
 * the manifest true.
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
	JOB_OPEN,    /* nothing decided yet */
	JOB_CURRENT, /* its page is what it would be now */
	JOB_WRITTEN, /* a new page waits to be published (dry run: would be) */
	JOB_KEPT,    /* its page, if it has one, stays as it is; the report says why if that is an error */
};

struct job_course {
	const struct course *row;       /* borrowed from the list */
	struct manifest_entry *entry;   /* borrowed from the manifest; NULL: it has none */
	char name[PUBLISHED_NAME_SIZE]; /* where its page belongs */
	bool changed;                   /* the row is new or differs from the entry's */
	bool there;                     /* its old page, at entry->name, is whole and may stay there */
	bool on_disk; /* not there, but `name` is a page, and not known to be another course's */
	bool read;    /* its participants are known by this sync */
	bool fresh;   /* read in this round of syncs already */
	bool deferred;
	enum job_outcome outcome;
	char hash[HASH_HEX_SIZE];
	size_t page;   /* JOB_WRITTEN: index in out.pages */
	uint64_t size; /* of its page: the old one's, then the new one's; 0: it has none */
};

struct job_template {                         /* of Hemera's; compiled when it is first needed */
	const struct hemera_template *source; /* borrowed */
	struct template *compiled;            /* owned; NULL: not yet or not possible */
	bool tried;                           /* compiled, with success or without */
};

struct sync_job {
	const struct sync_options *options;
	struct report *report;
	uint64_t start_mono_ms, deadline_mono_ms;
	int today;        /* time_day of its beginning */
	int64_t round_ms; /* wall clock: when the round began that this sync belongs to, see plan.c */
	struct publish out;
	struct manifest manifest;
	bool homepage_failed; /* the templates make none of this list, as the report says */
	bool manifest_unread; /* there is one, for the next sync: it must not be replaced */
	struct library library;
	struct page_site site;
	bool site_written; /* homepages and lists were made anew, and the manifest says so */
	struct hemera *client;
	struct hemera_list list;
	size_t lost;                     /* rows of the list that no request was left for */
	struct hemera_template *fetched; /* owned */
	struct job_template *templates;  /* owned; of `fetched`, the best first for each course */
	size_t template_count;
	bool templates_unknown; /* Hemera may have templates but did not give them: pages stay as they are */
	bool templates_limited; /* it may have some, the next sync will read them: no page is made */
	struct job_course *courses; /* owned; beside list.courses */
	size_t count;
	uint64_t pages_size;    /* of all course pages together, new ones and those that stay */
	struct nameset present; /* pages on disk when the sync began */
	struct nameset moved;   /* old names of pages that have new ones */
	struct buf page;        /* reused for each */
};

/* The report's line for something that costs one entity. A hemera_problem and library_problem with the job
 * as arg. */
void job_add_problem(void *arg, const char *entity, const struct error *problem);
void job_add_course_problem(
	struct sync_job *job, const struct job_course *course, const struct error *problem);
void job_set_phase(struct sync_job *job, enum sync_phase phase, size_t total);

/* Hemera's client, until deadline_mono_ms; `brief`: for a refresh, with one connection and without
 * retries. */
int job_connect(struct sync_job *job, bool brief, struct error *err);

/* The site as pages show it (site.c); borrowed from the configuration. */
struct page_site job_site(const struct config *config);

/* The templates, and `site`. `problem` NULL: bad files of the operator's are not reported. */
int job_load_library(struct sync_job *job, library_problem *problem, struct error *err);
void job_done(struct sync_job *job);

/* The homepages and, where course pages are private, the lists of them, from the known courses
 * (homepage.c). They say nothing of when they were made, so the same courses give the same bytes, and a file
 * is written only if its bytes on disk differ: then aither-web keeps its copy. The manifest has the hash of
 * what they were made from: while that is the same and the files are whole, they are not even rendered. Needs
 * options, out, library, site and manifest only. All files, or an error and some of them. *ret_changed: a
 * homepage has other bytes. ERROR_TEMPLATE: the templates, also the shipped ones, make no page of these
 * courses; *ret_entity says which (static), its old files stay, and the others are written. A dry run only
 * finds out whether they do. `reports`: when the operator's templates cannot be used and the shipped ones
 * are, the report says so. */
int homepage_publish(
	struct sync_job *job, bool reports, bool *ret_changed, const char **ret_entity, struct error *err);

/* The steps after the list, in this order. Each returns 0, or the error that ends the sync. */
int job_read_templates(struct sync_job *job, struct error *err); /* pages.c */
int job_plan(struct sync_job *job, struct error *err);           /* plan.c */
int job_read_details(struct sync_job *job, struct error *err);   /* pages.c: participants, and their pages */
int job_make_rest(struct sync_job *job, struct error *err);      /* pages.c: the other pages */
int job_settle(struct sync_job *job, struct error *err);         /* settle.c */
int job_remove(struct sync_job *job, struct error *err);         /* settle.c */

/* Ends the report, writes manifest and journal (history.c). *problem: what ended the sync when result is
 * negative, and afterwards, in any case, what sync_run returns; its errnum is 0 when all went well. */
void job_finish(struct sync_job *job, int result, struct error *problem);

/* Courses with participants, in the order in which they are to be read; owned. *ret_due: how many of them,
 * at the front, have not been read in this round. */
size_t *job_order(const struct sync_job *job, size_t *ret_count, size_t *ret_due);

#endif
