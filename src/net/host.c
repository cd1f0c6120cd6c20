/* SPDX-License-Identifier: MIT */
#include "net/host.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static char host_text[HOST_NAME_SIZE] = "localhost";

/* Ignores a text that is not a host name. */
static void take(const char *text)
{
	size_t length = strlen(text);

	if (length < HOST_NAME_SIZE && strspn(text, LETTERS_AND_DIGITS ".-") == length &&
		strspn(text, LETTERS_AND_DIGITS) > 0)
		snprintf(host_text, sizeof(host_text), "%s", text);
}

static void find(void)
{
	char name[HOST_NAME_SIZE] = "";
	const struct hostent *entry;

	/* gethostname does not terminate a name that it has cut. */
	if (gethostname(name, sizeof(name) - 1) < 0)
		return;
	take(name);
	if (!name[0] || strchr(name, '.'))
		return;
	/* gethostent sends no query to name servers (gethostbyname would). */
	sethostent(0);
	while ((entry = gethostent())) {
		bool has_name = strcasecmp(entry->h_name, name) == 0;

		for (char **alias = entry->h_aliases; *alias; alias++)
			has_name |= strcasecmp(*alias, name) == 0;
		if (has_name && strchr(entry->h_name, '.')) {
			take(entry->h_name);
			break;
		}
	}
	endhostent();
}

const char *host_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find);
	return host_text;
}

/* gethostent requests the names from each module; the modules for name servers list none. */
void host_load_modules(void)
{
	sethostent(0);
	while (gethostent())
		;
	endhostent();
}
