/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/words.h"
#include "config/config.h"
#include "net/workerclient.h"

#define CALL_TIMEOUT_MS 120000 /* a mail server may be slow; the worker gives up earlier */

static const char *text_of(const struct json *data, const char *name)
{
	return json_string(json_get(data, name)) ?: "?";
}

static void print_mail(const struct json *data)
{
	words_print(stdout, "%s has accepted a mail to %s, Message-ID %s", text_of(data, "server"),
		text_of(data, "to"), text_of(data, "messageId"));
	puts("if the mail does not arrive, check the log of that server");
	fflush(stdout);
	if (json_get(data, "warning")) /* names the recipients that were refused */
		words_complain("%s", text_of(data, "warning"));
}

static void print_item(const struct json *data)
{
	words_print(
		stdout, "%s has accepted an item, uuid %s", text_of(data, "endpoint"), text_of(data, "uuid"));
}

/* The worker sends it, from its sandbox and with its credentials. */
static int send_test(const struct config *config, const char *target, void (*print)(const struct json *data),
	int argc, char **argv)
{
	static const char *const switches[] = { "--json", NULL };
	const struct workerclient_request request = { .socket_path = config->worker.socket,
		.method = "POST",
		.target = target,
		.timeout_ms = CALL_TIMEOUT_MS };
	CLEANUP(answer_done) struct answer answer = { 0 };
	unsigned as_json;
	int exit_code;

	if (command_switches(argc, argv, switches, &as_json, &exit_code) < 0)
		return exit_code;
	answer_call(&request, &answer);
	if (as_json)
		answer_print_json(answer.envelope);
	else if (answer.code)
		answer_complain(&answer);
	else
		print(answer.data);
	if (json_get(answer.data, "refused"))
		return COMMAND_PARTIAL;
	return answer_exit_code(&answer);
}

int command_test_mail(const struct config *config, int argc, char **argv)
{
	return send_test(config, "/internal/test-mail", print_mail, argc, argv);
}

int command_test_rollbar(const struct config *config, int argc, char **argv)
{
	return send_test(config, "/internal/test-rollbar", print_item, argc, argv);
}
