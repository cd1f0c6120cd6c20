/* SPDX-License-Identifier: MIT */
#include "render/syntax.h"

#include <stddef.h>

enum side { BEFORE, BEHIND };

static void whitespace_body(struct body *body, bool root);

static bool whitespace_is_content(const struct statement *statement)
{
	return statement && statement->kind == STATEMENT_CONTENT;
}

/* Does the text before a tag end a line, or the text after it begin one? `neighbour` is the statement there.
 * The beginning and the end of the template count. */
static bool whitespace_is_line_end(const struct statement *neighbour, enum side side, bool root)
{
	struct slice text;
	size_t space;

	if (!neighbour)
		return root;
	if (!whitespace_is_content(neighbour))
		return false;
	text = neighbour->original;
	space = side == BEFORE ? slice_space_end(text) : slice_space_begin(text);
	if (root && space == text.length && !(side == BEFORE ? neighbour->previous : neighbour->next))
		return true;
	return space > 0 &&
	       memchr(text.data + (side == BEFORE ? text.length - space : 0), '\n', space) != NULL;
}

/* Removes all whitespace, or blanks and one line break, from the beginning of a content. */
static void whitespace_omit_right(struct statement *content, bool all)
{
	struct slice text;
	size_t at = 0;

	if (!whitespace_is_content(content) || (!all && content->right_stripped))
		return;
	text = content->value;
	if (all) {
		at = slice_space_begin(text);
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

/* The number of blanks and tabs at the end. */
static size_t whitespace_blanks(struct slice text)
{
	size_t start = text.length;

	while (start > 0 && (text.data[start - 1] == ' ' || text.data[start - 1] == '\t'))
		start--;
	return text.length - start;
}

/* Removes all whitespace, or blanks, from the end of a content. Returns true if there was any. */
static bool whitespace_omit_left(struct statement *content, bool all)
{
	size_t space;

	if (!whitespace_is_content(content) || (!all && content->left_stripped))
		return false;
	space = all ? slice_space_end(content->value) : whitespace_blanks(content->value);
	content->value.length -= space;
	content->left_stripped = space > 0;
	return content->left_stripped;
}

/* Applies the tags of a block to its branches, and to the lines of the tags themselves. */
static void whitespace_block(struct statement *block, bool before, bool after)
{
	struct body *body = block->body ? block->body : block->inverse;
	struct body *inverse = block->body ? block->inverse : NULL;
	/* The branch after an {{else if}} is the body of the block that it opens. */
	struct body *first_inverse = inverse && inverse->chained ? inverse->first->body : inverse;
	bool open_alone, close_alone;

	whitespace_body(body, false);
	if (inverse)
		whitespace_body(inverse, false);
	open_alone = before && whitespace_is_line_end(body->first, BEHIND, false);
	close_alone = after && whitespace_is_line_end((inverse ? first_inverse : body)->last, BEFORE, false);

	if (block->open_strip.right)
		whitespace_omit_right(body->first, true);
	if (inverse) {
		if (block->inverse_strip.left)
			whitespace_omit_left(body->last, true);
		if (block->inverse_strip.right)
			whitespace_omit_right(first_inverse->first, true);
		if (block->close_strip.left)
			whitespace_omit_left(first_inverse->last, true);
		if (whitespace_is_line_end(body->last, BEFORE, false) &&
			whitespace_is_line_end(first_inverse->first, BEHIND, false)) {
			whitespace_omit_left(body->last, false);
			whitespace_omit_right(first_inverse->first, false);
		}
	} else if (block->close_strip.left) {
		whitespace_omit_left(body->last, true);
	}
	if (block->close_strip.right)
		whitespace_omit_right(block->next, true);
	if (block->open_strip.left)
		whitespace_omit_left(block->previous, true);

	if (open_alone) {
		whitespace_omit_right(body->first, false);
		whitespace_omit_left(block->previous, false);
	}
	if (close_alone) {
		whitespace_omit_right(block->next, false);
		whitespace_omit_left((block->inverse ? block->inverse : body)->last, false);
	}
}

static void whitespace_body(struct body *body, bool root)
{
	for (struct statement *statement = body->first; statement; statement = statement->next) {
		bool before = whitespace_is_line_end(statement->previous, BEFORE, root),
		     after = whitespace_is_line_end(statement->next, BEHIND, root);

		if (statement->kind == STATEMENT_CONTENT)
			continue;
		if (statement->kind == STATEMENT_BLOCK) {
			whitespace_block(statement, before, after);
			continue;
		}
		if (statement->strip.right)
			whitespace_omit_right(statement->next, true);
		if (statement->strip.left)
			whitespace_omit_left(statement->previous, true);
		if (statement->kind == STATEMENT_MUSTACHE || !before || !after)
			continue;
		whitespace_omit_right(statement->next, false);
		if (whitespace_omit_left(statement->previous, false) &&
			statement->kind == STATEMENT_PARTIAL) {
			struct slice text = statement->previous->original;
			size_t blanks = whitespace_blanks(text);

			statement->indent = (struct slice){ text.data + text.length - blanks, blanks };
		}
	}
}

void whitespace_control(struct body *root)
{
	whitespace_body(root, true);
}
