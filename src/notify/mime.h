/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_MIME_H
#define AITHER_NOTIFY_MIME_H

/*
 * Text in the form that every mail server accepts: ASCII, CRLF, short lines. The input may hold any bytes:
 * control characters become spaces and invalid UTF-8 becomes U+FFFD, so that no text can add a header.
 * Overflow shows in the buffer.
 *
 * libcurl's MIME API would not do: it makes every mail multipart, it neither folds nor encodes headers, and
 * it hands the mail to a server only, while a mail that some recipients have not got is stored as it was
 * sent.
 */

struct buf;

/* Appends "Name: text", folded at its spaces. For addresses and ids, which must be ASCII. */
void mime_header(struct buf *out, const char *name, const char *text);

/* The same for text that people read: as encoded words (RFC 2047) if it is not plain ASCII. */
void mime_header_text(struct buf *out, const char *name, const char *text);

/* The same for one address, "NAME <ADDRESS>" or bare. NAME is as people read it, and quoted or encoded here.
 */
void mime_header_mailbox(struct buf *out, const char *name, const char *mailbox);

/* Appends lines that end with '\n' as quoted-printable (RFC 2045, 6.7). */
void mime_body(struct buf *out, const char *text);

/* Appends foreign text as a part of one line of a body. */
void mime_clean(struct buf *out, const char *text);

#endif
