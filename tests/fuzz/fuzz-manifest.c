/* SPDX-License-Identifier: MIT */
/*
 * Any text as output/.sync-manifest.json.
 *
 * These rules must hold:
 *  - damage is reported in one line of plain text, and no data of a damaged manifest is kept;
 *  - a manifest that was read has only names, ids and hashes that are safe to use, in order, each once;
 *  - a manifest that is written can be read again, and written again it gives the same text;
 *  - no waiting mail has more than one line for its id and its recipients.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "notify/incident.h"
#include "sync/manifest.h"
#include "sync/names.h"

#define TEXT_SIZE_MAX (8 << 20)

const char fuzz_corpus[] = "manifest";

static void check_damage(int r, const struct manifest *manifest, const struct error *err)
{
	static const struct manifest empty;

	FUZZ_CHECK(r == -EBADMSG && err->message[0], "%d: %s", r, err->message);
	FUZZ_CHECK(utf8_is_text(err->message, strlen(err->message)), "%s", err->message);
	/* It is completely unchanged. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	FUZZ_CHECK(memcmp(manifest, &empty, sizeof(empty)) == 0, "something is kept: %s", err->message);
}

static void check_hash(const char *hash)
{
	FUZZ_CHECK(strlen(hash) == HASH_HEX_SIZE - 1 && strspn(hash, "0123456789abcdef") == HASH_HEX_SIZE - 1,
		"%s", hash);
}

static void check_entries(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_entry *entry = manifest->entries[i];
		const char *id = entry->course.id;

		FUZZ_CHECK(
			published_is_page(entry->name) && file_name_is_safe(entry->name), "%s", entry->name);
		FUZZ_CHECK(manifest_find(manifest, id) == entry, "%s is not found", id);
		FUZZ_CHECK(i == 0 || strcmp(manifest->entries[i - 1]->course.id, id) < 0, "%s", id);
		FUZZ_CHECK(entry->size >= 0 && entry->modified_us >= 0, "%s", id);
		FUZZ_CHECK(!entry->listed && !entry->owner && !entry->gone, "%s", id);
		check_hash(entry->hash);
	}
}

static void check_rest(const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->orphans.count; i++) {
		const char *name = manifest->orphans.items[i];

		FUZZ_CHECK(file_name_is_safe(name) && nameset_has(&manifest->orphans, name), "%s", name);
	}
	FUZZ_CHECK(!manifest->last_sync || json_type(manifest->last_sync) == JSON_OBJECT, "lastSync");
	FUZZ_CHECK(!manifest->incident || json_type(manifest->incident) == JSON_OBJECT, "incident");
}

/* A mail that is sent again must not get additional lines. */
static void check_mails(const struct manifest *manifest)
{
	struct incident_alert alert;
	struct incident_waiting waiting;

	if (incident_due(manifest->incident, &alert))
		FUZZ_CHECK(incident_is_message_id(alert.message_id), "%s", alert.message_id);
	for (size_t i = 0; incident_waiting(manifest->incident, i, &waiting); i++) {
		CLEANUP(json_freep)
		struct json *after = incident_sent(manifest->incident, waiting.message_id, 0, NULL);
		struct incident_waiting gone;

		FUZZ_CHECK(incident_is_message_id(waiting.message_id), "%s", waiting.message_id);
		FUZZ_CHECK(waiting.rest.to[0] && !strpbrk(waiting.rest.to, " \r\n"), "%s", waiting.rest.to);
		FUZZ_CHECK(waiting.rest.text[0], "no text");
		FUZZ_CHECK(!incident_waiting(after, INCIDENT_WAITING_MAX - 1, &gone), "nobody has left");
	}
}

static void check_written(const struct manifest *manifest)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_SIZE_MAX);
	CLEANUP(buf_done) struct buf second = BUF_INIT(TEXT_SIZE_MAX);
	CLEANUP(manifest_done) struct manifest again = { 0 };
	struct error err = { 0 };

	manifest_write(&text, manifest);
	FUZZ_CHECK(!buf_overflowed(&text), "%zu bytes", text.length);
	FUZZ_CHECK(manifest_parse(&again, buf_text(&text), text.length, &err) == 0, "%s: %s", err.message,
		buf_text(&text));
	FUZZ_CHECK(again.count == manifest->count && again.orphans.count == manifest->orphans.count,
		"something is lost: %s", buf_text(&text));
	manifest_write(&second, &again);
	FUZZ_CHECK(strcmp(buf_text(&text), buf_text(&second)) == 0, "%s\n--- then ---\n%s", buf_text(&text),
		buf_text(&second));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(manifest_done) struct manifest manifest = { 0 };
	CLEANUP(mem_freep) char *text = mem_alloc(size);
	struct error err = { 0 };
	int r;

	if (size > TEXT_SIZE_MAX / 8)
		return 0; /* the written text must fit its buffer */
	if (size > 0)
		memcpy(text, bytes, size);
	r = manifest_parse(&manifest, text, size, &err);
	if (r < 0) {
		check_damage(r, &manifest, &err);
		return 0;
	}
	check_entries(&manifest);
	check_rest(&manifest);
	check_mails(&manifest);
	check_written(&manifest);
	return 0;
}
