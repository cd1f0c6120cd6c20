/* SPDX-License-Identifier: MIT */
#include "web/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "published/state.h"
#include "web/page.h"
#include "web/phrases.h"

struct index {
	struct stat stat; /* of the bytes below */
	struct buf text;  /* as published; empty: none */
	bool failed;      /* logged already */
	struct page page; /* with this in place of the mark: */
	char *status;     /* owned; NULL: there is no page yet; made from: */
	struct phrases_banner banner;
};

struct cached { /* a course page */
	char file[PUBLISHED_NAME_SIZE];
	struct stat stat; /* of the bytes in `page` */
	struct page page;
};

struct site {
	struct site_options options;
	char *path;
	int output;              /* -1: not there */
	int output_result;       /* of the last attempt to open it */
	struct stat output_stat; /* identity of `output` */
	uint64_t followed_mono_ms;
	bool output_failed; /* logged already */
	struct index index[LANGUAGES];
	struct page fallback[LANGUAGES];
	struct state state;
	struct stat state_stat;
	bool has_state, state_failed; /* failed: logged already */
	uint64_t course_logged_ms;    /* when it was last logged that one cannot be read; 0: never */
	struct cached *cached; /* owned; room for SITE_CACHED_MAX, which costs nothing until it is used */
	size_t cached_count, cached_bytes;
	struct stat cached_stat; /* of their directory */
};

struct site *site_new(const struct site_options *options)
{
	struct site *site = mem_zalloc(sizeof(*site));

	site->options = *options;
	site->path = mem_strdup(options->output_directory);
	site->output = -1;
	for (int i = 0; i < LANGUAGES; i++)
		buf_init(&site->index[i].text, PUBLISHED_HOMEPAGE_MAX);
	site->cached = mem_zalloc(SITE_CACHED_MAX * sizeof(*site->cached));
	return site;
}

static void clear_cache(struct site *site)
{
	while (site->cached_count > 0)
		page_done(&site->cached[--site->cached_count].page);
	site->cached_bytes = 0;
}

void site_freep(struct site **site_pointer)
{
	struct site *site = STEAL(*site_pointer);

	if (!site)
		return;
	for (int i = 0; i < LANGUAGES; i++) {
		buf_done(&site->index[i].text);
		mem_freep(&site->index[i].status);
		page_done(&site->index[i].page);
		page_done(&site->fallback[i]);
	}
	clear_cache(site);
	free(site->cached);
	file_closep(&site->output);
	mem_freep(&site->path);
	free(site);
}

/* ---- the directory ---- */

/* A temporary error does not mean that a file is gone: keep the cached copy. */
static bool is_temporary(int result)
{
	return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -EIO;
}

/* The same file, and not written since? */
static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Opens the output directory, and again when another one has its path: a directory that was moved away keeps
 * its files. Checks the path once a second, or `now`: a tenth of the time of a request. */
static void follow_output(struct site *site, bool now)
{
	uint64_t now_mono_ms = time_mono_ms();
	CLEANUP(file_closep) int fd = -1;
	struct error err = { 0 };
	struct stat stat_now;

	if (site->output >= 0 && !now && now_mono_ms < site->followed_mono_ms + SITE_FOLLOW_MS)
		return;
	site->followed_mono_ms = now_mono_ms;
	if (site->output >= 0 && stat(site->path, &stat_now) == 0 &&
		stat_now.st_ino == site->output_stat.st_ino && stat_now.st_dev == site->output_stat.st_dev)
		return;
	int result = file_open_directory(AT_FDCWD, site->path, &fd, &err);
	if (result == 0 && fstat(fd, &stat_now) < 0)
		result = error_set(&err, -errno, "directory %s: cannot examine: %m", site->path);
	/* Without one, visitors see the same as before the first sync, which makes the directory. */
	if (result < 0 && result != -ENOENT && !site->output_failed)
		log_write(LOG_WARNING, "the output directory cannot be read: %s", err.message);
	site->output_failed = result < 0 && result != -ENOENT;
	site->output_result = result;
	if (is_temporary(result))
		return;
	file_closep(&site->output);
	if (result < 0)
		return;
	site->output_stat = stat_now;
	site->output = file_steal(&fd);
}

/* ---- the homepage ---- */

/* Brings one index up to date; false: there is none. */
static bool read_index(struct site *site, enum language language)
{
	struct index *index = &site->index[language];
	const char *name = published_homepage[language];
	struct error err = { 0 };
	struct stat stat_now;

	int result = fstatat(site->output, name, &stat_now, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (result == 0 && index->text.length > 0 && is_same_file(&stat_now, &index->stat))
		return true;
	if (result == 0)
		result = file_read(site->output, name, &index->text, &index->stat, &err);
	if (result < 0 && !is_temporary(result))
		buf_clear(&index->text);
	if (!is_temporary(result)) {
		free(STEAL(index->status));
		page_done(&index->page);
	}
	if (result < 0 && result != -ENOENT && !index->failed)
		log_write(LOG_WARNING, "the published homepage cannot be read: %s",
			err.message[0] ? err.message : strerror(-result));
	index->failed = result < 0 && result != -ENOENT;
	return index->text.length > 0;
}

static enum language other_language(enum language language)
{
	return language == LANGUAGE_DE ? LANGUAGE_EN : LANGUAGE_DE;
}

bool site_has_home(struct site *site, enum language language)
{
	for (int now = 0; now <= 1; now++) {
		follow_output(site, now);
		if (site->output >= 0 &&
			(read_index(site, language) || read_index(site, other_language(language))))
			return true;
	}
	return false;
}

int64_t site_home_changed_ms(const struct site *site)
{
	int64_t newest_ms = 0;

	for (enum language i = 0; i < LANGUAGES; i++) {
		const struct timespec *changed = &site->index[i].stat.st_mtim;
		int64_t changed_ms = (int64_t)changed->tv_sec * 1000 + changed->tv_nsec / 1000000;

		if (site->index[i].text.length > 0 && changed_ms > newest_ms)
			newest_ms = changed_ms;
	}
	return newest_ms;
}

struct page *site_home(struct site *site, enum language language, const struct phrases_banner *banner)
{
	if (site->index[language].text.length == 0)
		language = other_language(language);
	struct index *index = &site->index[language];
	const struct phrases_banner *last = &index->banner;
	/* The banner holds the date, which changes at a full minute in every time zone. */
	if (index->status && banner->is_fresh == last->is_fresh && banner->data_ms == last->data_ms &&
		banner->now_ms / 60000 == last->now_ms / 60000)
		return &index->page;

	CLEANUP(mem_freep) char *status = phrases_banner_html(site->options.phrases, language, banner);
	index->banner = *banner;
	if (index->status && strcmp(index->status, status) == 0)
		return &index->page;
	const char *text = buf_text(&index->text);
	const char *mark = strstr(text, PUBLISHED_STATUS_MARK);
	size_t before = mark ? (size_t)(mark - text) : index->text.length;
	const char *after = mark ? mark + strlen(PUBLISHED_STATUS_MARK) : "";
	char *whole = mem_printf("%.*s%s%s", (int)before, text, mark ? status : "", after);
	page_set(&index->page, whole, strlen(whole), language_name(language),
		"Accept-Language, Accept-Encoding");
	http_body_to_file(index->page.plain);
	free(index->status);
	index->status = STEAL(status);
	return &index->page;
}

struct page *site_fallback(struct site *site, enum language language)
{
	struct page *page = &site->fallback[language];
	CLEANUP(mem_freep) char *html = phrases_fallback_html(site->options.phrases, language);
	size_t length = strlen(html);

	/* It changes with the operator's logo and style sheet. */
	if (!page->plain || strcmp(page->plain->bytes, html) != 0)
		page_set(page, STEAL(html), length, language_name(language),
			"Accept-Language, Accept-Encoding");
	return page;
}

/* ---- the worker's state ---- */

const struct state *site_state(struct site *site)
{
	struct error err = { 0 };
	struct stat stat_now = { 0 };
	int r = -ENOENT;

	follow_output(site, false);
	if (site->output >= 0)
		r = fstatat(site->output, STATE_FILE, &stat_now, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (r == 0 && is_same_file(&stat_now, &site->state_stat)) /* also of one that makes no sense */
		return site->has_state ? &site->state : NULL;
	if (r == 0)
		r = state_read(&site->state, site->output, &site->state_stat, &err);
	if (r < 0 && r != -ENOENT && !site->state_failed)
		log_write(LOG_WARNING, "the state of aither-worker cannot be read: %s",
			err.message[0] ? err.message : strerror(-r));
	site->state_failed = r < 0 && r != -ENOENT;
	if (!is_temporary(r))
		site->has_state = r == 0;
	return site->has_state ? &site->state : NULL;
}

/* ---- course pages ---- */

static struct cached *find_cached(struct site *site, const char *file)
{
	for (size_t i = 0; i < site->cached_count; i++) {
		if (strcmp(site->cached[i].file, file) == 0)
			return &site->cached[i];
	}
	return NULL;
}

static int read_course(
	struct site *site, int courses, const char *file, struct page **ret_page, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(PUBLISHED_COURSE_MAX);
	struct cached *cached = find_cached(site, file);
	struct stat stat_now;

	if (fstatat(courses, file, &stat_now, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, -errno, PUBLISHED_COURSES "/%s: %s", file, strerror(errno));
	if (cached && is_same_file(&cached->stat, &stat_now)) {
		*ret_page = &cached->page;
		return 0;
	}
	int r = file_read(courses, file, &text, &stat_now, err);
	if (r < 0)
		return r;
	size_t length = text.length;
	if (cached || site->cached_count == SITE_CACHED_MAX ||
		site->cached_bytes + length > SITE_CACHED_BYTES_MAX)
		clear_cache(site);
	cached = &site->cached[site->cached_count++];
	*cached = (struct cached){ .stat = stat_now };
	snprintf(cached->file, sizeof(cached->file), "%s", file);
	site->cached_bytes += length;
	page_set(&cached->page, buf_take(&text), length, language_name(site->options.course_language),
		"Accept-Encoding");
	if (site->options.are_courses_sandboxed)
		page_sandbox(&cached->page);
	*ret_page = &cached->page;
	return 0;
}

static int find_course(struct site *site, const char *name, struct page **ret_page, struct error *err)
{
	CLEANUP(file_closep) int courses = -1;
	CLEANUP(mem_freep) char *with_suffix = mem_printf("%s" PUBLISHED_SUFFIX, name);
	struct stat stat_now = { 0 };
	int r;

	follow_output(site, false);
	if (site->output < 0)
		return error_set(
			err, site->output_result, "%s: %s", site->path, strerror(-site->output_result));
	if ((r = file_open_directory(site->output, PUBLISHED_COURSES, &courses, err)) < 0)
		return r;
	/* Without this, the page of a removed course would stay in memory: no client requests it any more. */
	if (fstat(courses, &stat_now) < 0 || !is_same_file(&site->cached_stat, &stat_now))
		clear_cache(site);
	site->cached_stat = stat_now;
	r = error_set(err, -ENOENT, "not the name of a course page");
	if (published_is_page(name))
		r = read_course(site, courses, name, ret_page, err);
	/* A course may be called "x.html": its page is x.html.html. */
	if (r == -ENOENT && published_is_page(with_suffix))
		r = read_course(site, courses, with_suffix, ret_page, err);
	return r;
}

/* Nothing, or something that is no page: a folder, a link, a socket. */
static bool is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -ELOOP || result == -ENXIO ||
	       result == -EINVAL || result == -EFBIG;
}

/* Rate-limits the log: a client that alternates good and bad names must not get a line per request. */
static void log_course(struct site *site, const char *problem)
{
	uint64_t now = time_mono_ms();

	if (site->course_logged_ms != 0 && now - site->course_logged_ms < SITE_LOG_MS)
		return;
	site->course_logged_ms = now;
	log_write(LOG_WARNING, "a course page cannot be read: %s", problem);
}

int site_course(struct site *site, const char *name, struct page **ret_page, struct error *err)
{
	struct error problem = { 0 };
	int result = find_course(site, name, ret_page, &problem);

	if (result == 0)
		return 0;
	/* The worker publishes no page that is too large: report it, because the next sync makes it anew. */
	if (result == -EFBIG || !is_absent(result))
		log_course(site, problem.message);
	if (is_absent(result))
		return error_fail(err, ERROR_NOT_FOUND, result, "%s", problem.message);
	return error_set(err, result, "%s", problem.message);
}
