/* SPDX-License-Identifier: MIT */
#include "web/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "http/http.h"
#include "web/page.h"

static const char *const months_en[] = { "January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December" };

/* With markup and %s for the time; all words are ours, so nothing is left to escape. */
static const struct {
	const char *fresh, *stale, *unknown;
} sentences[LANGUAGES] = {
	[LANGUAGE_DE] = { "<p class=\"status\">Stand: %s Uhr</p>",
		"<p class=\"notice\" role=\"status\">Hemera ist zurzeit nicht erreichbar. "
		"Stand der Angaben: %s Uhr.</p>",
		"<p class=\"notice\" role=\"status\">Hemera ist zurzeit nicht erreichbar. Gezeigt werden die "
		"zuletzt bekannten Angaben.</p>" },
	[LANGUAGE_EN] = { "<p class=\"status\">As of %s</p>",
		"<p class=\"notice\" role=\"status\">Hemera cannot be reached at the moment. This is what "
		"was known as of %s.</p>",
		"<p class=\"notice\" role=\"status\">Hemera cannot be reached at the moment. This is what "
		"was known last.</p>" },
};

static void format_time(enum web_language language, int64_t data_ms, int64_t now_ms, char *ret, size_t size)
{
	struct time_local data = time_local(data_ms), now = time_local(now_ms);
	bool today = data.day == now.day && data.month == now.month && data.year == now.year;

	if (today)
		snprintf(ret, size, "%02d:%02d", data.hour, data.minute);
	else if (language == LANGUAGE_DE)
		snprintf(ret, size, "%d.%d.%d, %02d:%02d", data.day, data.month, data.year, data.hour,
			data.minute);
	else
		snprintf(ret, size, "%d %s %d, %02d:%02d", data.day, months_en[data.month - 1], data.year,
			data.hour, data.minute);
}

/* `format` comes from the table above. */
static char *fill_in(const char *format, const char *value)
{
	const char *mark = strstr(format, "%s");

	return mem_printf("%.*s%s%s", (int)(mark - format), format, value, mark + 2);
}

char *notice_html(enum web_language language, bool is_fresh, int64_t data_ms, int64_t now_ms)
{
	char time[64];

	if (data_ms == 0)
		return mem_strdup(sentences[language].unknown);
	format_time(language, data_ms, now_ms, time, sizeof(time));
	return fill_in(is_fresh ? sentences[language].fresh : sentences[language].stale, time);
}

static const struct {
	int status; /* 0: all others */
	const char *title[LANGUAGES], *text[LANGUAGES];
} errors[] = {
	{ 401, { "Anmeldung nötig", "Sign-in needed" },
		{ "Diese Seite öffnet sich mit dem Zugangsschlüssel als Passwort; der Benutzername ist "
		  "beliebig.",
			"This page opens with the access token as the password; any user name will do." } },
	{ 403, { "Kein Zugang", "Not permitted" },
		{ "Auf diesem Server ist noch kein Zugangsschlüssel eingerichtet (aither set-secret "
		  "sync-token).",
			"No access token has been set up on this server yet (aither set-secret "
			"sync-token)." } },
	{ 404, { "Nicht gefunden", "Not found" },
		{ "Unter dieser Adresse gibt es keine Seite.", "There is no page at this address." } },
	{ 405, { "So nicht möglich", "Not possible this way" },
		{ "Diese Adresse nimmt nur andere Arten von Anfragen an.",
			"This address takes other kinds of requests only." } },
	{ 503, { "Zurzeit nicht verfügbar", "Not available at the moment" },
		{ "Bitte in einigen Augenblicken noch einmal versuchen.",
			"Please try again in a few moments." } },
	{ 0, { "Das hat nicht geklappt", "That did not work" },
		{ "Der Server konnte die Anfrage nicht beantworten.",
			"The server could not answer the request." } },
};

/* The look of templates/style.hbs, as far as a few lines need it. */
static const char error_style[] =
	":root{--paper:#f6f5f1;--ink:#20272b;--accent:#0a5a5c}"
	"@media (prefers-color-scheme:dark){:root{--paper:#14191b;--ink:#e8ebe9;--accent:#86cfca}}"
	"body{max-width:62rem;margin:0 auto;padding:1.75rem 1.5rem;background:var(--paper);color:var(--ink);"
	"font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto "
	"Sans\",Ubuntu,Cantarell,sans-serif}"
	".brand{margin:0;font-weight:600;letter-spacing:.02em;color:var(--accent)}"
	"h1{margin:2.25rem 0 .5rem;line-height:1.2}"
	"main p{max-width:44rem}"
	"a{color:var(--accent);text-underline-offset:.2em}"
	":focus-visible{outline:3px solid var(--accent);outline-offset:3px}";

void notice_error_page(struct http_response *response, enum web_language language, int status)
{
	static const char *const home[LANGUAGES] = { "Zur Startseite", "To the homepage" };
	size_t row = 0;

	while (errors[row].status != 0 && errors[row].status != status)
		row++;
	CLEANUP(mem_freep)
	char *html =
		mem_printf("<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
			   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			   "<meta name=\"color-scheme\" content=\"light dark\">\n"
			   "<title>%s · Hemera Academy</title>\n<link rel=\"icon\" href=\"data:,\">\n"
			   "<style>%s</style>\n</head>\n"
			   "<body>\n<header><p class=\"brand\">Hemera Academy</p></header>\n<main>\n"
			   "<h1>%s</h1>\n<p>%s</p>\n<p><a href=\"/\">%s</a></p>\n</main>\n</body>\n</html>\n",
			language_name(language), errors[row].title[language], error_style,
			errors[row].title[language], errors[row].text[language], home[language]);
	CLEANUP(mem_freep) char *policy = page_policy(html);
	http_response_text(response, status, "text/html; charset=utf-8", html);
	http_response_header(response, "cache-control", "no-store");
	http_response_header(response, "content-language", language_name(language));
	page_security_headers(response, policy);
}
