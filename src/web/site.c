/* SPDX-License-Identifier: MIT */
#include "web/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "published/site-file.h"
#include "published/state.h"
#include "web/cache.h"
#include "web/page.h"
#include "web/phrases.h"

struct index {
	struct stat stat; /* of the bytes below */
	struct buf text;  /* as published; empty: there is no such page */
	bool failed;      /* the failure has been logged */
	struct page page; /* the text with `status` in place of the mark */
	char *status;     /* owned; made from `banner`; NULL: `page` has not been made yet */
	struct phrases_banner banner;
};

struct directory {
	char *path;       /* owned; relative to the parent directory */
	const char *what; /* for the log */
	int fd;           /* -1: the directory does not exist */
	int result;       /* of the last attempt to open it */
	struct stat stat; /* identity of `fd` */
	uint64_t followed_mono_ms;
	bool failed; /* the failure has been logged */
};

struct site {
	struct site_options options;
	struct directory output, public, files, shipped; /* `public` is in `output` */
	struct index index[SITE_INDEXES][LANGUAGES];
	struct page fallback[LANGUAGES];
	struct state state;
	struct stat state_stat;
	bool has_state, state_failed; /* state_failed: the failure has been logged */
	uint64_t file_logged_ms;      /* when an unreadable file was last logged; 0: never */
	struct cache *cache;
	int courses;              /* the directory of the course pages in the cache; -1: not opened */
	struct stat courses_stat; /* of that directory at the last check */
};

/* The file names of the index pages, and their names in the log. */
static const struct {
	const char *const *files; /* by language */
	const char *what;
} indexes[SITE_INDEXES] = {
	[SITE_HOME] = { published_homepage, "the published homepage" },
	[SITE_LIST] = { published_list, "the course list" },
};

static void directory_init(struct directory *directory, const char *path, const char *what)
{
	*directory = (struct directory){ .path = mem_strdup(path), .what = what, .fd = -1 };
}

static void directory_done(struct directory *directory)
{
	file_closep(&directory->fd);
	mem_freep(&directory->path);
}

struct site *site_new(const struct site_options *options)
{
	struct site *site = mem_zalloc(sizeof(*site));

	site->options = *options;
	directory_init(&site->output, options->output_directory, "the output directory");
	directory_init(&site->public, PUBLISHED_PUBLIC, "the directory of public pages");
	directory_init(&site->files, options->file_directory, "the directory of the site's own files");
	directory_init(&site->shipped, options->shipped_files, "the directory of shipped files");
	for (int i = 0; i < LANGUAGES; i++)
		for (int which = 0; which < SITE_INDEXES; which++)
			buf_init(&site->index[which][i].text, PUBLISHED_HOMEPAGE_MAX);
	site->courses = -1;
	site->cache = cache_new();
	return site;
}

void site_freep(struct site **site_pointer)
{
	struct site *site = STEAL(*site_pointer);

	if (!site)
		return;
	for (int i = 0; i < LANGUAGES; i++) {
		for (int which = 0; which < SITE_INDEXES; which++) {
			struct index *index = &site->index[which][i];

			buf_done(&index->text);
			mem_freep(&index->status);
			page_done(&index->page);
		}
		page_done(&site->fallback[i]);
	}
	cache_freep(&site->cache);
	file_closep(&site->courses);
	directory_done(&site->output);
	directory_done(&site->public);
	directory_done(&site->files);
	directory_done(&site->shipped);
	free(site);
}

/* ---- directories ---- */

/* A temporary error does not mean that a file is gone: keep the cached copy. */
static bool is_temporary(int result)
{
	return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -EIO;
}

/* Opens the directory, and opens it again when its path leads to another one (a directory that was moved away
 * keeps its files). Checks the path at most once a second, because that takes a tenth of the time of a
 * request; or `now`. */
static void follow(struct directory *directory, int parent, bool now)
{
	uint64_t now_mono_ms = time_mono_ms();
	CLEANUP(file_closep) int fd = -1;
	struct error err = { 0 };
	struct stat stat_now;

	if (directory->fd >= 0 && !now && now_mono_ms < directory->followed_mono_ms + SITE_FOLLOW_MS)
		return;
	directory->followed_mono_ms = now_mono_ms;
	if (directory->fd >= 0 && fstatat(parent, directory->path, &stat_now, 0) == 0 &&
		stat_now.st_ino == directory->stat.st_ino && stat_now.st_dev == directory->stat.st_dev)
		return;
	int result = file_open_directory(parent, directory->path, &fd, &err);
	if (result == 0 && fstat(fd, &stat_now) < 0)
		result = error_set(&err, -errno, "cannot examine directory %s: %m", directory->path);
	/* A missing directory is not logged: it does not exist before the first sync, which makes it. */
	if (result < 0 && result != -ENOENT && !directory->failed)
		log_write(LOG_WARNING, "cannot read %s: %s", directory->what, err.message);
	directory->failed = result < 0 && result != -ENOENT;
	directory->result = result;
	if (is_temporary(result))
		return;
	file_closep(&directory->fd);
	if (result < 0)
		return;
	directory->stat = stat_now;
	directory->fd = file_steal(&fd);
}

static void follow_output(struct site *site, bool now)
{
	int before = site->output.fd;
	struct stat stat_before = site->output.stat;

	follow(&site->output, AT_FDCWD, now);
	bool is_other = site->output.fd < 0 || before < 0 || stat_before.st_ino != site->output.stat.st_ino ||
			stat_before.st_dev != site->output.stat.st_dev;
	if (site->output.fd >= 0) {
		follow(&site->public, site->output.fd, now || is_other);
	} else {
		file_closep(&site->public.fd);
		site->public.result = site->output.result;
	}
}

/* ---- homepage and course list ---- */

/* Reads one index if it has changed; false: there is none. */
static bool read_index(struct site *site, enum site_index which, enum language language)
{
	struct index *index = &site->index[which][language];
	int directory = which == SITE_HOME ? site->public.fd : site->output.fd;
	const char *name = indexes[which].files[language];
	struct error err = { 0 };
	struct stat stat_now;

	if (directory < 0)
		return false;
	int result = fstatat(directory, name, &stat_now, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (result == 0 && index->text.length > 0 && cache_is_same_file(&stat_now, &index->stat))
		return true;
	if (result == 0)
		result = file_read(directory, name, &index->text, &index->stat, &err);
	if (result < 0 && !is_temporary(result))
		buf_clear(&index->text);
	if (!is_temporary(result)) {
		free(STEAL(index->status));
		page_done(&index->page);
	}
	if (result < 0 && result != -ENOENT && !index->failed)
		log_write(LOG_WARNING, "cannot read %s: %s", indexes[which].what,
			err.message[0] ? err.message : strerror(-result));
	index->failed = result < 0 && result != -ENOENT;
	return index->text.length > 0;
}

static enum language other_language(enum language language)
{
	return language == LANGUAGE_DE ? LANGUAGE_EN : LANGUAGE_DE;
}

bool site_has_index(struct site *site, enum site_index which, enum language language)
{
	for (int now = 0; now <= 1; now++) {
		follow_output(site, now);
		if (read_index(site, which, language) || read_index(site, which, other_language(language)))
			return true;
	}
	return false;
}

bool site_has_old_home(struct site *site)
{
	follow_output(site, true);
	return site->output.fd >= 0 &&
	       faccessat(site->output.fd, published_homepage[LANGUAGE_DE], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int64_t site_home_changed_ms(const struct site *site)
{
	int64_t newest_ms = 0;

	for (enum language i = 0; i < LANGUAGES; i++) {
		const struct index *index = &site->index[SITE_HOME][i];
		const struct timespec *changed = &index->stat.st_mtim;
		int64_t changed_ms = (int64_t)changed->tv_sec * 1000 + changed->tv_nsec / 1000000;

		if (index->text.length > 0 && changed_ms > newest_ms)
			newest_ms = changed_ms;
	}
	return newest_ms;
}

struct page *site_index(
	struct site *site, enum site_index which, enum language language, const struct phrases_banner *banner)
{
	if (site->index[which][language].text.length == 0)
		language = other_language(language);
	struct index *index = &site->index[which][language];
	const struct phrases_banner *last = &index->banner;
	/* The banner contains the date, which changes at a full minute in every time zone. */
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
	page_set(&index->page, whole, strlen(whole),
		&(struct page_kind){
			PAGE_HTML, language_name(language), "Accept-Language, Accept-Encoding", PAGE_OPEN });
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

	/* The page changes with the operator's logo and style sheet. */
	if (!page->plain || strcmp(page->plain->bytes, html) != 0)
		page_set(page, STEAL(html), length,
			&(struct page_kind){ PAGE_HTML, language_name(language),
				"Accept-Language, Accept-Encoding", PAGE_OPEN });
	return page;
}

/* ---- the worker's state ---- */

const struct state *site_state(struct site *site)
{
	struct error err = { 0 };
	struct stat stat_now = { 0 };
	int r = -ENOENT;

	follow_output(site, false);
	if (site->output.fd >= 0)
		r = fstatat(site->output.fd, STATE_FILE, &stat_now, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (r == 0 && cache_is_same_file(&stat_now, &site->state_stat)) /* even if its content was invalid */
		return site->has_state ? &site->state : NULL;
	if (r == 0)
		r = state_read(&site->state, site->output.fd, &site->state_stat, &err);
	if (r < 0 && r != -ENOENT && !site->state_failed)
		log_write(LOG_WARNING, "cannot read the state of aither-worker: %s",
			err.message[0] ? err.message : strerror(-r));
	site->state_failed = r < 0 && r != -ENOENT;
	if (!is_temporary(r))
		site->has_state = r == 0;
	return site->has_state ? &site->state : NULL;
}

/* ---- files that are read when they are requested ---- */

/* Is there nothing at the path, or something that is not served: a folder, a link, a socket? */
static bool is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -ELOOP || result == -ENXIO ||
	       result == -EINVAL || result == -EFBIG;
}

/* Logs problems that concern the operator, and sets *err unless `result` is 0. Rate-limits the log: a client
 * that alternates good and bad names must not get a line per request. */
static int report(
	struct site *site, const char *what, int result, const struct error *problem, struct error *err)
{
	uint64_t now = time_mono_ms();

	/* The worker never publishes a page that is too large: log it; the next sync replaces it. */
	if ((result == -EFBIG || (result < 0 && !is_absent(result))) &&
		(site->file_logged_ms == 0 || now - site->file_logged_ms >= SITE_LOG_MS)) {
		site->file_logged_ms = now;
		log_write(LOG_WARNING, "cannot read %s: %s", what, problem->message);
	}
	if (is_absent(result))
		return error_fail(err, ERROR_NOT_FOUND, result, "%s", problem->message);
	return result < 0 ? error_set(err, result, "%s", problem->message) : 0;
}

static int fail_without(const struct directory *directory, struct error *err)
{
	return error_set(err, directory->result, "%s: %s", directory->path, strerror(-directory->result));
}

static int read_course(struct site *site, const char *file, const char *link_language, struct page **ret_page,
	struct error *err)
{
	char path[CACHE_PATH_SIZE];

	snprintf(path, sizeof(path), PUBLISHED_COURSES "/%s", file);
	return cache_read(site->cache,
		&(struct cache_file){
			.directory = site->courses,
			.name = file,
			.path = path,
			.size_max = PUBLISHED_COURSE_MAX,
			.link_language = link_language,
			.kind = { PAGE_HTML, language_name(site->options.course_language), "Accept-Encoding",
				site->options.are_courses_public ? PAGE_OPEN : PAGE_SANDBOXED },
		},
		ret_page, err);
}

/* Checks the directory at each request. Otherwise a page of a removed course would stay in memory, because no
 * client requests it any more. Opens the directory again only if another one has taken its place. */
static int follow_courses(struct site *site, const struct directory *parent, struct error *err)
{
	struct stat stat_now;

	if (fstatat(parent->fd, PUBLISHED_COURSES, &stat_now, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(
			err, -errno, "cannot examine directory " PUBLISHED_COURSES ": %s", strerror(errno));
	if (site->courses < 0 || stat_now.st_ino != site->courses_stat.st_ino ||
		stat_now.st_dev != site->courses_stat.st_dev) {
		file_closep(&site->courses);
		int r = file_open_directory(parent->fd, PUBLISHED_COURSES, &site->courses, err);
		if (r < 0)
			return r;
		if (fstat(site->courses, &stat_now) < 0)
			return error_set(err, -errno, "cannot examine directory " PUBLISHED_COURSES ": %s",
				strerror(errno));
	}
	if (!cache_is_same_file(&site->courses_stat, &stat_now))
		cache_clear(site->cache);
	site->courses_stat = stat_now;
	return 0;
}

static int find_course(struct site *site, const char *name, const char *link_language, struct page **ret_page,
	struct error *err)
{
	const struct directory *parent = site->options.are_courses_public ? &site->public : &site->output;
	CLEANUP(mem_freep) char *with_suffix = mem_printf("%s" PUBLISHED_SUFFIX, name);
	int r;

	follow_output(site, false);
	if (parent->fd < 0)
		return fail_without(parent, err);
	if ((r = follow_courses(site, parent, err)) < 0)
		return r;
	r = error_set(err, -ENOENT, "not the name of a course page");
	if (published_is_page(name))
		r = read_course(site, name, link_language, ret_page, err);
	/* A course may be called "x.html": its page is x.html.html. */
	if (r == -ENOENT && published_is_page(with_suffix))
		r = read_course(site, with_suffix, link_language, ret_page, err);
	return r;
}

int site_course(struct site *site, const char *name, const char *static_link_language, struct page **ret_page,
	struct error *err)
{
	struct error problem = { 0 };
	int result = find_course(site, name, static_link_language, ret_page, &problem);

	return report(site, "a course page", result, &problem, err);
}

int site_feed(struct site *site, const char *file, struct page **ret_page, struct error *err)
{
	bool is_calendar = strcmp(file, PUBLISHED_CALENDAR) == 0;
	struct error problem = { 0 };
	int result;

	follow_output(site, false);
	if (site->public.fd < 0)
		result = fail_without(&site->public, &problem);
	else
		result = cache_read(site->cache,
			&(struct cache_file){
				.directory = site->public.fd,
				.name = file,
				.path = file,
				.size_max = PUBLISHED_HOMEPAGE_MAX,
				.kind = { is_calendar ? "text/calendar; charset=utf-8" : "application/json",
					NULL, "Accept-Encoding", PAGE_INERT },
			},
			ret_page, &problem);
	return report(site, "a published file", result, &problem, err);
}

/* `key` is the directory's in the cache, whose paths are short. */
static int find_file(struct site *site, struct directory *root, const char *key, const char *path,
	struct page **ret_page, struct error *err)
{
	const char *slash = strchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *type = site_file_type(name);
	CLEANUP(file_closep) int folder = -1;
	char key_path[CACHE_PATH_SIZE];
	int r;

	follow(root, AT_FDCWD, false);
	if (root->fd < 0)
		return fail_without(root, err);
	if (slash) {
		CLEANUP(mem_freep) char *folder_name = mem_strndup(path, (size_t)(slash - path));
		if ((r = file_open_directory(root->fd, folder_name, &folder, err)) < 0)
			return r;
	}
	snprintf(key_path, sizeof(key_path), "%s/%s", key, path);
	return cache_read(site->cache,
		&(struct cache_file){
			.directory = slash ? folder : root->fd,
			.name = name,
			.path = key_path,
			.size_max = PUBLISHED_FILE_MAX,
			.kind = { type, NULL, "Accept-Encoding",
				strcmp(type, PAGE_HTML) == 0 ? PAGE_OPEN : PAGE_INERT },
		},
		ret_page, err);
}

int site_file(struct site *site, const char *path, struct page **ret_page, struct error *err)
{
	struct error problem = { 0 };

	if (!site_file_is_path(path))
		return error_fail(err, ERROR_NOT_FOUND, -ENOENT, "not the name of a file that is served");
	int result = find_file(site, &site->files, "site", path, ret_page, &problem);
	/* Of a directory that is missing or closed the log says so; what is shipped is there all the same. */
	if (result == -ENOENT || site->files.fd < 0)
		result = find_file(site, &site->shipped, "shipped", path, ret_page, &problem);
	return report(site, "a file of the site", result, &problem, err);
}
