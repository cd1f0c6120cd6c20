/* SPDX-License-Identifier: MIT */
#include "render/whitespace.h"

#include <stddef.h>

#include "render/syntax.h"

/* What a statement offers its neighbours: "~" outwards, and which of its sides could stand alone. */
struct whitespace_edges {
	bool strip_left, strip_right;
	bool open_alone, close_alone; /* block: its first tag, its last tag */
	bool inline_alone;            /* comment, partial */
};

static void whitespace_body(struct body *body, bool root);

static bool whitespace_is_content(const struct statement *statement)
{
	return statement && statement->kind == STATEMENT_CONTENT;
}

/* Does the text end with a line break and whitespace? `whole`: nothing but whitespace will do as well. */
static bool whitespace_ends_line(struct slice text, bool whole)
{
	size_t space = slice_space_end(text);

	return (whole && space == text.length) ||
	       (space > 0 && memchr(text.data + text.length - space, '\n', space) != NULL);
}

static bool whitespace_begins_line(struct slice text, bool whole)
{
	size_t at = 0, length;

	while ((length = slice_space_at((struct slice){ text.data + at, text.length - at })) > 0)
		at += length;
	return (whole && at == text.length) || (at > 0 && memchr(text.data, '\n', at) != NULL);
}

/* Is what comes before a tag the end of a line? `previous` is the statement before it. */
static bool whitespace_before(const struct statement *previous, bool root)
{
	if (!previous)
		return root;
	return whitespace_is_content(previous) &&
	       whitespace_ends_line(previous->original, !previous->previous && root);
}

static bool whitespace_after(const struct statement *next, bool root)
{
	if (!next)
		return root;
	return whitespace_is_content(next) && whitespace_begins_line(next->original, !next->next && root);
}

/* Removes from the beginning of a content: all whitespace, or blanks and one line break. */
static void whitespace_omit_right(struct statement *content, bool all)
{
	struct slice text;
	size_t at = 0, length;

	if (!whitespace_is_content(content) || (!all && content->right_stripped))
		return;
	text = content->value;
	if (all) {
		while ((length = slice_space_at((struct slice){ text.data + at, text.length - at })) > 0)
			at += length;
	} else {
		while (at < text.length && (text.data[at] == ' ' || text.data[at] == '\t'))
			at++;
		if (at + 1 < text.length && text.data[at] == '\r' && text.data[at + 1] == '\n')
			at += 2;
		else if (at < text.length && (text.data[at] == '\r' || text.data[at] == '\n'))
			at++;
	}
	content->value = (struct slice){ text.data + at, text.length - at };
	content->right_stripped = at > 0;
}

/* Removes from the end of a content; true when there was something. */
static bool whitespace_omit_left(struct statement *content, bool all)
{
	size_t length;

	if (!whitespace_is_content(content) || (!all && content->left_stripped))
		return false;
	length = content->value.length;
	if (all) {
		length -= slice_space_end(content->value);
	} else {
		while (length > 0 &&
			(content->value.data[length - 1] == ' ' || content->value.data[length - 1] == '\t'))
			length--;
	}
	content->left_stripped = length < content->value.length;
	content->value.length = length;
	return content->left_stripped;
}

/* Blanks and tabs at the end of what was written before a partial. */
static struct slice whitespace_indent(struct slice text)
{
	size_t start = text.length;

	while (start > 0 && (text.data[start - 1] == ' ' || text.data[start - 1] == '\t'))
		start--;
	return (struct slice){ text.data + start, text.length - start };
}

/* What the tags inside of a block do to its branches. */
static void whitespace_inside(
	struct statement *block, struct body *body, const struct body *inverse, struct body *first_inverse)
{
	if (block->open_strip.right)
		whitespace_omit_right(body->first, true);
	if (!inverse) {
		if (block->close_strip.left)
			whitespace_omit_left(body->last, true);
		return;
	}
	if (block->inverse_strip.left)
		whitespace_omit_left(body->last, true);
	if (block->inverse_strip.right)
		whitespace_omit_right(first_inverse->first, true);
	if (block->close_strip.left)
		whitespace_omit_left(first_inverse->last, true);
	if (whitespace_before(body->last, false) && whitespace_after(first_inverse->first, false)) {
		whitespace_omit_left(body->last, false);
		whitespace_omit_right(first_inverse->first, false);
	}
}

static struct whitespace_edges whitespace_block(struct statement *block)
{
	struct body *body = block->body ? block->body : block->inverse;
	struct body *inverse = block->body ? block->inverse : NULL;
	/* The branch behind an {{else if}} is the body of the block that it opens. */
	struct body *first_inverse = inverse && inverse->chained ? inverse->first->body : inverse;
	struct whitespace_edges edges = { .strip_left = block->open_strip.left,
		.strip_right = block->close_strip.right };

	whitespace_body(body, false);
	if (inverse)
		whitespace_body(inverse, false);
	edges.open_alone = whitespace_after(body->first, false);
	edges.close_alone = whitespace_before((inverse ? first_inverse : body)->last, false);
	whitespace_inside(block, body, inverse, first_inverse);
	return edges;
}

static struct whitespace_edges whitespace_edges(struct statement *statement)
{
	bool alone = statement->kind == STATEMENT_COMMENT || statement->kind == STATEMENT_PARTIAL;

	if (statement->kind == STATEMENT_BLOCK)
		return whitespace_block(statement);
	return (struct whitespace_edges){
		.strip_left = statement->strip.left,
		.strip_right = statement->strip.right,
		.inline_alone = alone,
	};
}

static void whitespace_statement(struct statement *statement, bool root)
{
	struct whitespace_edges edges = whitespace_edges(statement);
	bool before = whitespace_before(statement->previous, root),
	     after = whitespace_after(statement->next, root);

	if (edges.strip_right)
		whitespace_omit_right(statement->next, true);
	if (edges.strip_left)
		whitespace_omit_left(statement->previous, true);
	if (edges.inline_alone && before && after) {
		whitespace_omit_right(statement->next, false);
		if (whitespace_omit_left(statement->previous, false) && statement->kind == STATEMENT_PARTIAL)
			statement->indent = whitespace_indent(statement->previous->original);
	}
	if (edges.open_alone && before) {
		whitespace_omit_right((statement->body ? statement->body : statement->inverse)->first, false);
		whitespace_omit_left(statement->previous, false);
	}
	if (edges.close_alone && after) {
		whitespace_omit_right(statement->next, false);
		whitespace_omit_left(
			(statement->inverse ? statement->inverse : statement->body)->last, false);
	}
}

static void whitespace_body(struct body *body, bool root)
{
	for (struct statement *statement = body->first; statement; statement = statement->next) {
		if (statement->kind != STATEMENT_CONTENT)
			whitespace_statement(statement, root);
	}
}

void whitespace_control(struct body *root)
{
	whitespace_body(root, true);
}
