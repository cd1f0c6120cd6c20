/* SPDX-License-Identifier: MIT */
#include "sync/manifest.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "hemera/member.h"
#include "sync/names.h"

static int read_bad(struct error *err, const char *name, const char *wanted)
{
	return error_set(err, -EBADMSG, "%s is not %s", name, wanted);
}

/* null and absence are 0. */
static int read_time(const struct json *object, const char *name, int64_t *ret_ms, struct error *err)
{
	const struct json *member = json_get(object, name);
	const char *text = json_string(member);

	if (!member || json_type(member) == JSON_NULL) {
		*ret_ms = 0;
		return 0;
	}
	if (!text || time_parse(text, ret_ms) < 0)
		return read_bad(err, name, "a time");
	return 0;
}

/* A whole number from 0 to max; absent: 0 where `optional`. */
static int read_integer(const struct json *object, const char *name, bool optional, int64_t max,
	int64_t *ret_value, struct error *err)
{
	const struct json *member = json_get(object, name);
	int64_t value = json_integer(member, -1);

	if (!member && optional)
		value = 0;
	if (value < 0 || value > max)
		return read_bad(err, name, "a count");
	*ret_value = value;
	return 0;
}

static int read_bool(const struct json *object, const char *name, bool *ret_value, struct error *err)
{
	const struct json *member = json_get(object, name);

	if (member && json_type(member) != JSON_BOOL)
		return read_bad(err, name, "true or false");
	*ret_value = json_bool(member, false);
	return 0;
}

static int read_hash(const struct json *object, char ret_hash[static HASH_HEX_SIZE], struct error *err)
{
	const char *text = json_string(json_get(object, "hash"));

	if (!text || strlen(text) != HASH_HEX_SIZE - 1 ||
		strspn(text, "0123456789abcdef") != HASH_HEX_SIZE - 1)
		return read_bad(err, "hash", "64 hexadecimal digits");
	memcpy(ret_hash, text, HASH_HEX_SIZE);
	return 0;
}

/* An object, or null: NULL. */
static int read_object(const struct json *object, const char *name, struct json **ret_copy, struct error *err)
{
	const struct json *member = json_get(object, name);

	if (member && json_type(member) == JSON_OBJECT)
		*ret_copy = json_copy(member);
	else if (member && json_type(member) != JSON_NULL)
		return read_bad(err, name, "an object");
	return 0;
}

static int read_path(const struct json *object, char **ret_name, struct error *err)
{
	const char *path = json_string(json_get(object, "outputPath"));
	const size_t prefix = strlen(PUBLISHED_COURSES "/");

	if (!path || strncmp(path, PUBLISHED_COURSES "/", prefix) != 0 || !published_is_page(path + prefix))
		return read_bad(err, "outputPath", "the path of a page");
	*ret_name = mem_strdup(path + prefix);
	return 0;
}

static int read_entry_members(const struct json *object, struct manifest_entry *entry, struct error *err)
{
	int64_t missing = 0;
	int r;

	if ((r = read_hash(object, entry->hash, err)) < 0 || (r = read_path(object, &entry->name, err)) < 0 ||
		(r = read_integer(object, "size", false, INT64_MAX, &entry->size, err)) < 0 ||
		(r = read_integer(object, "modifiedUs", false, INT64_MAX, &entry->modified_us, err)) < 0 ||
		(r = read_integer(object, "missing", true, UINT_MAX, &missing, err)) < 0 ||
		(r = read_time(object, "updatedAt", &entry->updated_ms, err)) < 0 ||
		(r = read_time(object, "seenAt", &entry->seen_ms, err)) < 0 ||
		(r = read_bool(object, "deferred", &entry->deferred, err)) < 0)
		return r;
	entry->missing = (unsigned)missing;
	return 0;
}

static int read_entry(const struct json *object, struct manifest *manifest, struct error *err)
{
	CLEANUP(course_done) struct course course = { 0 };
	int r = course_from_json(&course, json_get(object, "course"), "course", err);

	if (r < 0)
		return -EBADMSG;
	if (strcmp(course.id, json_name(object)) != 0)
		return read_bad(err, "course.id", "the entry's name");
	return read_entry_members(object, manifest_add(manifest, &course), err);
}

static int read_entries(
	const struct json *root, struct json_members *courses, struct manifest *manifest, struct error *err)
{
	int r = 0;

	if (json_type(json_get(json_get(root, "entities"), "courses")) != JSON_OBJECT)
		return read_bad(err, "entities.courses", "an object");
	while (r == 0) {
		CLEANUP(json_freep) struct json *object = json_members_next(courses);
		const char *id = json_name(object);

		if (!object)
			break;
		r = read_entry(object, manifest, err);
		/* What is no id may be anything: it does not go into a message. */
		if (r < 0)
			error_prefix(
				err, "course %s: ", member_is_id(id, COURSE_ID_MAX) ? id : "without an id");
	}
	manifest_sort(manifest);
	return r;
}

static int read_site(const struct json *root, struct manifest *manifest, struct error *err)
{
	const struct json *site = json_get(root, "site");

	if (json_type(site) != JSON_OBJECT)
		return read_bad(err, "site", "an object");
	for (int i = 0; i < LANGUAGES; i++) {
		const struct json *file = json_get(site, published_homepage[i]);
		struct manifest_site *entry = &manifest->site[i];
		int r;

		if (!file)
			continue;
		if ((r = read_hash(file, entry->hash, err)) < 0 ||
			(r = read_integer(file, "size", false, INT64_MAX, &entry->size, err)) < 0 ||
			(r = read_integer(file, "modifiedUs", true, INT64_MAX, &entry->modified_us, err)) < 0)
			return r;
	}
	return 0;
}

static int read_orphans(const struct json *root, struct manifest *manifest, struct error *err)
{
	const struct json *orphans = json_get(root, "orphans");

	if (json_type(orphans) != JSON_ARRAY)
		return read_bad(err, "orphans", "an array");
	JSON_FOREACH (orphan, orphans) {
		const char *name = json_string(orphan);

		if (!name || !published_is_page(name))
			return read_bad(err, "an orphan", "the name of a page");
		nameset_add(&manifest->orphans, name);
	}
	nameset_sort(&manifest->orphans);
	return 0;
}

static int read_head(const struct json *root, struct manifest *manifest, struct error *err)
{
	int64_t duration = 0, failures = 0;
	bool has_templates = false;
	int r;

	if (json_integer(json_get(root, "version"), 0) != MANIFEST_VERSION)
		return error_set(err, -EBADMSG, "not a manifest of version %d", MANIFEST_VERSION);
	if ((r = read_time(root, "lastSyncAt", &manifest->last_sync_ms, err)) < 0 ||
		(r = read_time(root, "lastSuccessTime", &manifest->last_success_ms, err)) < 0 ||
		(r = read_time(root, "roundStartedAt", &manifest->round_ms, err)) < 0 ||
		(r = read_integer(root, "durationMs", false, INT64_MAX, &duration, err)) < 0 ||
		(r = read_integer(root, "consecutiveFailures", false, UINT_MAX, &failures, err)) < 0 ||
		(r = read_object(root, "lastSync", &manifest->last_sync, err)) < 0 ||
		(r = read_object(root, "incident", &manifest->incident, err)) < 0 ||
		(r = read_bool(root, "hemeraTemplates", &has_templates, err)) < 0)
		return r;
	if (json_get(root, "hemeraTemplates"))
		manifest->hemera_templates =
			has_templates ? MANIFEST_TEMPLATES_SOME : MANIFEST_TEMPLATES_NONE;
	manifest->duration_ms = (uint64_t)duration;
	manifest->consecutive_failures = (unsigned)failures;
	return 0;
}

/* The first version did not know it: its homepage shows the courses that have pages. */
static int read_known(const struct json *root, struct manifest *manifest, struct error *err)
{
	struct known *known = &manifest->known;

	if (json_get(root, "list"))
		return known_read(json_get(root, "list"), known, err);
	known->courses = mem_zalloc((manifest->count + 1) * sizeof(*known->courses));
	for (size_t i = 0; i < manifest->count; i++)
		course_copy(&known->courses[known->count++], &manifest->entries[i]->course);
	known_sort(known);
	return 0;
}

int manifest_parse(struct manifest *ret_manifest, const char *text, size_t length, struct error *err)
{
	const struct json_limits limits = {
		.size_max = MANIFEST_SIZE_MAX, .depth_max = MANIFEST_DEPTH_MAX, .node_max = MANIFEST_NODES_MAX
	};
	struct json_members courses = { .path = (const char *const[]){ "entities", "courses", NULL } };
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	int r = json_parse_large(&root, &courses, text, length, &limits, err);

	if (r < 0)
		return -EBADMSG;
	if ((r = read_head(root, &manifest, err)) < 0 || (r = read_site(root, &manifest, err)) < 0 ||
		(r = read_orphans(root, &manifest, err)) < 0 ||
		(r = read_entries(root, &courses, &manifest, err)) < 0 ||
		(r = read_known(root, &manifest, err)) < 0)
		return r;
	*ret_manifest = manifest;
	manifest = (struct manifest){ 0 };
	return 0;
}
