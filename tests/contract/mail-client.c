/* SPDX-License-Identifier: MIT */

/*
 * One call of net/smtp.h for test_smtp.py, which runs the mail server:
 *
 *	mail-client URL USER TIMEOUT_MS probe
 *	mail-client URL USER TIMEOUT_MS send FROM TO <message
 *
 * The password is in $MAIL_PASSWORD; an empty USER means no AUTH. SIGTERM cancels. Prints the name of the
 * errno or 0, the milliseconds that the call took, "later" or "-", the recipients refused for now, the
 * recipients refused for good ("-": none), and the sentence of the error.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "net/smtp.h"

#define MESSAGE_SIZE_MAX (4 << 20)

static atomic_bool cancelled;

static void on_signal(int signum)
{
	(void)signum;
	atomic_store(&cancelled, true);
}

static void read_message(struct buf *message)
{
	char bytes[65536];
	size_t count;

	while ((count = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
		buf_append(message, bytes, count);
}

static int call(
	const struct smtp_server *server, char **arguments, struct smtp_outcome *outcome, struct error *err)
{
	CLEANUP(buf_done) struct buf message = BUF_INIT(MESSAGE_SIZE_MAX);

	if (strcmp(arguments[0], "probe") == 0)
		return smtp_probe(server, err);
	read_message(&message);
	const struct smtp_mail mail = {
		.from = arguments[1], .to = arguments[2], .text = buf_text(&message), .length = message.length
	};
	return smtp_send(server, &mail, outcome, err);
}

int main(int argc, char **argv)
{
	CLEANUP(smtp_outcome_done) struct smtp_outcome outcome = { 0 };
	struct error err = { .message = "(nothing was written here)" };

	if (argc < 5 || (strcmp(argv[4], "probe") != 0 && argc != 7))
		return EXIT_FAILURE;
	const struct smtp_server server = { .url = argv[1],
		.user = *argv[2] ? argv[2] : NULL,
		.password = getenv("MAIL_PASSWORD"),
		.timeout_ms = (unsigned)strtoul(argv[3], NULL, 10),
		.cancelled = &cancelled };
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	uint64_t began_ms = time_mono_ms();
	int result = call(&server, argv + 4, &outcome, &err);
	printf("%s %u %s %s %s %s\n", result < 0 ? strerrorname_np(-result) : "0",
		(unsigned)(time_mono_ms() - began_ms), outcome.later ? "later" : "-", outcome.deferred ?: "-",
		outcome.refused ?: "-", err.message);
	return result < 0 && err.code != ERROR_NOTIFY_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}
