/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#define MESSAGE_MAX (ERROR_MESSAGE_MAX + 256) /* the sentence of a failure and some words around it */

/* aither(1) lists them, too, except sync and deferred, which only `aither status` has. */
static const struct {
	const char *id, *question;
} QUESTIONS[] = {
	{ "units", "Does systemd start this worker?" },
	{ "port", "Can aither.socket listen, and does aither-web answer there?" },
	{ "services", "Has one of aither's services failed?" },
	{ "worker", "Does aither-worker answer?" },
	{ "restart", "Was the configuration changed after a daemon was started?" },
	{ "credentials", "Have the daemons loaded the stored secrets, and can only root read them?" },
	{ "sync-token", "Is a sync token set where others can reach the API?" },
	{ "pages-password", "Does aither-web accept the stored password?" },
	{ "tls", "Do tokens and passwords cross the network unencrypted?" },
	{ "configuration", "Are the configuration files and the environment free of mistakes?" },
	{ "hemera-api-key", "Is Hemera's API key set?" },
	{ "secrets", "Which secrets has aither-worker loaded?" },
	{ "rollbar", "Can problems be reported to Rollbar?" },
	{ "output-directory", "Can pages be written?" },
	{ "manifest", "Can the manifest, the record of the published pages, be read?" },
	{ "course-list", "Does the homepage show courses that Hemera's list lacks?" },
	{ "templates", "Do all templates compile, and load only what the page's policy permits?" },
	{ "site-files", "Are all files in FileDirectory served?" },
	{ "course-pages", "Who can open the course pages?" },
	{ "time-zone", "Is the time zone that TimeZone names installed?" },
	{ "hemera", "Does Hemera answer and accept the key?" },
	{ "clock", "Does the clock agree with Hemera's?" },
	{ "hemera-fallback", "Does FallbackURL answer and accept the key?" },
	{ "mail", "Does the mail server accept mail?" },
	{ "sync", "Did the last sync succeed?" },
	{ "deferred", "Do courses wait to be read?" },
};

static const char *const statuses[CHECK_STATUSES] = {
	[CHECK_OK] = "ok",
	[CHECK_WARNING] = "warning",
	[CHECK_FAILED] = "failed",
	[CHECK_SKIPPED] = "skipped",
};

struct json *check_add(struct json *checks, const char *id, enum check_status status, const char *remedy,
	const char *format, ...)
{
	struct json *check = json_new_object();
	char message[MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	json_set_string(check, "name", id);
	json_set_string(check, "status", statuses[status]);
	json_set_string(check, "message", message);
	json_set_string(check, "remedy", remedy);
	json_append(checks, check);
	return check;
}

void check_set_headline(struct json *check, const char *format, ...)
{
	CLEANUP(mem_freep) char *advice = check_advice(check);
	CLEANUP(mem_freep) char *headline = NULL;
	char sentence[MESSAGE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	headline = mem_printf("%s%s", sentence, advice);
	json_set_string(check, "headline", headline);
}

void check_add_all(struct json *checks, const struct json *from)
{
	JSON_FOREACH (check, from)
		json_append(checks, json_copy(check));
}

const char *check_question(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(QUESTIONS); i++)
		if (strcmp(QUESTIONS[i].id, id) == 0)
			return QUESTIONS[i].question;
	return NULL;
}

const struct json *check_find(const struct json *checks, const char *id)
{
	JSON_FOREACH (check, checks)
		if (strcmp(json_string(json_get(check, "name")) ?: "", id) == 0)
			return check;
	return NULL;
}

char *check_advice(const struct json *check)
{
	static const struct {
		const char *command, *verb;
	} verbs[] = {
		{ "journalctl ", "see" },
		{ "systemctl enable ", "start it" },
		{ "systemctl start ", "start it" },
		{ "aither set-secret ", "set one" },
		{ "aither sync --until-complete", "read them now" },
	};
	const char *remedy = json_string(json_get(check, "remedy")), *verb = "try";
	size_t length;

	if (!remedy)
		return mem_strdup("");
	length = strcspn(remedy, "\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strncmp(remedy, verbs[i].command, strlen(verbs[i].command)) == 0)
			verb = verbs[i].verb;
	/* The first of several commands does not help on its own, unless it shows the reason. */
	if (remedy[length] && strcmp(verb, "see") != 0)
		return mem_strdup("; see: aither doctor");
	return mem_printf("; %s: %.*s", verb, (int)length, remedy);
}

enum check_status check_status_of(const struct json *check)
{
	const char *status = json_string(json_get(check, "status"));

	for (int i = 0; status && i < CHECK_STATUSES; i++)
		if (strcmp(statuses[i], status) == 0)
			return (enum check_status)i;
	return CHECK_FAILED;
}

const char *check_as_root(void)
{
	return access("/usr/bin/sudo", F_OK) == 0 ? "sudo aither doctor" : "su -c 'aither doctor'";
}

/* A minimal Debian has no editor at all. Looks for the file only, as the worker's sandbox cannot execute it.
 */
char *check_edit(const char *path)
{
	static const char *const editors[] = { "editor", "nano", "vi" };
	CLEANUP(mem_freep) char *word = check_quote(path);

	for (size_t i = 0; i < ARRAY_SIZE(editors); i++) {
		CLEANUP(mem_freep) char *program = mem_printf("/usr/bin/%s", editors[i]);

		if (access(program, F_OK) == 0)
			return mem_printf("%s %s",
				access("/usr/bin/sensible-editor", F_OK) == 0 ? "sensible-editor"
									      : editors[i],
				word);
	}
	return mem_printf("apt-get install nano\nnano %s", word);
}

char *check_quote(const char *word)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-:@+,%=[]";
	CLEANUP(buf_done) struct buf out = BUF_INIT(4 * strlen(word) + 3);

	if (*word && word[strspn(word, plain)] == '\0')
		return mem_strdup(word);
	buf_append_char(&out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_append_text(&out, "'\\''");
		else
			buf_append_char(&out, *word);
	buf_append_char(&out, '\'');
	return buf_take(&out);
}
