/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_PUBLISHED_H
#define AITHER_BASE_PUBLISHED_H

/*
 * How large what is published may be: the worker writes nothing that is larger, so aither-web can serve all
 * that was written. What a template makes beyond a limit is a TEMPLATE_ERROR of the report, and the old page
 * stays.
 */

#define PUBLISHED_COURSE_MAX (4 << 20)   /* bytes of a page; 30 participants with full texts make 200 KB */
#define PUBLISHED_HOMEPAGE_MAX (8 << 20) /* in each of two languages; 5 000 courses make 2 MB */

/* All course pages together; with the homepages 256 MiB. 5 000 pages have 50 KB each, but one template cannot
 * fill the disk. */
#define PUBLISHED_COURSES_MAX (240 << 20)

#endif
