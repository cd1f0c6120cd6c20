/* SPDX-License-Identifier: MIT */
#include "sync/manifest.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include "sync/names.h"

/* Text straight into the buffer: a tree of JSON nodes would cost 2 KB for each of 50 000 courses. */

static void write_name(struct buf *out, const char *name)
{
	buf_append_char(out, '"');
	buf_append_text(out, name);
	buf_append_text(out, "\":");
}

static void write_integer(struct buf *out, const char *name, int64_t value)
{
	write_name(out, name);
	buf_append_integer(out, value);
}

static void write_string(struct buf *out, const char *name, const char *text)
{
	write_name(out, name);
	json_write_string(out, text);
}

static void write_time(struct buf *out, const char *name, int64_t unix_ms)
{
	char text[TIME_TEXT_SIZE] = "";

	if (unix_ms)
		time_format(unix_ms, text);
	write_string(out, name, unix_ms ? text : NULL);
}

static void write_json(struct buf *out, const char *name, const struct json *json)
{
	write_name(out, name);
	if (json)
		json_write(out, json);
	else
		buf_append_text(out, "null");
}

static void write_entry(struct buf *out, const struct manifest_entry *entry)
{
	buf_append_char(out, '\n');
	json_write_string(out, entry->course.id);
	buf_append_text(out, ":{");
	write_string(out, "hash", entry->hash);
	buf_append_char(out, ',');
	write_time(out, "updatedAt", entry->updated_ms);
	/* A name of ours has no character that JSON would escape. */
	buf_append_text(out, ",\"outputPath\":\"" PUBLISHED_COURSES "/");
	buf_append_text(out, entry->name);
	buf_append_text(out, "\",");
	write_integer(out, "size", entry->size);
	buf_append_char(out, ',');
	write_integer(out, "modifiedUs", entry->modified_us);
	buf_append_char(out, ',');
	write_time(out, "seenAt", entry->seen_ms);
	if (entry->deferred)
		buf_append_text(out, ",\"deferred\":true");
	if (entry->missing > 0)
		buf_printf(out, ",\"missing\":%u", entry->missing);
	buf_append_text(out, ",\"course\":");
	course_write(out, &entry->course);
	buf_append_char(out, '}');
}

static void write_site(struct buf *out, const struct manifest *manifest)
{
	const char *separator = "";

	buf_append_text(out, "\"site\":{");
	for (int i = 0; i < LANGUAGES; i++) {
		const struct manifest_site *site = &manifest->site[i];

		if (!site->hash[0])
			continue;
		buf_printf(out, "%s\"%s\":{\"hash\":\"%s\",\"size\":%" PRId64 ",\"modifiedUs\":%" PRId64 "}",
			separator, published_homepage[i], site->hash, site->size, site->modified_us);
		separator = ",";
	}
	buf_append_text(out, "},\n");
}

static void write_orphans(struct buf *out, const struct nameset *orphans)
{
	buf_append_text(out, "\"orphans\":[");
	for (size_t i = 0; i < orphans->count; i++) {
		buf_append_text(out, i ? "," : "");
		json_write_string(out, orphans->items[i]);
	}
	buf_append_text(out, "],\n");
}

void manifest_write(struct buf *out, const struct manifest *manifest)
{
	buf_printf(out, "{\"version\":%d,\n", MANIFEST_VERSION);
	write_time(out, "lastSyncAt", manifest->last_sync_ms);
	buf_printf(out, ",\n\"durationMs\":%" PRIu64 ",\n", manifest->duration_ms);
	write_json(out, "lastSync", manifest->last_sync);
	buf_append_text(out, ",\n");
	write_time(out, "lastSuccessTime", manifest->last_success_ms);
	buf_printf(out, ",\n\"consecutiveFailures\":%u,\n", manifest->consecutive_failures);
	write_json(out, "incident", manifest->incident);
	buf_append_text(out, ",\n");
	if (manifest->hemera_templates != MANIFEST_TEMPLATES_UNKNOWN)
		buf_printf(out, "\"hemeraTemplates\":%s,\n",
			manifest->hemera_templates == MANIFEST_TEMPLATES_SOME ? "true" : "false");
	if (manifest->round_ms) {
		write_time(out, "roundStartedAt", manifest->round_ms);
		buf_append_text(out, ",\n");
	}
	write_site(out, manifest);
	write_orphans(out, &manifest->orphans);
	buf_append_text(out, "\"list\":");
	known_write(out, &manifest->known);
	buf_append_text(out, ",\n");
	buf_append_text(out, "\"entities\":{\"courses\":{");
	for (size_t i = 0; i < manifest->count; i++) {
		if (i > 0)
			buf_append_char(out, ',');
		write_entry(out, manifest->entries[i]);
	}
	buf_append_text(out, "}}}\n");
}
