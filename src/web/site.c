/* SPDX-License-Identifier: MIT */
#include "web/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "published/published.h"
#include "base/time.h"
#include "http/http.h"
#include "web/page.h"
#include "web/shelf.h"

struct index {
	struct stat stat; /* of the bytes below */
	struct buf text;  /* as published; empty: none */
	char *status;     /* owned; what stands for the mark in `page` */
	bool failed;      /* logged already */
	struct page page;
};

struct site {
	char *path;
	int output;              /* -1: not there */
	int output_result;       /* of the last attempt to open it */
	struct stat output_stat; /* identity of `output` */
	uint64_t checked_ms;     /* when the path was last compared with it */
	bool output_failed;      /* logged already */
	uint64_t course_told_ms; /* when it was last logged that one cannot be read; 0: never */
	struct index index[LANGUAGES];
	struct page fallback;
	struct shelf *courses;
};

static const char fallback_text[] = "<!DOCTYPE html>\n<html lang=\"de\">\n<head>\n<meta charset=\"utf-8\">\n"
				    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Hemera "
				    "Academy</title>\n</head>\n<body>\n"
				    "<h1>Hemera Academy</h1>\n<p>Die Kurse sind zurzeit nicht verfügbar. "
				    "Bitte versuchen Sie es später noch einmal.</p>\n"
				    "<p lang=\"en\">The courses are not available at the moment. Please try "
				    "again later.</p>\n</body>\n</html>\n";

static void load_fallback(struct site *site, const char *shipped_templates)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(SITE_FALLBACK_MAX);
	CLEANUP(mem_freep) char *path = mem_printf("%s/fallback.html", shipped_templates);
	struct error err = { 0 };

	if (file_read_path(path, &text, &err) < 0) {
		log_write(LOG_WARNING, "no fallback page: %s", err.message);
		buf_clear(&text);
		buf_append_text(&text, fallback_text);
	}
	size_t length = text.length;
	page_set(&site->fallback, buf_take(&text), length, "de, en", "Accept-Encoding");
}

struct site *site_new(const char *output_directory, const char *shipped_templates)
{
	struct site *site = mem_zalloc(sizeof(*site));

	site->path = mem_strdup(output_directory);
	site->output = -1;
	for (int i = 0; i < LANGUAGES; i++)
		buf_init(&site->index[i].text, PUBLISHED_HOMEPAGE_MAX);
	load_fallback(site, shipped_templates);
	site->courses = shelf_new();
	return site;
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
	}
	page_done(&site->fallback);
	shelf_freep(&site->courses);
	file_closep(&site->output);
	mem_freep(&site->path);
	mem_freep(&site);
}

/* That we cannot look at it now says nothing of what is there: what we know of it stays. */
static bool is_passing(int result)
{
	return result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -EIO;
}

static void open_output(struct site *site)
{
	CLEANUP(file_closep) int fd = -1;
	struct error err = { 0 };
	struct stat stat_now;

	int result = file_open_directory(AT_FDCWD, site->path, &fd, &err);
	if (result == 0 && fstat(fd, &stat_now) < 0)
		result = error_set(&err, -errno, "directory %s: cannot examine: %m", site->path);
	/* Visitors see the same as before the first sync, which makes the directory. */
	if (result < 0 && result != -ENOENT && !site->output_failed)
		log_write(LOG_WARNING, "what is published cannot be read: %s", err.message);
	site->output_failed = result < 0 && result != -ENOENT;
	site->output_result = result;
	if (is_passing(result))
		return;
	file_closep(&site->output);
	if (result < 0)
		return;
	site->output_stat = stat_now;
	site->output = file_steal(&fd);
}

/* A directory that was moved away keeps its files: only its path tells. */
static void follow_output(struct site *site)
{
	uint64_t now = time_mono_ms();
	struct stat stat_now;

	if (site->output >= 0 && now - site->checked_ms < SITE_REOPEN_MS)
		return;
	site->checked_ms = now;
	if (site->output < 0 || stat(site->path, &stat_now) < 0 ||
		stat_now.st_ino != site->output_stat.st_ino || stat_now.st_dev != site->output_stat.st_dev)
		open_output(site);
}

static void forget_page(struct index *index)
{
	free(STEAL(index->status));
	page_done(&index->page);
}

/* Brings one index up to date; false: there is none. */
static bool refresh_index(struct site *site, enum language language)
{
	struct index *index = &site->index[language];
	struct error err = { 0 };
	struct stat stat_now;

	int result = fstatat(site->output, published_homepage[language], &stat_now, AT_SYMLINK_NOFOLLOW) < 0
			     ? -errno
			     : 0;
	if (result == 0 && index->text.length > 0 && shelf_is_same_file(&stat_now, &index->stat))
		return true;
	if (result == 0)
		result = file_read(
			site->output, published_homepage[language], &index->text, &index->stat, &err);
	if (result < 0 && !is_passing(result))
		buf_clear(&index->text);
	if (!is_passing(result))
		forget_page(index);
	if (result < 0 && result != -ENOENT && !index->failed)
		log_write(LOG_WARNING, "the published homepage cannot be read: %s",
			err.message[0] ? err.message : strerror(-result));
	index->failed = result < 0 && result != -ENOENT;
	return index->text.length > 0;
}

static bool has_index(const struct site *site, enum language language)
{
	return site->index[language].text.length > 0;
}

/* In this language, else in the other one; the number of the one that is there, or -1. */
static int refresh_either(struct site *site, enum language language)
{
	enum language other = language == LANGUAGE_DE ? LANGUAGE_EN : LANGUAGE_DE;

	if (site->output < 0)
		return -1;
	if (refresh_index(site, language))
		return (int)language;
	return refresh_index(site, other) ? (int)other : -1;
}

bool site_look(struct site *site, enum language language, int64_t *ret_changed_ms)
{
	follow_output(site);
	int found = refresh_either(site, language);
	if (found < 0) { /* perhaps the directory itself is new */
		open_output(site);
		found = refresh_either(site, language);
	}
	if (found < 0)
		return false;
	const struct timespec *changed = &site->index[found].stat.st_mtim;
	*ret_changed_ms = (int64_t)changed->tv_sec * 1000 + changed->tv_nsec / 1000000;
	return true;
}

struct page *site_home(struct site *site, enum language language, const char *status_html)
{
	if (!has_index(site, language))
		language = language == LANGUAGE_DE ? LANGUAGE_EN : LANGUAGE_DE;
	struct index *index = &site->index[language];
	if (index->status && strcmp(index->status, status_html) == 0)
		return &index->page;
	free(index->status);
	index->status = mem_strdup(status_html);

	const char *text = buf_text(&index->text);
	const char *mark = strstr(text, PUBLISHED_STATUS_MARK);
	size_t before = mark ? (size_t)(mark - text) : index->text.length;
	const char *after = mark ? mark + strlen(PUBLISHED_STATUS_MARK) : "";
	char *whole = mem_printf("%.*s%s%s", (int)before, text, mark ? status_html : "", after);
	page_set(&index->page, whole, strlen(whole), language_name(language),
		"Accept-Language, Accept-Encoding");
	http_body_to_file(index->page.plain);
	return &index->page;
}

struct page *site_fallback(struct site *site)
{
	return &site->fallback;
}

static int read_course(struct shelf *shelf, int courses, const char *file, const char *language,
	struct page **ret_page, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(PUBLISHED_COURSE_MAX);
	struct stat stat_now;

	if (fstatat(courses, file, &stat_now, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, -errno, PUBLISHED_COURSES "/%s: %s", file, strerror(errno));
	if ((*ret_page = shelf_find(shelf, file, &stat_now)))
		return 0;
	int result = file_read(courses, file, &text, &stat_now, err);
	if (result < 0)
		return result;
	shelf_tidy(shelf, courses);
	struct page *page = shelf_add(shelf, file, &stat_now);
	size_t length = text.length;
	page_set(page, buf_take(&text), length, language, "Accept-Encoding");
	*ret_page = page;
	return 0;
}

static int find_course(struct site *site, const char *name, const char *static_language,
	struct page **ret_page, struct error *err)
{
	CLEANUP(file_closep) int courses = -1;
	CLEANUP(mem_freep) char *with_suffix = mem_printf("%s" PUBLISHED_SUFFIX, name);
	int r = -ENOENT;

	follow_output(site);
	if (site->output < 0)
		return error_set(
			err, site->output_result, "%s: %s", site->path, strerror(-site->output_result));
	if ((r = file_open_directory(site->output, PUBLISHED_COURSES, &courses, err)) < 0)
		return r;
	r = error_set(err, -ENOENT, "not the name of a course page");
	if (published_is_page(name))
		r = read_course(site->courses, courses, name, static_language, ret_page, err);
	/* A course may be called "x.html": its page is x.html.html. */
	if (r == -ENOENT && published_is_page(with_suffix))
		r = read_course(site->courses, courses, with_suffix, static_language, ret_page, err);
	return r;
}

/* Nothing, or something that is no page: a folder, a link, a socket. */
static bool is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -ELOOP || result == -ENXIO ||
	       result == -EINVAL || result == -EFBIG;
}

/* Who asks for a good page in between must not bring about a line for each bad one. */
static void tell_course(struct site *site, const char *problem)
{
	uint64_t now = time_mono_ms();

	if (site->course_told_ms != 0 && now - site->course_told_ms < SITE_TELL_MS)
		return;
	site->course_told_ms = now;
	log_write(LOG_WARNING, "a course page cannot be read: %s", problem);
}

int site_course(struct site *site, const char *name, const char *static_language, struct page **ret_page,
	struct error *err)
{
	struct error problem = { 0 };
	int result = find_course(site, name, static_language, ret_page, &problem);

	if (result == 0)
		return 0;
	/* The worker publishes no page that is too large: report it, because the next sync makes it anew. */
	if (result == -EFBIG || !is_absent(result))
		tell_course(site, problem.message);
	if (is_absent(result))
		return error_fail(err, ERROR_NOT_FOUND, result, "%s", problem.message);
	return error_set(err, result, "%s", problem.message);
}
