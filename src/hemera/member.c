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

/* Appends the beginning of a text as a JSON string, so that no control character reaches a terminal. */
static void member_quote(struct buf *out, const char *text)
{
	CLEANUP(mem_freep) char *beginning = mem_strndup(text, QUOTE_MAX);
	bool is_cut = strlen(text) > QUOTE_MAX;

	if (is_cut)
		utf8_trim(beginning);
	utf8_defuse(beginning);
	json_write_string(out, beginning);
	if (is_cut)
		buf_append_text(out, "...");
}

static int member_wrong(const struct check *check, const char *what, struct error *err)
{
	const char *text = check->quotes ? json_string(check->value) : NULL;
	CLEANUP(buf_done) struct buf quoted = BUF_INIT(QUOTE_SIZE);

	if (text) {
		member_quote(&quoted, text);
		buf_append_char(&quoted, ' ');
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
	return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s.%s: %s where %s is due", check->path,
		check->member->name, json_type_name(json_type(check->value)), wanted);
}

static int member_wrong_choice(const struct check *check, struct error *err)
{
	CLEANUP(buf_done) struct buf what = BUF_INIT(CHOICES_SIZE);

	for (const char *const *choice = check->member->choices; *choice; choice++)
		buf_printf(
			&what, "%s%s", choice == check->member->choices ? "is not one of " : ", ", *choice);
	return member_wrong(check, buf_text(&what), err);
}

static int member_check_text(const struct check *check, const char *text, struct error *err)
{
	int64_t unix_ms;

	switch (check->member->kind) {
	case MEMBER_ID:
		if (!member_is_id(text, (size_t)check->member->max))
			return member_wrong(check, "is not an id", err);
		return 0;
	case MEMBER_TEXT:
		if (strlen(text) > (size_t)check->member->max)
			return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
				"%s.%s: longer than %lld bytes", check->path, check->member->name,
				(long long)check->member->max);
		return 0;
	case MEMBER_DATE:
		if (time_parse(text, &unix_ms) < 0)
			return member_wrong(check, "is not a date (YYYY-MM-DDTHH:MM:SS.sssZ)", err);
		return 0;
	case MEMBER_CHOICE:
		return member_choice(check->member->choices, text) ? 0 : member_wrong_choice(check, err);
	case MEMBER_COUNT:
		break; /* not a text */
	}
	return 0;
}

static int member_check_one(const struct check *check, struct error *err)
{
	enum json_type type = json_type(check->value);
	int64_t count;

	if (type == JSON_MISSING)
		return member_wrong(check, "missing", err);
	if (type == JSON_NULL && check->member->nullable)
		return 0;
	if (check->member->kind != MEMBER_COUNT) {
		if (type != JSON_STRING)
			return member_wrong_type(check, "a string", err);
		return member_check_text(check, json_string(check->value), err);
	}
	if (type != JSON_NUMBER)
		return member_wrong_type(check, "a number", err);
	count = json_integer(check->value, -1);
	if (count < 0 || count > check->member->max)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG,
			"%s.%s: not an integer from 0 to %lld", check->path, check->member->name,
			(long long)check->member->max);
	return 0;
}

int member_check(
	const struct json *object, const struct member_table *table, const char *path, struct error *err)
{
	if (json_fault(object))
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s", path, json_fault(object));
	if (json_type(object) != JSON_OBJECT)
		return error_fail(err, ERROR_HEMERA_BAD_DATA, -EBADMSG, "%s: %s where an object is due", path,
			json_type_name(json_type(object)));
	for (size_t i = 0; i < table->count; i++) {
		const struct member *member = &table->members[i];
		struct check check = { json_get(object, member->name), member, path, table->quotes };
		int r = member_check_one(&check, err);

		if (r < 0)
			return r;
	}
	return 0;
}

bool member_is_id(const char *text, size_t length_max)
{
	static const char id_characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t length = text ? strspn(text, id_characters) : 0;

	return length > 0 && length <= length_max && text[length] == '\0';
}

const char *member_choice(const char *const *choices, const char *text)
{
	for (; *choices; choices++)
		if (strcmp(*choices, text) == 0)
			return *choices;
	return NULL;
}
