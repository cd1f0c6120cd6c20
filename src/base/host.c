/* SPDX-License-Identifier: MIT */
#include "base/host.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static char host_text[HOST_NAME_SIZE] = "localhost";

static bool host_is_name(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length < HOST_NAME_SIZE && strspn(text, LETTERS_AND_DIGITS ".-") == length &&
	       strspn(text, LETTERS_AND_DIGITS) > 0;
}

static void host_take(const char *text)
{
	if (host_is_name(text))
		snprintf(host_text, sizeof(host_text), "%s", text);
}

static bool host_entry_has(const struct hostent *entry, const char *name)
{
	if (strcasecmp(entry->h_name, name) == 0)
		return true;
	for (char **alias = entry->h_aliases; *alias; alias++)
		if (strcasecmp(*alias, name) == 0)
			return true;
	return false;
}

/* gethostent reads /etc/hosts alone (gethostbyname would ask the name service, too). */
static void host_look_up(const char *name)
{
	const struct hostent *entry;

	sethostent(0);
	while ((entry = gethostent()) != NULL) {
		if (strchr(entry->h_name, '.') && host_entry_has(entry, name)) {
			host_take(entry->h_name);
			break;
		}
	}
	endhostent();
}

static void host_find(void)
{
	char name[HOST_NAME_SIZE] = "";

	/* A name that is cut is not terminated. */
	if (gethostname(name, sizeof(name) - 1) < 0)
		return;
	host_take(name);
	if (name[0] && !strchr(name, '.'))
		host_look_up(name);
}

const char *host_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, host_find);
	return host_text;
}

/* gethostent goes through all of them, for each may have more names; those of name servers have none. */
void host_load_modules(void)
{
	sethostent(0);
	while (gethostent())
		;
	endhostent();
}
