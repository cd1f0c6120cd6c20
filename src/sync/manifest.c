/* SPDX-License-Identifier: MIT */
#include "sync/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/member.h"
#include "sync/names.h"

#define MANIFEST_ROW_EXPECTED 296
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

	if (manifest->count > 0)
		found = bsearch(id, manifest->entries, manifest->count, sizeof(*found), manifest_compare_id);
	return found ? *found : NULL;
}

static struct manifest_entry *manifest_append(struct manifest *manifest)
{
	manifest->entries = mem_grow(manifest->entries, manifest->count, sizeof(*manifest->entries));
	return manifest->entries[manifest->count++] = mem_zalloc(sizeof(struct manifest_entry));
}

struct manifest_entry *manifest_add(struct manifest *manifest, const struct course *course)
{
	struct manifest_entry *entry = manifest_append(manifest);

	course_copy(&entry->course, course);
	return entry;
}

void manifest_sort(struct manifest *manifest)
{
	if (manifest->count > 0)
		qsort(manifest->entries, manifest->count, sizeof(*manifest->entries), manifest_compare);
}

void manifest_drop_gone(struct manifest *manifest)
{
	size_t kept = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		if (manifest->entries[i]->gone)
			manifest_entry_free(manifest->entries[i]);
		else
			manifest->entries[kept++] = manifest->entries[i];
	}
	manifest->count = kept;
}

/* ---- members: reading and writing follow the same tables ---- */

enum field_kind {
	FIELD_TIME,    /* int64_t; 0 and null: never */
	FIELD_INTEGER, /* int64_t, 0 or more */
	FIELD_COUNT,   /* unsigned */
	FIELD_BOOL,
	FIELD_KNOWN,  /* an enum: 0 absent, 1 false, 2 true */
	FIELD_HASH,   /* char[HASH_HEX_SIZE] */
	FIELD_PAGE,   /* char *, owned: the page's name; the JSON has courses/ before it */
	FIELD_OBJECT, /* struct json *, owned; NULL and null: none */
	FIELD_COURSE, /* struct course, owned */
};

struct field {
	const char *name;
	enum field_kind kind;
	bool sparse;   /* left out when it is 0 */
	size_t offset; /* in the struct */
};

#define AT(member) offsetof(struct manifest, member)
static const struct field head_fields[] = {
	{ "lastSyncAt", FIELD_TIME, false, AT(last_sync_ms) },
	{ "durationMs", FIELD_INTEGER, false, AT(duration_ms) },
	{ "lastSync", FIELD_OBJECT, false, AT(last_sync) },
	{ "lastSuccessTime", FIELD_TIME, false, AT(last_success_ms) },
	{ "consecutiveFailures", FIELD_COUNT, false, AT(consecutive_failures) },
	{ "incident", FIELD_OBJECT, false, AT(incident) },
	{ "hemeraTemplates", FIELD_KNOWN, true, AT(hemera_templates) },
	{ "roundStartedAt", FIELD_TIME, true, AT(round_ms) },
};
#undef AT

#define AT(member) offsetof(struct manifest_entry, member)
static const struct field entry_fields[] = {
	{ "course", FIELD_COURSE, false, AT(course) },
	{ "hash", FIELD_HASH, false, AT(hash) },
	{ "updatedAt", FIELD_TIME, false, AT(updated_ms) },
	{ "outputPath", FIELD_PAGE, false, AT(name) },
	{ "size", FIELD_INTEGER, false, AT(size) },
	{ "modifiedUs", FIELD_INTEGER, false, AT(modified_us) },
	{ "seenAt", FIELD_TIME, false, AT(seen_ms) },
	{ "deferred", FIELD_BOOL, true, AT(deferred) },
	{ "missing", FIELD_COUNT, true, AT(missing) },
};
#undef AT

#define AT(member) offsetof(struct manifest_site, member)
static const struct field site_fields[] = {
	{ "hash", FIELD_HASH, false, AT(hash) },
	{ "size", FIELD_INTEGER, false, AT(size) },
	{ "modifiedUs", FIELD_INTEGER, true, AT(modified_us) },
};
#undef AT

static const char *const site_names[MANIFEST_SITE_FILES] = {
	[MANIFEST_HOMEPAGE_DE] = PUBLISHED_PUBLIC "/index.de.html",
	[MANIFEST_HOMEPAGE_EN] = PUBLISHED_PUBLIC "/index.en.html",
	[MANIFEST_LIST_DE] = "courses.de.html",
	[MANIFEST_LIST_EN] = "courses.en.html",
	[MANIFEST_JSON] = PUBLISHED_PUBLIC "/" PUBLISHED_JSON,
	[MANIFEST_CALENDAR] = PUBLISHED_PUBLIC "/" PUBLISHED_CALENDAR,
};

static int read_bad(struct error *err, const char *name, const char *wanted)
{
	return error_set(err, -EBADMSG, "%s is not %s", name, wanted);
}

static int read_field(const struct json *object, const struct field *field, void *record, struct error *err)
{
	const struct json *member = json_get(object, field->name);
	const char *text = json_string(member);
	const size_t folder = strlen(PUBLISHED_COURSES "/");
	int64_t number = !member && field->sparse ? 0 : json_integer(member, -1);
	bool is_absent = !member || json_type(member) == JSON_NULL;
	void *at = (char *)record + field->offset;

	switch (field->kind) {
	case FIELD_TIME:
		if (!is_absent && (!text || time_parse(text, at) < 0))
			return read_bad(err, field->name, "a time");
		return 0;
	case FIELD_INTEGER:
		if (number < 0)
			return read_bad(err, field->name, "a count");
		*(int64_t *)at = number;
		return 0;
	case FIELD_COUNT:
		if (number < 0 || number > UINT_MAX)
			return read_bad(err, field->name, "a count");
		*(unsigned *)at = (unsigned)number;
		return 0;
	case FIELD_BOOL:
	case FIELD_KNOWN:
		if (member && json_type(member) != JSON_BOOL)
			return read_bad(err, field->name, "true or false");
		if (field->kind == FIELD_BOOL)
			*(bool *)at = json_bool(member, false);
		else
			*(unsigned *)at = member ? 1 + json_bool(member, false) : 0;
		return 0;
	case FIELD_HASH:
		if (!text || strlen(text) != HASH_HEX_SIZE - 1 ||
			strspn(text, "0123456789abcdef") != HASH_HEX_SIZE - 1)
			return read_bad(err, field->name, "64 hexadecimal digits");
		memcpy(at, text, HASH_HEX_SIZE);
		return 0;
	case FIELD_PAGE:
		if (!text || strncmp(text, PUBLISHED_COURSES "/", folder) != 0 ||
			!published_is_page(text + folder))
			return read_bad(err, field->name, "the path of a page");
		*(char **)at = mem_strdup(text + folder);
		return 0;
	case FIELD_OBJECT:
		if (!is_absent && json_type(member) != JSON_OBJECT)
			return read_bad(err, field->name, "an object");
		*(struct json **)at = is_absent ? NULL : json_copy(member);
		return 0;
	case FIELD_COURSE:
		return course_from_json(at, member, field->name, err);
	}
	return 0;
}

static int read_fields(
	const struct json *object, const struct field *fields, size_t count, void *record, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = read_field(object, &fields[i], record, err);
	return r;
}

/* Returns false, and appends nothing, if the value is left out. */
static bool write_field(struct buf *out, const struct field *field, const void *record, const char *separator)
{
	const void *at = (const char *)record + field->offset;
	int64_t number = field->kind == FIELD_TIME || field->kind == FIELD_INTEGER  ? *(const int64_t *)at
			 : field->kind == FIELD_COUNT || field->kind == FIELD_KNOWN ? *(const unsigned *)at
			 : field->kind == FIELD_BOOL                                ? *(const bool *)at
										    : 1;
	char text[TIME_TEXT_SIZE];

	if (field->sparse && number == 0)
		return false;
	buf_append_text(out, separator);
	buf_append_char(out, '"');
	buf_append_text(out, field->name);
	buf_append_text(out, "\":");
	switch (field->kind) {
	case FIELD_TIME:
		if (number)
			time_format(number, text);
		json_write_string(out, number ? text : NULL);
		break;
	case FIELD_INTEGER:
	case FIELD_COUNT:
		buf_printf(out, "%" PRId64, number);
		break;
	case FIELD_BOOL:
		buf_append_text(out, number ? "true" : "false");
		break;
	case FIELD_KNOWN:
		buf_append_text(out, number == 2 ? "true" : "false");
		break;
	case FIELD_HASH:
		json_write_string(out, at);
		break;
	case FIELD_PAGE:
		/* Names of pages have no character that JSON would escape. */
		buf_append_text(out, "\"" PUBLISHED_COURSES "/");
		buf_append_text(out, *(char *const *)at);
		buf_append_char(out, '"');
		break;
	case FIELD_OBJECT:
		json_write(out, *(struct json *const *)at);
		break;
	case FIELD_COURSE:
		member_write(out, &course_table, at);
		break;
	}
	return true;
}

/* ---- reading ---- */

static int read_entries(const struct json *root, struct manifest *manifest, struct error *err)
{
	const struct json *courses = json_get(json_get(root, "entities"), "courses");

	if (json_type(courses) != JSON_OBJECT)
		return read_bad(err, "entities.courses", "an object");
	JSON_FOREACH (object, courses) {
		const char *id = json_name(object);
		struct manifest_entry *entry = manifest_append(manifest);
		int r = read_fields(object, entry_fields, ARRAY_SIZE(entry_fields), entry, err);
		if (r == 0 && strcmp(entry->course.id, id) != 0)
			r = read_bad(err, "course.id", "the entry's name");
		/* A name that is not a valid id may contain any text, so it is kept out of the message. */
		if (r < 0) {
			error_prefix(
				err, "course %s: ", member_is_id(id, COURSE_ID_MAX) ? id : "without an id");
			return -EBADMSG;
		}
	}
	manifest_sort(manifest);
	return 0;
}

int manifest_parse(struct manifest *ret_manifest, const char *text, size_t length, struct error *err)
{
	const struct json_limits limits = {
		.size_max = MANIFEST_SIZE_MAX, .depth_max = MANIFEST_DEPTH_MAX, .node_max = MANIFEST_NODES_MAX
	};
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	struct known *known = &manifest.known;
	const struct json *site, *orphans, *list;

	if (json_parse(&root, text, length, &limits, err) < 0)
		return -EBADMSG;
	if (json_integer(json_get(root, "version"), 0) != MANIFEST_VERSION)
		return error_set(err, -EBADMSG, "not a manifest of version %d", MANIFEST_VERSION);
	if (read_fields(root, head_fields, ARRAY_SIZE(head_fields), &manifest, err) < 0 ||
		read_entries(root, &manifest, err) < 0)
		return -EBADMSG;
	site = json_get(root, "site");
	if (json_type(site) != JSON_OBJECT)
		return read_bad(err, "site", "an object");
	for (int i = 0; i < MANIFEST_SITE_FILES; i++) {
		const struct json *file = json_get(site, site_names[i]);

		if (file &&
			read_fields(file, site_fields, ARRAY_SIZE(site_fields), &manifest.site[i], err) < 0)
			return -EBADMSG;
	}
	orphans = json_get(root, "orphans");
	if (json_type(orphans) != JSON_ARRAY)
		return read_bad(err, "orphans", "an array");
	JSON_FOREACH (orphan, orphans) {
		const char *name = json_string(orphan);

		if (!name || !published_is_page(name))
			return read_bad(err, "an orphan", "the name of a page");
		nameset_add(&manifest.orphans, name);
	}
	nameset_sort(&manifest.orphans);
	list = json_get(root, "list");
	if (list && known_read(list, manifest.last_sync_ms, known, err) < 0)
		return -EBADMSG;
	/* The first version wrote no list: its homepage shows the courses that have pages. */
	for (size_t i = 0; i < manifest.count && !list; i++)
		known_add(known, &manifest.entries[i]->course, manifest.last_sync_ms);
	*ret_manifest = manifest;
	manifest = (struct manifest){ 0 };
	return 0;
}

/* ---- writing, as text, because a tree of JSON nodes would need 2 KB for each course ---- */

static void write_fields(struct buf *out, const struct field *fields, size_t count, const void *record)
{
	const char *separator = "{";

	for (size_t i = 0; i < count; i++)
		if (write_field(out, &fields[i], record, separator))
			separator = ",";
	buf_append_char(out, '}');
}

void manifest_write(struct buf *out, const struct manifest *manifest)
{
	const char *separator = "";

	buf_printf(out, "{\"version\":%d", MANIFEST_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(head_fields); i++)
		write_field(out, &head_fields[i], manifest, ",\n");
	buf_append_text(out, ",\n\"site\":{");
	for (int i = 0; i < MANIFEST_SITE_FILES; i++) {
		if (!manifest->site[i].hash[0])
			continue;
		buf_printf(out, "%s\"%s\":", separator, site_names[i]);
		write_fields(out, site_fields, ARRAY_SIZE(site_fields), &manifest->site[i]);
		separator = ",";
	}
	buf_append_text(out, "},\n\"orphans\":[");
	for (size_t i = 0; i < manifest->orphans.count; i++) {
		buf_append_text(out, i ? "," : "");
		json_write_string(out, manifest->orphans.items[i]);
	}
	buf_append_text(out, "],\n\"list\":");
	known_write(out, &manifest->known);
	buf_append_text(out, ",\n\"entities\":{\"courses\":{");
	for (size_t i = 0; i < manifest->count; i++) {
		buf_append_text(out, i ? ",\n" : "\n");
		json_write_string(out, manifest->entries[i]->course.id);
		buf_append_char(out, ':');
		write_fields(out, entry_fields, ARRAY_SIZE(entry_fields), manifest->entries[i]);
	}
	buf_append_text(out, "}}}\n");
}

/* ---- the file ---- */

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
