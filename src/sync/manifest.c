/* SPDX-License-Identifier: MIT */
#include "sync/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define MANIFEST_ROW_EXPECTED 256
#define MANIFEST_ENTRY_EXPECTED 512 /* bytes of an entry with a title of 40 characters */

static void manifest_entry_free(struct manifest_entry *entry)
{
	course_done(&entry->course);
	free(entry->name);
	free(entry);
}

void manifest_done(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++)
		manifest_entry_free(manifest->entries[i]);
	free(manifest->entries);
	json_free(manifest->last_sync);
	json_free(manifest->incident);
	nameset_done(&manifest->orphans);
	known_done(&manifest->known);
	*manifest = (struct manifest){ 0 };
}

static int manifest_compare_id(const void *id, const void *entry)
{
	return strcmp(id, (*(struct manifest_entry *const *)entry)->course.id);
}

static int manifest_compare(const void *a, const void *b)
{
	return manifest_compare_id((*(struct manifest_entry *const *)a)->course.id, b);
}

struct manifest_entry *manifest_find(const struct manifest *manifest, const char *id)
{
	struct manifest_entry **found = NULL;

	if (manifest->sorted > 0)
		found = bsearch(id, manifest->entries, manifest->sorted, sizeof(*found), manifest_compare_id);
	return found ? *found : NULL;
}

void manifest_entry_set_course(struct manifest_entry *entry, const struct course *course)
{
	struct course copy;

	course_copy(&copy, course);
	course_done(&entry->course);
	entry->course = copy;
}

struct manifest_entry *manifest_add(struct manifest *manifest, const struct course *course)
{
	struct manifest_entry *entry = mem_zalloc(sizeof(*entry));

	manifest_entry_set_course(entry, course);
	if (manifest->count == manifest->capacity) {
		manifest->capacity = manifest->capacity ? 2 * manifest->capacity : 64;
		manifest->entries =
			mem_resize(manifest->entries, manifest->capacity, sizeof(*manifest->entries));
	}
	manifest->entries[manifest->count++] = entry;
	return entry;
}

void manifest_sort(struct manifest *manifest)
{
	if (manifest->sorted == manifest->count)
		return;
	qsort(manifest->entries, manifest->count, sizeof(*manifest->entries), manifest_compare);
	manifest->sorted = manifest->count;
}

void manifest_filter(
	struct manifest *manifest, bool (*keep)(void *arg, const struct manifest_entry *entry), void *arg)
{
	bool sorted = manifest->sorted == manifest->count;
	size_t kept = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		struct manifest_entry *entry = manifest->entries[i];

		if (keep(arg, entry))
			manifest->entries[kept++] = entry;
		else
			manifest_entry_free(entry);
	}
	manifest->count = kept;
	manifest->sorted = sorted ? kept : 0;
}

int manifest_load(int directory, struct manifest *ret_manifest, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(MANIFEST_SIZE_MAX);
	int r = file_read(directory, MANIFEST_NAME, &text, NULL, err);

	if (r == -ENOENT || r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		return r;
	if (r < 0) {
		if (err)
			err->errnum = -EBADMSG;
		return -EBADMSG;
	}
	r = manifest_parse(ret_manifest, buf_text(&text), text.length, err);
	if (r < 0)
		error_prefix(err, "%s: ", MANIFEST_NAME);
	return r;
}

int manifest_save(int directory, struct manifest *manifest, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(MANIFEST_SIZE_MAX);

	manifest_sort(manifest);
	buf_reserve(&text,
		MANIFEST_ENTRY_EXPECTED * manifest->count + MANIFEST_ROW_EXPECTED * manifest->known.count);
	manifest_write(&text, manifest);
	if (buf_overflowed(&text))
		return error_fail(err, ERROR_OUTPUT, -EFBIG, "%s would exceed %d bytes", MANIFEST_NAME,
			MANIFEST_SIZE_MAX);
	return file_replace(directory, MANIFEST_NAME, buf_text(&text), text.length, 0600, err);
}
