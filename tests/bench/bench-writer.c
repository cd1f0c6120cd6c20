/* SPDX-License-Identifier: MIT */
#include "bench-writer.h"

#include <stdlib.h>
#include <string.h>

static const struct slice entities[256] = {
	['&'] = { "&amp;", 5 },
	['<'] = { "&lt;", 4 },
	['>'] = { "&gt;", 4 },
	['"'] = { "&quot;", 6 },
	['\''] = { "&#x27;", 6 },
	['`'] = { "&#x60;", 6 },
	['='] = { "&#x3D;", 6 },
};

static void put(struct writer *writer, struct slice text)
{
	if (text.length > sizeof(writer->text) - writer->length)
		abort(); /* the data of the benchmark is too large */
	memcpy(writer->text + writer->length, text.data, text.length);
	writer->length += text.length;
}

#define PUT(writer, literal) put(writer, SLICE(literal))

/* strcspn is the fastest search in the C library (16 bytes at a time in glibc); texts end with NUL here. */
static void put_escaped(struct writer *writer, struct slice text)
{
	const char *at = text.data, *end = text.data + text.length;

	for (;;) {
		size_t plain = strcspn(at, "&<>\"'`=");

		put(writer, (struct slice){ at, plain });
		at += plain;
		if (at == end)
			return;
		put(writer, entities[(unsigned char)*at++]);
	}
}

static void put_head(struct writer *writer, const struct writer_page *page)
{
	struct slice title = page->title.length > 0 ? page->title : SLICE("Kurs ohne Titel");

	PUT(writer, "<!DOCTYPE html>\n<html lang=\"");
	put_escaped(writer, page->lang);
	PUT(writer, "\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	put_escaped(writer, title);
	PUT(writer, " · Akademie</title>\n");
	put(writer, page->style);
	PUT(writer, "<meta name=\"robots\" content=\"noindex\">\n</head>\n<body>\n<header class=\"top\">\n"
		    "<p class=\"brand\">Akademie</p>\n"
		    "<nav aria-label=\"Seiten\"><a href=\"/\">Alle Kurse</a></nav>\n</header>\n<main>\n<h1>");
	put_escaped(writer, title);
	PUT(writer, "</h1>\n");
}

static void put_time(struct writer *writer, struct slice when, struct slice text)
{
	PUT(writer, "<time datetime=\"");
	put_escaped(writer, when);
	PUT(writer, "\">");
	put_escaped(writer, text);
	PUT(writer, "</time>");
}

static void put_facts(struct writer *writer, const struct writer_page *page)
{
	PUT(writer, "<dl class=\"card facts\">\n<dt>Stufe</dt><dd><span class=\"badge\">");
	put_escaped(writer, page->level);
	PUT(writer, "</span></dd>\n<dt>Beginn</dt><dd>");
	if (page->start.length > 0)
		put_time(writer, page->start, page->start_text);
	else
		PUT(writer, "noch offen");
	PUT(writer, "</dd>\n");
	if (page->end.length > 0) {
		PUT(writer, "<dt>Ende</dt><dd>");
		put_time(writer, page->end, page->end_text);
		PUT(writer, "</dd>\n");
	}
	PUT(writer, "<dt>Teilnehmende</dt><dd>");
	put_escaped(writer, page->participant_count);
	PUT(writer, "</dd>\n</dl>\n");
}

static void put_answer(struct writer *writer, struct slice question, struct slice answer)
{
	if (answer.length == 0)
		return;
	PUT(writer, "<dl><dt>");
	put(writer, question);
	PUT(writer, "</dt><dd class=\"written\">");
	put_escaped(writer, answer);
	PUT(writer, "</dd></dl>\n");
}

static void put_participant(struct writer *writer, const struct writer_participant *participant)
{
	PUT(writer, "<li class=\"card person\">\n<header>\n<h3>");
	if (participant->name.length > 0)
		put_escaped(writer, participant->name);
	else
		PUT(writer, "<span class=\"missing\">Ohne Namen</span>");
	PUT(writer, "</h3>\n<span class=\"badge\">");
	put_escaped(writer, participant->status);
	PUT(writer, "</span>\n</header>\n");
	if (participant->completed) {
		PUT(writer, "<p class=\"lead\">Abgeschlossen: <time>");
		put_escaped(writer, participant->completed_at);
		PUT(writer, "</time></p>\n");
	}
	put_answer(writer, SLICE("Anliegen"), participant->intent);
	put_answer(writer, SLICE("Gewünschte Ergebnisse"), participant->results);
	put_answer(writer, SLICE("Vorgesetzte Person"), participant->manager);
	PUT(writer, "</li>\n");
}

void writer_put_page(struct writer *writer, const struct writer_page *page)
{
	writer->length = 0;
	put_head(writer, page);
	put_facts(writer, page);
	PUT(writer, "<section aria-labelledby=\"participants\">\n"
		    "<h2 id=\"participants\">Vorbereitungen</h2>\n");
	if (page->pending) {
		PUT(writer, "<div class=\"card\"><p class=\"empty\">Die Vorbereitungen werden noch geladen."
			    "</p></div>\n");
	} else if (page->count > 0) {
		PUT(writer, "<ul class=\"people\">\n");
		for (size_t i = 0; i < page->count; i++)
			put_participant(writer, &page->participants[i]);
		PUT(writer, "</ul>\n");
	} else {
		PUT(writer, "<div class=\"card\"><p class=\"empty\">Noch niemand angemeldet.</p></div>\n");
	}
	PUT(writer, "</section>\n</main>\n<footer class=\"end\">\n");
	if (page->generated_at.length > 0) {
		PUT(writer, "<p>Stand: <time>");
		put_escaped(writer, page->generated_at);
		PUT(writer, "</time></p>\n");
	}
	PUT(writer, "</footer>\n</body>\n</html>\n");
}
