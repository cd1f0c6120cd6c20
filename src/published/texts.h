/* SPDX-License-Identifier: MIT */
#ifndef AITHER_PUBLISHED_TEXTS_H
#define AITHER_PUBLISHED_TEXTS_H

/*
 * The words of one language: templates/texts.de.json and texts.en.json, each a flat object of
 * "key": "text" that a translator can read. They also define the format of dates: "date.format" with {day},
 * {month} and {year}, and "month.1" to "month.12".
 *
 *	texts_parse(&texts, "Hemera Academy", shipped_path, shipped, length, err);   complete
 *	texts_override(texts, own_path, own, length, err);           the operator's words, key by key
 *	texts_get(texts, "error.404.title");
 *
 * "{site}" in a text is replaced with the site's name ([Site] Name) when the file is read.
 */

#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct texts;
struct time_local;

#define TEXTS_SIZE_MAX (256u << 10) /* bytes of a file; the shipped ones have 3 KB */

/* ERROR_TEMPLATE; the message begins with `name`. */
int texts_parse(struct texts **ret_texts, const char *site_name, const char *name, const char *json,
	size_t length, struct error *err);
int texts_override(struct texts *texts, const char *name, const char *json, size_t length, struct error *err);
void texts_free(struct texts *texts);
void texts_freep(struct texts **texts);

const char *texts_get(const struct texts *texts, const char *key); /* borrowed; NULL: no such key */

/* Lists the keys that only the operator's file has; index: 0, 1, 2...; NULL: no more. Such a key is misspelt,
 * unless one of the operator's own templates uses it. Borrowed. */
const char *texts_unknown(const struct texts *texts, size_t index);

const char *texts_language(const struct texts *texts); /* its member "language": "de" */
const char *texts_hash(
	const struct texts *texts); /* SHA-256 of all parsed files and of the site's name, hexadecimal */

/* "15. März 2026" for "2026-03-14T23:00:00.000Z" (day in the zone of time_zone_set). Appends nothing and
 * returns -EBADMSG for anything else. */
int texts_append_date(const struct texts *texts, const char *rfc3339, struct buf *out);
void texts_append_day(const struct texts *texts, const struct time_local *day, struct buf *out);

/* From one date to another, as short as the language permits: "8.–9. Dezember 2026", "30. März – 2. April
 * 2026". Only the first day if end is NULL, not a date, or not after the start. -EBADMSG: start is not a
 * date.
 */
int texts_append_range(const struct texts *texts, const char *start, const char *end, struct buf *out);

/* "Dezember 2026" */
void texts_append_month(const struct texts *texts, int64_t unix_ms, struct buf *out);

#endif
