/* SPDX-License-Identifier: MIT */
#include "render/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void on_found(void *arg, const char *what, const char *text, size_t length)
{
	buf_printf(arg, "%s %.*s|", what, (int)length, text);
}

static void what_browsers_refuse_is_found(void **state)
{
	static const struct {
		const char *html, *expected;
	} rows[] = {
		/* images */
		{ "<img src=\"https://a.example/x.png\">", "the image https://a.example/x.png|" },
		{ "<IMG SRC=//a.example/x.png>", "the image //a.example/x.png|" },
		{ "<img src='\\\\a.example/x'>", "the image \\\\a.example/x|" },
		{ "<img src=\" http://a/\">", "the image  http://a/|" },
		{ "<img src=/logo.svg><img src=\"logo.svg\"><img src=\"data:image/png;base64,x\"><img src=\"\">",
			"" },
		{ "<img alt=\"a > b\" src=\"/x\" srcset=\"/a.png 1x, https://a/b.png 2x\">",
			"the image https://a/b.png|" },
		{ "<picture><source srcset=\"//a/x\"></picture>", "the image //a/x|" },
		{ "<svg><image href=\"https://a/x\"/></svg>", "the image https://a/x|" },
		{ "<video poster=\"https://a/x\"></video>", "the image https://a/x|" },
		/* this site's own address */
		{ "<img src=\"https://own.example/x.png\">", "" },
		{ "<img src=\"https://own.example.evil/x.png\">",
			"the image https://own.example.evil/x.png|" },
		/* what is never loaded */
		{ "<iframe src=\"/x.html\"></iframe>", "the frame /x.html|" },
		{ "<object data=/x></object><embed src=/y>", "the plug-in /x|the plug-in /y|" },
		{ "<video src=/x.mp4><source src=/y.mp4></video><audio src=/z>",
			"the video /x.mp4|the video /y.mp4|the audio /z|" },
		/* links */
		{ "<a href=\"https://a.example/\">x</a><link rel=alternate href=\"https://a/\">", "" },
		{ "<link rel=\"stylesheet\" href=\"https://a/x.css\">", "the style sheet https://a/x.css|" },
		{ "<link href=\"https://a/x.css\" rel=stylesheet>", "the style sheet https://a/x.css|" },
		{ "<link rel=stylesheet href=\"data:text/css,x\">", "the style sheet data:text/css,x|" },
		{ "<link rel=stylesheet href=/style.css><link rel=icon href=\"data:,\">", "" },
		{ "<link rel=\"shortcut icon\" href=\"//a/x\">", "the icon //a/x|" },
		{ "<link rel=preload as=font href=\"https://a/x.woff2\">", "the file https://a/x.woff2|" },
		{ "<form action=\"https://a/\">", "the form to https://a/|" },
		/* styles */
		{ "<style>@import \"https://a/x.css\";</style>", "the style sheet https://a/x.css|" },
		{ "<style>@import url('//a/x.css');</style>", "the file //a/x.css|" },
		{ "<style>a{background:url( \"https://a/x.png\" )}</style>", "the file https://a/x.png|" },
		{ "<style>@font-face{src:url(/x.woff2)} a{background:url(data:image/png,x)}</style>", "" },
		{ "<style>@font-face{src:url(data:font/woff2,x)}</style>", "the file data:font/woff2,x|" },
		{ "<style>/* url(https://a/x) <img src=https://a/x> */</style>", "" },
		{ "<p style=\"color:red\">x", "the style attribute style=\"color:red\"|" },
		/* scripts */
		{ "<script>ours</script>", "" },
		{ "<script>other</script>", "the script other|" },
		{ "<script>ours </script>", "the script ours |" },
		{ "<script src=\"/x.js\"></script>", "the script /x.js|" },
		{ "<script type=\"application/ld+json\">{}</script>", "" },
		{ "<script type=module>x</script>", "the script x|" },
		{ "<body onload=\"x()\">", "the event handler onload=\"x()\"|" },
		/* addresses of the page itself */
		{ "<base href=\"/x/\">", "<base> href=\"/x/\"|" },
		{ "<meta http-equiv=Refresh content=\"0;url=/\">", "<meta> http-equiv=Refresh|" },
		{ "<meta charset=utf-8><meta http-equiv=x>", "" },
		/* no elements */
		{ "<!-- <img src=https://a/x> --><img src=//b/y>", "the image //b/y|" },
		{ "a < b <3 </img src=https://a/x> <!DOCTYPE html>", "" },
		/* unfinished ones */
		{ "<", "" },
		{ "<img src=\"https://a/x", "the image https://a/x|" },
		{ "<img src=", "" },
		{ "<!-- <img src=https://a/x>", "" },
		{ "<style>url(", "" },
		{ "<script>ours", "" },
		{ "<img =\"\" src=//a/x>", "the image //a/x|" },
	};
	static const struct policy_permitted permitted = { .script = "ours",
		.origin = "https://own.example" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

		policy_scan(rows[i].html, &permitted, on_found, &out);
		if (strcmp(buf_text(&out), rows[i].expected) != 0)
			fail_msg("%s\n%s", rows[i].html, buf_text(&out));
	}
}

static void without_a_permitted_script_all_are_refused(void **state)
{
	static const struct policy_permitted none = { 0 };
	CLEANUP(buf_done) struct buf out = BUF_INIT(4096);

	(void)state;
	policy_scan("<script>ours</script><img src=\"https://own.example/x\">", &none, on_found, &out);
	assert_string_equal(buf_text(&out), "the script ours|the image https://own.example/x|");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_browsers_refuse_is_found),
		cmocka_unit_test(without_a_permitted_script_all_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
