/* SPDX-License-Identifier: MIT */
#ifndef AITHER_BASE_SMTP_DIALOG_H
#define AITHER_BASE_SMTP_DIALOG_H

/*
 * Private to base/smtp.c: what client and server have said (RFC 5321), line by line. libcurl tells no more of
 * a refusal than its number; here are the server's own words, and who was refused of several recipients.
 *
 *	struct smtp_dialog dialog = {0};
 *	smtp_dialog_sent(&dialog, line, length);         from libcurl's debug callback
 *	smtp_dialog_received(&dialog, line, length);
 *
 * What was sent as password is remembered to keep it out of sentences: there are servers that repeat a line
 * they dislike. smtp_dialog_done wipes it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMTP_TEMPORARY_MAX 499 /* RFC 5321, 4.2.1: 4yz may succeed later, 5yz will not */
#define SMTP_REPLY_SIZE 400    /* RFC 5321 knows lines of 512; several of them are cut to this */
#define SMTP_LINES_SIZE 380    /* the same without the number */
#define SMTP_REFUSED_SIZE 640  /* several recipients with a short reason */
#define SMTP_SECRET_SIZE 1024  /* user and password of 255 and 256 bytes, in Base64 */
#define SMTP_ADDRESS_SIZE 256

enum smtp_stage { /* the command under way, or the last one */
	SMTP_GREETING,
	SMTP_HELLO,
	SMTP_STARTTLS,
	SMTP_LOGIN,
	SMTP_SENDER,
	SMTP_RECIPIENT,
	SMTP_MESSAGE,
	SMTP_OTHER,
	SMTP_GOODBYE,
};

struct smtp_recipients {
	char text[SMTP_REFUSED_SIZE]; /* "a@x.org (550 no), b@x.org (...)" */
	char *addresses;              /* owned; all of them, separated by commas; NULL: none */
};

struct smtp_dialog {
	enum smtp_stage stage, refused_stage;
	unsigned refused_code;                    /* 0: the last command but QUIT was not refused */
	char reply[SMTP_REPLY_SIZE];              /* of the last refusal: "550 5.1.1 no such user" */
	char recipient[SMTP_ADDRESS_SIZE];        /* of the last RCPT TO */
	struct smtp_recipients deferred, refused; /* for now; for good */
	bool logged_in;                           /* or tried to */
	char secret[SMTP_SECRET_SIZE];            /* what was sent last while logging in */
	const char *password;                     /* borrowed, may be NULL */
	uint64_t goodbye_mono_ms;                 /* when QUIT was sent */
	char lines[SMTP_LINES_SIZE];              /* of the reply that is coming in */
};

void smtp_dialog_sent(struct smtp_dialog *dialog, const char *line, size_t length);
void smtp_dialog_received(struct smtp_dialog *dialog, const char *line, size_t length);
void smtp_dialog_done(struct smtp_dialog *dialog);

#endif
