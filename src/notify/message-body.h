/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_MESSAGE_BODY_H
#define AITHER_NOTIFY_MESSAGE_BODY_H

/* What the mail of message.h says; private to notify/. */

#include <stddef.h>

struct buf;
struct json;
struct message;

/* Lines of UTF-8 that end with '\n'. */
void message_body_write(struct buf *out, const struct message *message);

/* How many courses this mail is about, and the first of them ("course c1"; borrowed, NULL: none). */
size_t message_body_courses(const struct message *message, const char **ret_first);

#endif
