/* SPDX-License-Identifier: MIT */
#ifndef AITHER_NOTIFY_MIME_H
#define AITHER_NOTIFY_MIME_H

/*
 * Writes text in the form that every mail server accepts: ASCII, CRLF, short lines. The input may contain any
 * bytes: control characters become spaces and invalid UTF-8 becomes U+FFFD, so that no text can add a header.
 * On overflow, buf_overflowed() is true for the buffer.
 *
 * libcurl's MIME API is not an alternative: it makes every mail multipart, neither folds nor encodes headers,
 * and can only pass the mail to a server. A mail that some recipients have not got must be stored exactly as
 * it was sent.
 */

struct buf;

/* Appends "Name: text", folded at spaces. For addresses and ids, which must be ASCII. */
void mime_header(struct buf *out, const char *name, const char *text);

/* Like mime_header, for text that people read: encoded words (RFC 2047) if it is not plain ASCII. */
void mime_header_text(struct buf *out, const char *name, const char *text);

/* Like mime_header, for one address: "NAME <ADDRESS>" or a bare one. NAME is plain text; this function quotes
 * or encodes it. */
void mime_header_mailbox(struct buf *out, const char *name, const char *mailbox);

/* Appends lines that end with '\n', as quoted-printable (RFC 2045, 6.7). */
void mime_body(struct buf *out, const char *text);

/* Appends text from outside, such as Hemera's, to a line of the body. */
void mime_clean(struct buf *out, const char *text);

#endif
