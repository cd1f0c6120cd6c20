/* SPDX-License-Identifier: MIT */
#ifndef AITHER_RENDER_PAGE_PARTS_H
#define AITHER_RENDER_PAGE_PARTS_H

/*
 * What the data of a course page (page.c), that of the homepage (page-home.c) and the fingerprint
 * (page-fingerprint.c) have in common. Private to page*.c.
 */

struct json;
struct page_course;
struct texts;

/* The text, or "" when nothing of it is seen (utf8_is_blank): then templates see it as missing. NULL stays.
 */
const char *page_text(const char *text);

/* level, levelLabel, startDate, startDateText, endDate, endDateText, participantCount. */
void page_set_course(struct json *object, const struct page_course *course, const struct texts *texts);

#endif
