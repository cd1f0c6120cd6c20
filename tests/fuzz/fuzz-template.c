/* SPDX-License-Identifier: MIT */
/*
 * Any template over any data, with any partials. An input is a row of fields, separated by a byte 0x1e (the
 * record separator of ASCII, which no real template contains):
 *
 *	template RS data [RS name RS text]...
 *
 * The data is JSON; if it is missing or not acceptable, it is {}. Names are cut to the length of a file name;
 * fields after the last partial that fits are ignored.
 *
 * Besides the checks of the sanitizers, these rules must hold:
 *  - an error has the code ERROR_TEMPLATE and a message "file:line:column: sentence", and there is no output;
 *  - a page is valid UTF-8, within the limit, and the same each time it is rendered, even after an error;
 *  - texts only turn errors into pages; they never change a page.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "published/texts.h"
#include "render/slice.h"
#include "render/template.h"

#define FIELD_SEPARATOR 0x1e
#define PARTIALS_MAX 8
#define PARTIAL_NAME_MAX 255
#define PAGE_SIZE_MAX (64 << 10) /* small, so that this limit is reached soon and tested, too */
#define BEFORE "<before>"        /* already in the buffer */

const char fuzz_corpus[] = "template";

static const char texts_json[] =
	"{\"language\":\"en\",\"date.format\":\"{day} {month} {year}{x}\",\"greeting\":\"<Hello> & welcome\","
	"\"empty\":\"\",\"month.1\":\"January\",\"month.2\":\"February\",\"month.3\":\"March\","
	"\"month.4\":\"April\",\"month.5\":\"May\",\"month.6\":\"June\",\"month.7\":\"July\","
	"\"month.8\":\"August\",\"month.9\":\"September\",\"month.10\":\"October\","
	"\"month.11\":\"November\",\"month.12\":\"December\"}";

/* Each field is a block of exactly its size, so that the sanitizer detects a read past the end. */
struct field {
	char *bytes; /* owned */
	size_t length;
};

struct input {
	struct field template, data;
	struct template_partial partials[PARTIALS_MAX]; /* their strings are owned here */
	size_t partial_count;
};

static struct field take_field(const uint8_t **at, size_t *left)
{
	const uint8_t *end = *left > 0 ? memchr(*at, FIELD_SEPARATOR, *left) : NULL;
	size_t length = end ? (size_t)(end - *at) : *left, skip = end ? length + 1 : length;
	struct field field = { mem_alloc(length), length };

	if (length > 0)
		memcpy(field.bytes, *at, length);
	*at += skip;
	*left -= skip;
	return field;
}

static void input_read(struct input *input, const uint8_t *bytes, size_t size)
{
	input->template = take_field(&bytes, &size);
	input->data = take_field(&bytes, &size);
	while (size > 0 && input->partial_count < PARTIALS_MAX) {
		struct field name = take_field(&bytes, &size), text = take_field(&bytes, &size);

		input->partials[input->partial_count++] = (struct template_partial){
			.name = mem_strndup(
				name.bytes, name.length < PARTIAL_NAME_MAX ? name.length : PARTIAL_NAME_MAX),
			.text = text.bytes,
			.length = text.length,
		};
		free(name.bytes);
	}
}

/* Compiling only borrows the texts, so they are released before the page is rendered. */
static void input_forget_texts(struct input *input)
{
	free(STEAL(input->template.bytes));
	free(STEAL(input->data.bytes));
	for (size_t i = 0; i < input->partial_count; i++)
		free((char *)STEAL(input->partials[i].text));
}

static void input_done(struct input *input)
{
	for (size_t i = 0; i < input->partial_count; i++)
		free((char *)input->partials[i].name);
}

static const struct texts *the_texts(void)
{
	static struct texts *texts;

	if (!texts) {
		FUZZ_CHECK(time_zone_set("Europe/Berlin") == 0, "no time zones here");
		FUZZ_CHECK(texts_parse(&texts, "Site", "texts", texts_json, strlen(texts_json), NULL) == 0,
			"the texts of this test");
	}
	return texts;
}

/* Does the message begin with file:line:column: and continue? */
static bool has_position(const char *message, const char *file)
{
	size_t length = strlen(file);
	unsigned line = 0, column = 0;
	int end = 0;

	if (strncmp(message, file, length) != 0)
		return false;
	return sscanf(message + length, ":%u:%u: %n", &line, &column, &end) == 2 && end > 0 && line > 0 &&
	       column > 0 && message[length + (size_t)end] != '\0';
}

static void check_failure(const struct input *input, int r, const struct error *err)
{
	bool known = has_position(err->message, "page.hbs");

	for (size_t i = 0; i < input->partial_count && !known; i++) {
		CLEANUP(mem_freep) char *file = mem_printf("%s" TEMPLATE_SUFFIX, input->partials[i].name);

		known = has_position(err->message, file);
	}
	FUZZ_CHECK(known, "no position: \"%s\"", err->message);
	FUZZ_CHECK(r == -EBADMSG && err->errnum == r, "%d, %d: %s", r, err->errnum, err->message);
	FUZZ_CHECK(err->code == ERROR_TEMPLATE, "%s: %s", error_code_name(err->code), err->message);
}

static int render(const struct input *input, const struct template *template, const struct json *data,
	const struct texts *texts, struct buf *out)
{
	struct error err = { 0 };
	size_t fault = 0;
	int r;

	buf_append_text(out, BEFORE);
	r = template_render(template, data, texts, NULL, out, &err);
	FUZZ_CHECK(!buf_overflowed(out) && out->length <= PAGE_SIZE_MAX, "%zu bytes", out->length);
	if (r < 0) {
		check_failure(input, r, &err);
		FUZZ_CHECK(strcmp(buf_text(out), BEFORE) == 0, "output of a failure: %s", buf_text(out));
		return r;
	}
	FUZZ_CHECK(r == 0 && strncmp(buf_text(out), BEFORE, strlen(BEFORE)) == 0, "what was before is lost");
	FUZZ_CHECK(slice_is_text((struct slice){ out->data, out->length }, &fault),
		"not UTF-8, or a NUL, at %zu", fault);
	return r;
}

static void check_same(const struct buf *a, const struct buf *b)
{
	FUZZ_CHECK(a->length == b->length && memcmp(a->data, b->data, a->length) == 0,
		"%s\n--- differs ---\n%s", buf_text(a), buf_text(b));
}

static void check_pages(const struct input *input, const struct template *template, const struct json *data)
{
	CLEANUP(buf_done) struct buf plain = BUF_INIT(PAGE_SIZE_MAX);
	CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_SIZE_MAX);
	CLEANUP(buf_done) struct buf again = BUF_INIT(PAGE_SIZE_MAX);
	int without = render(input, template, data, NULL, &plain);
	int with = render(input, template, data, the_texts(), &page);

	if (without == 0) {
		FUZZ_CHECK(with == 0, "a page without texts, none with them");
		check_same(&plain, &page);
	} else if (with == 0) {
		FUZZ_CHECK(render(input, template, data, the_texts(), &again) == 0, "no page again");
		check_same(&page, &again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct json_limits limits = {
		.size_max = 1 << 20, .depth_max = JSON_DEPTH_MAX, .node_max = 10000, .infinite_numbers = true
	};
	CLEANUP(json_freep) struct json *data = NULL;
	CLEANUP(template_freep) struct template *template = NULL;
	struct input input = { 0 };
	struct template_partials partials = { .items = input.partials };
	struct error err = { 0 };
	int r;

	if (size > TEMPLATE_SIZE_MAX)
		return 0; /* "page.hbs: larger than ..." has no position; tests/unit has a test of it */
	input_read(&input, bytes, size);
	partials.count = input.partial_count;
	if (json_parse(&data, input.data.bytes, input.data.length, &limits, NULL) < 0)
		data = json_new_object();
	r = template_compile(
		&template, "page.hbs", input.template.bytes, input.template.length, &partials, &err);
	input_forget_texts(&input);
	if (r < 0) {
		check_failure(&input, r, &err);
		FUZZ_CHECK(template == NULL, "a template that does not compile: %s", err.message);
	} else {
		FUZZ_CHECK(strlen(template_hash(template)) == HASH_HEX_SIZE - 1, "the hash");
		r = template_check_partials(template, &err);
		if (r < 0)
			check_failure(&input, r, &err);
		check_pages(&input, template, data);
	}
	input_done(&input);
	return 0;
}
