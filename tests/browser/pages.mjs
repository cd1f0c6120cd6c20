// SPDX-License-Identifier: MIT
// What a visitor sees and can do, in Chromium. Started by ./run; the tests run one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACADEMY, ENDLESS, MANY, THREE } from "./scenes.mjs";
import {
	assertAccessible, assertNoSidewaysScrolling, assertValid, DESK, followFirstLink, hemera, HEMERA_IS_AWAY, leavesFor,
	LOCALE, password, PHONE, show, sync, visit, world,
} from "./world.mjs";

const LEVELS = {
	de: { BEGINNER: "Grundkurs", INTERMEDIATE: "Fortgeschritten", ADVANCED: "Masterclass" },
	en: { BEGINNER: "Beginner", INTERMEDIATE: "Intermediate", ADVANCED: "Advanced" },
};
const TITLE_MISSING = { de: "(ohne Titel)", en: "(untitled)" };
const DATE_MISSING = { de: "noch offen", en: "to be announced" };
const TABLE = "main table";
const BACK_OFF_MS = 30000; // Hemera is asked again 10 s after a failure

function shownDate(course, language) {
	const format = new Intl.DateTimeFormat(LOCALE[language], { dateStyle: "long", timeZone: "Europe/Berlin" });
	return course.startDate ? format.format(new Date(course.startDate)) : DATE_MISSING[language];
}

function expectedRow(course, language) {
	return [course.title || TITLE_MISSING[language], LEVELS[language][course.level], shownDate(course, language),
		String(course.participants.length)];
}

async function rowsOf(page) {
	return page.locator(`${TABLE} tbody tr`).evaluateAll((rows) => (
		rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))));
}

const byText = (a, b) => (String(a) < String(b) ? -1 : 1);

for (const language of ["de", "en"]) {
	test(`every course is shown with title, level, date and count (${language})`, async () => {
		for (const [scene, courses] of [["three", THREE], ["academy", ACADEMY], ["many", MANY]]) {
			await show("private", scene);
			await visit("private", `/?lang=${language}`, {}, async (page) => {
				const rows = await rowsOf(page);
				assert.deepEqual(rows.sort(byText), courses.map((c) => expectedRow(c, language)).sort(byText));
				const summary = await page.locator(".summary").innerText();
				assert.match(summary, new RegExp(`\\b${courses.length}\\b`));
				assert.match(summary, /\d\d:\d\d/);
			});
		}
	});
}

test("upcoming courses come first, then undated ones, and past ones are folded", async () => {
	await show("private", "academy");
	await visit("private", "/", {}, async (page) => {
		assert.deepEqual(await page.locator("h2, summary").allInnerTexts(),
			["Laufende und kommende Kurse", "Termin noch offen", "Vergangene Kurse (3)"]);
		assert.equal((await rowsOf(page))[0][0], THREE[0].title);
		const past = page.getByText("Preisgespräche im Vertrieb");
		assert.ok(!await past.isVisible());
		await page.locator("summary").click();
		assert.ok(await past.isVisible());
	});
});

test("without a course the page says so", async () => {
	await show("private", "none");
	await visit("private", "/", {}, async (page) => {
		assert.match(await page.locator("main").innerText(), /Kurse insgesamt: 0[^]*Zurzeit sind keine Kurse/);
		assert.equal(await page.locator("table, details, input:visible").count(), 0);
	});
});

test("the language follows the browser, and a link changes it", async () => {
	await show("private", "three");
	for (const [language, other, name] of [["de", "en", "English"], ["en", "de", "Deutsch"]]) {
		await visit("private", "/", { locale: LOCALE[language] }, async (page, answer) => {
			assert.equal(await page.locator("html").getAttribute("lang"), language);
			assert.equal(answer.headers()["content-language"], language);
			await page.getByRole("link", { name }).click();
			await page.waitForURL(`**/?lang=${other}`);
			assert.equal(await page.locator("html").getAttribute("lang"), other);
		});
	}
});

async function focused(page) {
	return page.evaluate(() => {
		const element = document.activeElement;
		const box = element.getBoundingClientRect();
		const lines = element.getClientRects();
		const at = document.elementFromPoint(lines[0].x + lines[0].width / 2, lines[0].y + lines[0].height / 2);
		const outline = getComputedStyle(element);
		return {
			text: element.textContent.trim(), name: element.localName,
			seen: box.top >= 0 && box.bottom <= innerHeight && element.contains(at),
			marked: outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2,
		};
	});
}

test("the keyboard reaches everything in the order of the page and opens the past courses", async () => {
	await show("open", "academy");
	for (const viewport of [PHONE, DESK]) {
		await visit("open", "/", { viewport }, async (page) => {
			const upcoming = ACADEMY.filter((c) => c.startDate > "2040").map((c) => c.title || TITLE_MISSING.de);
			const undated = ACADEMY.filter((c) => !c.startDate).map((c) => c.title);
			const expected = ["English", "", ...upcoming, ...undated, "Vergangene Kurse (3)"];
			for (const text of expected) {
				await page.keyboard.press("Tab");
				const { text: found, name, ...good } = await focused(page);
				assert.equal(found, text);
				assert.deepEqual(good, { seen: true, marked: true }, `${name} ${text}`);
			}
			await page.keyboard.press("Enter");
			assert.equal(await page.locator("details").getAttribute("open"), "");
			await page.keyboard.press("Tab");
			assert.equal((await focused(page)).text, "Preisgespräche im Vertrieb");
			await page.keyboard.press("Shift+Tab");
			await page.keyboard.press("Shift+Tab");
			assert.equal((await focused(page)).seen, true, "nothing covers what has the focus on the way back");
			await page.getByRole("link", { name: THREE[0].title }).press("Enter");
			await page.waitForURL("**/courses/gehalt.html");
			assert.equal(await page.locator("h1").innerText(), THREE[0].title);
		});
	}
});

test("the filter finds courses in all groups and gives everything back", async () => {
	await show("private", "many");
	await visit("private", "/", {}, async (page) => {
		const filter = page.getByRole("searchbox", { name: "Kurse filtern" });
		const visible = () => page.locator(`${TABLE} tbody tr:visible`).count();
		const before = await visible();
		await filter.fill("preise kleinen");
		assert.equal(await page.getByRole("status").innerText(), "0 von 500 Kursen");
		await filter.fill("oeuvre LODZ ore aero dong kommuni\u200bkation zeitplan");
		assert.equal(await page.getByRole("status").innerText(), "1 von 500 Kursen");
		for (const words of ["preise GROSSEN", "preise größen"]) {
			await filter.fill(words);
			assert.equal(await page.getByRole("status").innerText(), "20 von 500 Kursen");
		}
		assert.equal(await visible(), 20);
		await filter.fill("2018 ziele");
		assert.ok(await page.locator("details[open]").isVisible(), "past courses are unfolded for what is found there");
		assert.deepEqual(await page.locator("section:visible").count(), 0);
		await assertAccessible(page, "filtered");
		await filter.fill("");
		assert.equal(await visible(), before);
		assert.equal(await page.locator("details[open]").count(), 0);
	});
	await show("private", "three");
	await visit("private", "/", {}, async (page) => {
		assert.equal(await page.getByRole("searchbox").count(), 0, "three courses need no filter");
	});
});

test("the notice comes when Hemera goes away and leaves when it is back", async () => {
	await show("open", "three");
	await visit("open", "/", {}, async (page) => {
		const notice = page.locator(".notice");
		assert.equal(await notice.count(), 0);
		await hemera({ fault: HEMERA_IS_AWAY });
		await page.reload();
		assert.match(await notice.innerText(), /^Hemera ist zurzeit nicht erreichbar\. Stand der Angaben: .*\d\d:\d\d Uhr\.$/);
		assert.equal((await rowsOf(page)).length, 3);
		await assertAccessible(page, "with a notice");
		await page.goto(`${world.sites.open}/?lang=en`);
		assert.match(await notice.innerText(), /^Hemera cannot be reached at the moment\./);
		await hemera({ fault: null });
		const deadline = Date.now() + BACK_OFF_MS;
		do
			await page.reload();
		while (await notice.count() > 0 && Date.now() < deadline);
		assert.equal(await notice.count(), 0);
	});
});

test("what a sync has brought is there at the very next reload", async () => {
	await show("private", "three");
	await visit("private", "/", {}, async (page) => {
		await hemera({ course: { id: THREE[0].id, title: "Ganz neuer Titel" }, remove: THREE[1].id });
		await page.reload();
		assert.equal((await rowsOf(page)).length, 3);
		await sync("private");
		await page.reload();
		assert.deepEqual((await rowsOf(page)).map((row) => row[0]), ["Ganz neuer Titel", THREE[2].title]);
	});
});

test("a site that has never reached Hemera shows the fallback page, and a way to the other language", async () => {
	await visit("empty", "/", {}, async (page) => {
		assert.match(await page.locator("h1").innerText(), /nicht erreichbar/);
		await page.getByRole("link", { name: "English" }).click();
		await page.waitForURL("**/?lang=en");
		assert.match(await page.locator("h1").innerText(), /cannot be reached/);
		await page.getByRole("link", { name: "Try again" }).click();
		await page.waitForURL("**/?lang=en");
	});
});

test("a course page opens with the password and shows everybody", async () => {
	await show("private", "academy");
	await visit("private", "/courses/gehalt", { status: 401 }, async (page) => {
		assert.equal(await page.locator("h1").innerText(), "Anmeldung nötig");
	});
	await visit("private", "/courses/gehalt", password, async (page) => {
		const text = await page.locator("main").innerText();
		for (const word of [THREE[0].title, "Grundkurs", "14. März 2048", "15. März 2048", "Jana Hoffmann", "ليلى منصور",
			"(ohne Namen)", "- Marktwert kennen\n- Erfolge belegen", "Vorbereitung abgeschlossen am 20. Dezember 2047"])
			assert.ok(text.includes(word), word);
		assert.equal(await page.locator(".person").count(), THREE[0].participants.length);
		await page.getByRole("link", { name: "Alle Kurse" }).click();
		await page.waitForURL("**/");
	});
});

test("a template cannot carry a participant's name to another site", async () => {
	const elsewhere = "http://elsewhere.example";
	const markup = `<!DOCTYPE html><title>x</title><meta http-equiv="refresh" content="0;url=${elsewhere}/`
		+ "{{#each participants}}{{name}}{{/each}}\"><h1>{{course.title}}</h1>";

	await hemera({ templates: [{ id: "t", courseId: "cgehalt", lessonId: null, markup, version: 1 }] });
	try {
		for (const site of ["open", "private"])
			await show(site, "three");
		// Where nobody's data is at stake the page may: so this test would see it.
		assert.ok(await leavesFor(elsewhere, "open", "/courses/gehalt", {}));
		assert.ok(!await leavesFor(elsewhere, "private", "/courses/gehalt", password));
	} finally {
		await hemera({ templates: null });
	}
});

test("a private course page leads back to the homepage", async () => {
	await show("private", "three");
	assert.equal(await followFirstLink("private", "/courses/gehalt", password), "/");
});

test("without JavaScript everything is there but the filter", async () => {
	await show("open", "many");
	await visit("open", "/", { javaScriptEnabled: false }, async (page) => {
		assert.equal(await page.locator("tbody tr").count(), MANY.length);
		assert.ok(!await page.locator("#filter").isVisible());
		await page.locator("summary").click();
		assert.equal(await page.locator("tbody tr:visible").count(), MANY.length);
		await page.getByRole("link", { name: "English" }).click();
		await page.waitForURL("**/?lang=en");
		assert.equal(await page.locator("html").getAttribute("lang"), "en");
	});
});

test("titles that read from right to left, and words without an end, keep their place", async () => {
	await show("open", "academy");
	await visit("open", "/", { viewport: PHONE }, async (page) => {
		assert.equal(await page.getByText("فن التفاوض").evaluate((e) => getComputedStyle(e).direction), "rtl");
		const word = await page.getByText(ENDLESS).boundingBox();
		assert.ok(word.x >= 0 && word.x + word.width <= PHONE.width);
	});
	await visit("open", "/courses/arabisch", {}, async (page) => {
		assert.equal(await page.locator("h1").evaluate((e) => getComputedStyle(e).direction), "rtl");
	});
});

// Every kind of page: name, site, scene (null: as it is), path, options.
const PAGES = [
	["no course", "private", "none", "/", {}],
	["three courses", "private", "three", "/", {}],
	["academy", "open", "academy", "/", {}],
	["500 courses", "open", "many", "/", {}],
	["course page", "private", "academy", "/courses/gehalt", password],
	["course page without a title", "private", "academy", "/courses/ohne-titel", password],
	["course page with an endless title", "private", "academy", "/courses/endlos", password],
	["fallback", "empty", null, "/", {}],
	["error page", "private", null, "/nothing", { status: 404 }],
	["password needed", "private", null, "/courses/gehalt", { status: 401 }],
];

for (const [name, site, scene, path, options] of PAGES) {
	test(`${name}: accessible, valid, as wide as the window, in both languages, light and dark`, async () => {
		if (scene)
			await show(site, scene);
		const variants = [["de", "light", 1280], ["en", "dark", 1280], ["en", "light", 360], ["de", "dark", 320]];
		for (const [language, colorScheme, width] of scene === "many" ? variants.slice(1, 3) : variants) { // takes long
			const what = `${name}, ${language}, ${colorScheme}, ${width} px`;
			const more = { colorScheme, locale: LOCALE[language], viewport: { width, height: 800 } };
			await visit(site, path, { ...options, ...more }, async (page, answer) => {
				await assertValid(await answer.text(), what);
				await page.locator("details").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
				await assertNoSidewaysScrolling(page, what);
				await assertAccessible(page, what);
			});
		}
	});
}

test("on paper: a table in black on white, without the navigation", async () => {
	await show("private", "academy");
	await visit("private", "/", { colorScheme: "dark", viewport: { width: 718, height: 1000 } }, async (page) => {
		await page.emulateMedia({ media: "print", colorScheme: "dark" });
		const look = await page.evaluate(() => ({
			paper: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
			row: getComputedStyle(document.querySelector("tbody tr")).display,
		}));
		assert.deepEqual(look, { paper: "rgb(255, 255, 255)", ink: "rgb(0, 0, 0)", row: "table-row" });
		assert.equal(await page.locator("nav:visible, input:visible").count(), 0);
		await assertNoSidewaysScrolling(page, "paper");
		assert.equal((await page.pdf({ format: "A4" })).subarray(0, 5).toString(), "%PDF-");
	});
});

async function sheets(page) {
	return (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g).length;
}

test("on paper past courses are not folded, with and without JavaScript", async () => {
	await show("private", "many");
	for (const javaScriptEnabled of [true, false]) {
		await visit("private", "/", { javaScriptEnabled }, async (page) => {
			const details = page.locator("details");
			const folded = await sheets(page);
			assert.equal(await details.getAttribute("open"), null, "on the screen it is as it was");
			await page.locator("summary").click();
			assert.equal(folded, await sheets(page));
			assert.equal(await details.getAttribute("open"), "");
			assert.ok(folded > 8, `${folded} sheets`);
		});
	}
	// Browsers without ::details-content are told by the script.
	await visit("private", "/", {}, async (page) => {
		const states = await page.evaluate(() => ["beforeprint", "beforeprint", "afterprint"].map((name) => {
			dispatchEvent(new Event(name));
			return document.querySelector("details").open;
		}));
		assert.deepEqual(states, [true, true, false]);
	});
});
