/* SPDX-License-Identifier: MIT */
#include "hemera/member.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

#define QUOTE_MAX 40     /* bytes of a wrong value: enough to recognise it, too few to flood a report */
#define QUOTE_SIZE 512   /* every byte may become an escape of six, and the quotes */
#define CHOICES_SIZE 256 /* all choices of a member in a row */

struct check {
	const struct json *value;
	const struct member *member;
	const char *path;
	bool quotes;
};

/* Reports a wrong value and quotes the beginning of a text as a JSON string, so that no control character
 * reaches a terminal. */
static int member_wrong(const struct check *check, const char *what, struct error *err)
{
	const char *text = check->quotes ? json_string(check->value) : NULL;
	CLEANUP(buf_done) struct buf quoted = BUF_INIT(QUOTE_SIZE);

	if (text) {
		CLEANUP(mem_freep) char *beginning = mem_strndup(text, QUOTE_MAX);
		bool is_cut = strlen(text) > QUOTE_MAX;

		if (is_cut)
			utf8_trim(beginning);
		utf8_defuse(beginning);
		json_write_string(&quoted, beginning);
		buf_append_text(&quoted, is_cut ? "... " : " ");
	}
	return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s.%s: %s%s", check->path,
		check->member->name, buf_text(&quoted), what);
}

static int member_wrong_type(const struct check *check, const char *wanted, struct error *err)
{
	const char *fault = json_fault(check->value);

	if (fault)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s.%s: %s", check->path,
			check->member->name, fault);
	return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s.%s: must be %s, but is %s", check->path,
		check->member->name, wanted, json_type_name(json_type(check->value)));
}

/* *ret_text: borrowed from the value; static for a choice; NULL for null. */
static int member_read_text(const struct check *check, const char **ret_text, struct error *err)
{
	const struct member *member = check->member;
	const char *text = json_string(check->value);
	CLEANUP(buf_done) struct buf what = BUF_INIT(CHOICES_SIZE);
	int64_t unix_ms;

	*ret_text = text;
	if (!text && member->nullable && json_type(check->value) == JSON_NULL)
		return 0;
	if (!text)
		return member_wrong_type(check, "a string", err);
	switch (member->kind) {
	case MEMBER_ID:
		return member_is_id(text, (size_t)member->max) ? 0 : member_wrong(check, "is not an id", err);
	case MEMBER_SLUG:
	case MEMBER_TEXT:
		if (strlen(text) > (size_t)member->max)
			return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
				"%s.%s: longer than %lld bytes", check->path, member->name,
				(long long)member->max);
		return 0;
	case MEMBER_DATE:
	case MEMBER_TIME:
		if (time_parse(text, &unix_ms) < 0)
			return member_wrong(check, "is not a date (YYYY-MM-DDTHH:MM:SS.sssZ)", err);
		return 0;
	case MEMBER_CHOICE:
		for (const char *const *choice = member->choices; *choice; choice++) {
			*ret_text = *choice;
			if (strcmp(*choice, text) == 0)
				return 0;
		}
		for (const char *const *choice = member->choices; *choice; choice++)
			buf_printf(
				&what, "%s%s", choice == member->choices ? "is not one of " : ", ", *choice);
		return member_wrong(check, buf_text(&what), err);
	case MEMBER_COUNT:
		break; /* not a text */
	}
	return 0;
}

static int member_read_count(const struct check *check, unsigned *ret_count, struct error *err)
{
	int64_t count = json_integer(check->value, -1);

	if (json_type(check->value) != JSON_NUMBER)
		return member_wrong_type(check, "a number", err);
	if (count < 0 || count > check->member->max)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%s.%s: not an integer from 0 to %lld", check->path, check->member->name,
			(long long)check->member->max);
	*ret_count = (unsigned)count;
	return 0;
}

const char *member_text(const struct member *member, const void *record)
{
	const void *at;

	if (member->kind == MEMBER_COUNT || member->offset == MEMBER_NOT_KEPT)
		return NULL;
	at = (const char *)record + member->offset;
	return *(const char *const *)at;
}

unsigned member_count(const struct member *member, const void *record)
{
	const void *at = (const char *)record + member->offset;

	return *(const unsigned *)at;
}

int member_read(const struct json *object, const struct member_table *table, const char *path, void *record,
	struct error *err)
{
	if (json_fault(object))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s", path, json_fault(object));
	if (json_type(object) != JSON_OBJECT)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: must be an object, but is %s",
			path, json_type_name(json_type(object)));
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];
		const struct check check = { json_get(object, member->name), member, path, table->quotes };
		const char *text = NULL;
		unsigned count = 0;
		void *at;
		int r;

		if (!check.value)
			return member_wrong(&check, "missing", err);
		r = member->kind == MEMBER_COUNT ? member_read_count(&check, &count, err)
						 : member_read_text(&check, &text, err);
		if (r < 0)
			return r;
		if (member->offset == MEMBER_NOT_KEPT)
			continue;
		at = (char *)record + member->offset;
		if (member->kind == MEMBER_COUNT)
			*(unsigned *)at = count;
		else
			*(const char **)at = text;
	}
	return 0;
}

/* The text that the record must own; NULL for a choice, which is static. */
static const char *member_foreign_text(const struct member *member, const void *record)
{
	return member->kind == MEMBER_CHOICE ? NULL : member_text(member, record);
}

size_t member_own(const struct member_table *table, void *record, char **ret_block)
{
	size_t size = 0;
	char *end;

	for (size_t i = 0; i < table->count; i++) {
		const char *text = member_foreign_text(&table->members[i], record);

		size += text ? strlen(text) + 1 : 0;
	}
	*ret_block = end = mem_alloc(size);
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];
		const char *text = member_foreign_text(member, record);
		void *at;

		if (!text)
			continue;
		at = (char *)record + member->offset;
		*(const char **)at = end;
		end = stpcpy(end, text) + 1;
	}
	return size;
}

void member_write_open(struct buf *out, const struct member_table *table, const void *record)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];

		buf_append_text(out, i == 0 ? "{\"" : ",\"");
		buf_append_text(out, member->name);
		buf_append_text(out, "\":");
		if (member->kind == MEMBER_COUNT)
			buf_printf(out, "%u", member_count(member, record));
		else
			json_write_string(out, member_text(member, record));
	}
}

void member_write(struct buf *out, const struct member_table *table, const void *record)
{
	member_write_open(out, table, record);
	buf_append_char(out, '}');
}

bool member_is_equal(const struct member_table *table, const void *left, const void *right)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];
		const char *a = member_text(member, left), *b = member_text(member, right);

		if (member->kind == MEMBER_COUNT && member_count(member, left) != member_count(member, right))
			return false;
		if (a != b && (!a || !b || strcmp(a, b) != 0))
			return false;
	}
	return true;
}

bool member_is_id(const char *text, size_t length_max)
{
	static const char id_characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t length = text ? strspn(text, id_characters) : 0;

	return length > 0 && length <= length_max && text[length] == '\0';
}
