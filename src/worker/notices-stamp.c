/* SPDX-License-Identifier: MIT */
#include "worker/notices-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

#define STAMP_NAME "mailed.json"
#define STAMP_SIZE_MAX 4096 /* a Message-ID and a time */

/* The first of RUNTIME_DIRECTORY, which may be several separated by colons; -1: none that can be used. With
 * DynamicUser= it is a symbolic link, which systemd has made. */
static int stamp_open_directory(void)
{
	const char *paths = getenv("RUNTIME_DIRECTORY");
	struct error err = { 0 };
	int fd = -1;

	if (!paths || *paths != '/')
		return -1;
	CLEANUP(mem_freep) char *first = mem_strndup(paths, strcspn(paths, ":"));
	CLEANUP(mem_freep) char *path = realpath(first, NULL);
	if (file_open_directory(AT_FDCWD, path ?: first, &fd, &err) < 0)
		log_write(LOG_WARNING, "RUNTIME_DIRECTORY: %s", err.message);
	return fd;
}

static void stamp_parse(struct notices_stamp *stamp, const struct buf *text)
{
	static const struct json_limits limits = {
		.size_max = STAMP_SIZE_MAX, .depth_max = 2, .node_max = 10
	};
	CLEANUP(json_freep) struct json *json = NULL;
	struct notices_stamp found = { 0 };

	if (json_parse(&json, buf_text(text), text->length, &limits, NULL) < 0)
		return;
	const char *id = json_string(json_get(json, "messageId"));
	if (!incident_is_message_id(id) ||
		time_parse(json_string(json_get(json, "mailedAt")), &found.mailed_ms) < 0)
		return;
	memcpy(found.message_id, id, strlen(id) + 1);
	*stamp = found;
}

/* A clock that was set back does not put it off. */
bool notices_stamp_is_recent(const struct notices_stamp *stamp, int64_t now_ms)
{
	return stamp->message_id[0] && stamp->mailed_ms <= now_ms &&
	       now_ms - stamp->mailed_ms < INCIDENT_PAUSE_MS;
}

void notices_stamp_read(struct notices_stamp *stamp)
{
	CLEANUP(file_closep) int directory = stamp_open_directory();
	CLEANUP(buf_done) struct buf text = BUF_INIT(STAMP_SIZE_MAX);

	if (directory >= 0 && file_read(directory, STAMP_NAME, &text, NULL, NULL) == 0)
		stamp_parse(stamp, &text);
}

void notices_stamp_write(const struct notices_stamp *stamp)
{
	CLEANUP(file_closep) int directory = stamp_open_directory();
	CLEANUP(buf_done) struct buf text = BUF_INIT(STAMP_SIZE_MAX);
	CLEANUP(json_freep) struct json *json = json_new_object();
	struct error err = { 0 };

	if (directory < 0)
		return;
	if (!stamp->message_id[0]) {
		if (unlinkat(directory, STAMP_NAME, 0) < 0 && errno != ENOENT)
			log_write(LOG_WARNING, "RUNTIME_DIRECTORY: cannot remove %s: %m", STAMP_NAME);
		return;
	}
	json_set_string(json, "messageId", stamp->message_id);
	json_set_time(json, "mailedAt", stamp->mailed_ms);
	json_write(&text, json);
	if (file_replace(directory, STAMP_NAME, buf_text(&text), text.length, 0600, &err) < 0)
		log_write(LOG_WARNING, "RUNTIME_DIRECTORY: %s", err.message);
}
