// SPDX-License-Identifier: MIT
// Everything that a visitor sees and can do, in Chromium. ./run starts this; the tests run one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACADEMY, ENDLESS, FORTY, MANY, THREE } from "./scenes.mjs";
import {
	assertAccessible, assertNoSidewaysScrolling, assertValid, DESK, followLink, hemera, HEMERA_IS_AWAY, leavesFor,
	LOCALE, password, PHONE, show, sync, visit, world,
} from "./world.mjs";

const LEVELS = {
	de: { BEGINNER: "Grundkurs", INTERMEDIATE: "Fortgeschritten", ADVANCED: "Masterclass" },
	en: { BEGINNER: "Beginner", INTERMEDIATE: "Intermediate", ADVANCED: "Advanced" },
};
const TITLE_MISSING = { de: "(ohne Titel)", en: "(untitled)" };
const DATE_MISSING = { de: "noch offen", en: "to be announced" };
const TABLE = "main table";
const BACK_OFF_MS = 30000; // 10 s after a failure, aither-web tries Hemera again

// "14.–15. März 2048", abbreviated as far as months and years permit.
function shownDates({ startDate, endDate }, language) {
	const day = (text) => new Intl.DateTimeFormat(LOCALE[language], { dateStyle: "long", timeZone: "Europe/Berlin" })
		.format(new Date(text));
	const dot = language === "de" ? "." : "";
	if (!startDate)
		return DATE_MISSING[language];
	if (!endDate)
		return day(startDate);
	if (startDate.slice(0, 7) === endDate.slice(0, 7))
		return `${Number(startDate.slice(8, 10))}${dot}–${day(endDate)}`;
	return `${startDate.slice(0, 4) === endDate.slice(0, 4) ? day(startDate).replace(/ \d+$/, "") : day(startDate)} – ${day(endDate)}`;
}

function expectedRow(course, language) {
	return [course.title || TITLE_MISSING[language], LEVELS[language][course.level], shownDates(course, language),
		String(course.participants.length)];
}

// Leaves out the headings of months, the mark of running courses and further links.
async function rowsOf(page) {
	return page.locator(`${TABLE} tbody tr:not(.month)`).evaluateAll((rows) => rows.map((row) => (
		["th :is(bdi, .missing)", "td .badge", "td.date :is(time, .missing)", "td.number"].map((part) => (
			row.querySelector(part).textContent.trim())))));
}

const titlesOf = async (page) => page.locator(`${TABLE} tbody tr:not(.month):visible th :is(bdi, .missing)`).allInnerTexts();

const COLUMNS = ["Kurs", "Niveau", "Termin", "Teilnehmende"];
const byText = (a, b) => (String(a) < String(b) ? -1 : 1);

for (const language of ["de", "en"]) {
	test(`every course is shown with title, level, date and count (${language})`, async () => {
		for (const [scene, courses] of [["three", THREE], ["academy", ACADEMY], ["forty", FORTY], ["many", MANY]]) {
			await show("private", scene);
			await visit("private", `/?lang=${language}`, {}, async (page) => {
				const rows = await rowsOf(page);
				assert.deepEqual(rows.sort(byText), courses.map((c) => expectedRow(c, language)).sort(byText));
				const summary = await page.locator(".summary").innerText();
				const current = courses.filter(({ startDate, endDate }) => !startDate || (endDate ?? startDate) > "2040").length;
				assert.match(summary, new RegExp(`^${current} ${language === "de" ? "aktuelle Kurse" : "current courses"}\\b`));
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
		assert.deepEqual((await titlesOf(page)).slice(0, 2), ["Führen ohne Weisung", THREE[0].title]);
		assert.deepEqual(await page.locator("tr:has(.running) bdi").allInnerTexts(), ["Führen ohne Weisung"]);
		assert.equal(await page.locator(".next").innerText(), `Nächster Kurs: ${THREE[0].title}, 14.–15. März 2048`);
		const past = page.getByText("Preisgespräche im Vertrieb");
		assert.ok(!await past.isVisible());
		await page.locator("summary").click();
		assert.ok(await past.isVisible());
	});
});

test("without a course the page says so", async () => {
	await show("private", "none");
	await visit("private", "/", {}, async (page) => {
		assert.match(await page.locator("main").innerText(), /Keine aktuellen Kurse[^]*Zurzeit sind keine Kurse/);
		assert.equal(await page.locator("table, details, .next, input:visible").count(), 0);
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
			text: element.localName === "select" ? "(levels)" : element.textContent.trim(), name: element.localName,
			seen: box.top >= 0 && box.bottom <= innerHeight && element.contains(at),
			marked: outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2,
		};
	});
}

test("the keyboard reaches everything in the order of the page and opens the past courses", async () => {
	await show("open", "academy");
	for (const viewport of [PHONE, DESK]) {
		await visit("open", "/", { viewport }, async (page) => {
			const book = (courses) => courses.flatMap((c) => [c.title || TITLE_MISSING.de, "Anmeldung"]);
			const current = ACADEMY.filter((c) => (c.endDate ?? c.startDate) > "2040");
			current.sort((a, b) => byText(a.startDate, b.startDate));
			const undated = ACADEMY.filter((c) => !c.startDate);
			const expected = ["", "English", THREE[0].title, "", "(levels)", ...COLUMNS, ...book(current), ...COLUMNS,
				...book(undated), "Vergangene Kurse (3)"];
			for (const text of expected) {
				await page.keyboard.press("Tab");
				const { text: found, name, ...good } = await focused(page);
				assert.equal(found, text);
				assert.deepEqual(good, { seen: true, marked: true }, `${name} ${text}`);
			}
			await page.keyboard.press("Enter");
			assert.equal(await page.locator("details").getAttribute("open"), "");
			for (const text of [...COLUMNS, "Preisgespräche im Vertrieb"]) {
				await page.keyboard.press("Tab");
				assert.equal((await focused(page)).text, text);
			}
			for (let i = 0; i < 6; i++)
				await page.keyboard.press("Shift+Tab");
			assert.equal((await focused(page)).seen, true, "nothing covers what has the focus on the way back");
			await page.locator("tbody").getByRole("link", { name: THREE[0].title, exact: true }).press("Enter");
			await page.waitForURL("**/courses/gehalt.html?lang=de");
			assert.equal(await page.locator("h1").innerText(), THREE[0].title);
		});
	}
});

test("the filter finds courses in all groups and gives everything back", async () => {
	await show("private", "many");
	await visit("private", "/", {}, async (page) => {
		const filter = page.getByRole("searchbox", { name: "Kurse filtern" });
		const visible = () => page.locator(`${TABLE} tbody tr:not(.month):visible`).count();
		const before = await visible();
		await filter.fill("preise kleinen");
		assert.equal(await page.getByRole("status").innerText(), "Kein passender Kurs gefunden.");
		assert.equal(await page.locator("table:visible, h2:visible, summary:visible").count(), 0);
		await assertAccessible(page, "nothing found");
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

test("the level is a filter of its own", async () => {
	await show("private", "forty");
	await visit("private", "/?lang=en", {}, async (page) => {
		const level = page.getByRole("combobox", { name: "Level" });
		const expected = (code, words) => FORTY.filter((c) => c.level === code && c.title.includes(words)).length;
		await level.selectOption("Advanced");
		assert.equal(await page.getByRole("status").innerText(), `${expected("ADVANCED", "")} of 41 courses`);
		await page.getByRole("searchbox").fill("verhandeln");
		assert.equal(await page.getByRole("status").innerText(), `${expected("ADVANCED", "Verhandeln")} of 41 courses`);
		assert.ok((await rowsOf(page)).length === 41);
		assert.ok((await titlesOf(page)).every((title) => title.startsWith("Verhandeln")));
		assert.equal(await page.locator(".month:visible").count(),
			await page.locator("tbody:has(.month):has(tr:not(.month):visible)").count(), "a month without courses has no heading");
		await level.selectOption("All levels");
		await page.getByRole("searchbox").fill("");
		assert.equal(await page.getByRole("status").innerText(), "");
	});
});

test("many courses are grouped by month, and headings sort them, also with a keyboard and on a telephone", async () => {
	await show("private", "forty");
	for (const viewport of [DESK, PHONE]) {
		await visit("private", "/", { viewport }, async (page) => {
			const order = await titlesOf(page);
			const sortOf = (name) => page.getByRole("columnheader", { name }).first().getAttribute("aria-sort");
			const months = page.locator(".month:visible");
			const press = async (name) => {
				await page.getByRole("button", { name }).first().focus();
				await page.keyboard.press("Enter");
			};
			const current = async () => page.locator("section >> nth=0").locator("tbody tr:not(.month)").evaluateAll((rows) => (
				rows.map((row) => [row.querySelector("bdi").textContent, Number(row.querySelector(".number").textContent)])));
			assert.equal(await months.count(), 11);
			assert.equal(await months.nth(1).innerText(), "Januar 2048");
			assert.equal(await page.getByRole("rowheader", { name: "Januar 2048" }).getAttribute("scope"), "rowgroup");

			await press("Kurs");
			assert.equal(await sortOf("Kurs"), "ascending");
			assert.equal(await months.count(), 0, "months say nothing among titles");
			const titles = (await current()).map(([title]) => title);
			assert.deepEqual(titles, [...titles].sort(new Intl.Collator("de", { numeric: true }).compare));
			await press("Kurs");
			assert.equal(await sortOf("Kurs"), "descending");
			assert.deepEqual((await current()).map(([title]) => title), [...titles].reverse());

			await press("Teilnehmende");
			assert.equal(await sortOf("Kurs"), null);
			const counts = (await current()).map(([, count]) => count);
			assert.deepEqual(counts, [...counts].sort((a, b) => a - b));

			await press("Termin");
			assert.equal(await months.count(), 11);
			await press("Termin");
			assert.equal(await sortOf("Termin"), "descending");
			assert.equal(await months.first().innerText(), "Oktober 2048");
			assert.equal((await current()).at(-1)[0], "Führen ohne Weisung");
			await assertAccessible(page, "sorted");
			await press("Termin");
			assert.equal(await sortOf("Termin"), null);
			assert.deepEqual(await titlesOf(page), order);
		});
	}
	await show("private", "three");
	await visit("private", "/", { viewport: PHONE }, async (page) => {
		assert.equal(await page.getByRole("button").count(), 0, "three courses need no order");
	});
});

// Playwright's page.url() is updated too late.
const searchOf = (page) => page.evaluate(() => location.search);

test("a link passes on what is filtered and how it is sorted, and so does the other language", async () => {
	await show("private", "forty");
	let address;
	await visit("private", "/?utm=x&lang=de", {}, async (page) => {
		await page.getByRole("searchbox").fill("führen & 3");
		assert.equal(await searchOf(page), "?utm=x&lang=de&q=f%C3%BChren+%26+3");
		await page.getByRole("searchbox").fill("en");
		await page.getByRole("combobox").selectOption("Masterclass");
		await page.getByRole("button", { name: "Kurs" }).first().click();
		await page.getByRole("button", { name: "Kurs" }).first().click();
		address = await searchOf(page);
		assert.equal(address, "?utm=x&lang=de&q=en&level=ADVANCED&sort=-title");
	});
	await visit("private", `/${address}`, {}, async (page) => {
		const titles = await titlesOf(page);
		const current = await page.locator("section >> nth=0").locator("tr:visible bdi").allInnerTexts();
		assert.ok(titles.length < 14 && current.length > 5, titles.join());
		assert.deepEqual(current, [...current].sort(new Intl.Collator("de", { numeric: true }).compare).reverse());
		assert.equal(await page.getByRole("searchbox").inputValue(), "en");
		await page.getByRole("link", { name: "English" }).click();
		await page.waitForURL("**/?lang=en&q=en&level=ADVANCED&sort=-title");
		assert.deepEqual(await titlesOf(page), titles);
		assert.equal(await page.getByRole("combobox").inputValue(), "ADVANCED");
		await page.getByRole("searchbox").fill("");
		await page.getByRole("combobox").selectOption("All levels");
		assert.equal(await searchOf(page), "?lang=en&sort=-title");
		assert.match(await page.getByRole("link", { name: "Deutsch" }).getAttribute("href"), /\/\?lang=de&sort=-title$/);
	});
	// Unknown values have no effect.
	await visit("private", "/?level=EXPERT&sort=-constructor&q=%20", {}, async (page) => {
		assert.equal((await page.locator(".month:visible").count()), 11);
		assert.equal(await page.getByRole("combobox").inputValue(), "");
		assert.equal(await page.locator("[aria-sort]").count(), 0);
	});
});

test("nothing moves while a page is loading, nor when a filter comes with the address", async () => {
	await show("open", "many");
	await show("private", "forty");
	for (const viewport of [DESK, PHONE]) {
		for (const [site, path] of [["open", "/"], ["private", "/"], ["private", "/?q=verhandeln&level=BEGINNER&sort=-title"],
			["private", "/?q=nowhere"]]) {
			await visit(site, "/?lang=en", { viewport }, async (page) => {
				await page.addInitScript(() => {
					window.shifts = [];
					new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
						.observe({ type: "layout-shift", buffered: true });
				});
				await page.goto(world.sites[site] + path);
				await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
				assert.deepEqual(await page.evaluate(() => window.shifts), [], `${site} ${path}, ${viewport.width} px`);
				assert.ok(await page.getByRole("searchbox").isVisible());
			});
		}
	}
});

test("titles lead to the page, in the language that was chosen, and on the way back, too", async () => {
	await show("open", "three");
	await visit("open", "/?lang=en", {}, async (page) => {
		const title = page.locator("tbody").getByRole("link", { name: THREE[0].title, exact: true });
		const book = page.getByRole("link", { name: `Book: ${THREE[0].title}` });
		assert.equal(await title.getAttribute("hreflang"), "de");
		assert.equal(await book.getAttribute("href"), "https://academy.example/en/courses/cgehalt");
		assert.equal(await book.innerText(), "Book");
		await title.click();
		await page.waitForURL("**/courses/gehalt.html?lang=en");
		assert.equal(await page.locator("html").getAttribute("lang"), "de");
		assert.equal(await page.locator("section, .person, meta[name=robots]").count(), 0, "nothing of participants");
		assert.ok(await page.getByRole("link", { name: "Beschreibung und Anmeldung" }).isVisible());
		await page.getByRole("link", { name: "Alle Kurse" }).click();
		await page.waitForURL("**/?lang=en");
	});
});

test("the site's own logo, styles and links are on every page", async () => {
	await show("open", "three");
	for (const path of ["/", "/courses/gehalt"]) {
		await visit("open", path, {}, async (page) => {
			const logo = page.getByRole("img", { name: "Hemera Academy" });
			assert.ok(await logo.evaluate((image) => image.complete && image.naturalWidth > 0));
			assert.equal(await page.locator("main").evaluate((main) => getComputedStyle(main).tabSize), "3");
			assert.equal(await page.getByRole("link", { name: "Impressum" }).getAttribute("href"), "/imprint.html");
			assert.equal(await page.getByRole("link", { name: "Datenschutz" }).getAttribute("href"), "https://academy.example/privacy");
		});
	}
	await visit("open", "/?lang=en", {}, async (page) => {
		assert.equal(await page.getByRole("link", { name: "Calendar (ICS)" }).getAttribute("href"), "/courses.ics");
		assert.equal(await page.getByRole("link", { name: "Data as JSON" }).getAttribute("href"), "/courses.json");
	});
});

test("the list for staff leads to every page and back, in the language that was chosen", async () => {
	await show("private", "academy");
	await visit("private", "/courses/", { status: 401 }, async (page) => {
		assert.equal(await page.locator("h1").innerText(), "Passwort erforderlich");
	});
	await visit("private", "/courses/?lang=en", password, async (page) => {
		assert.equal(await page.locator("h1").innerText(), "Course overview for staff");
		assert.equal(await page.locator("tbody th a").count(), ACADEMY.length);
		assert.match(await page.locator(".next").innerText(), new RegExp(`^Next course: ${THREE[0].title}`));
		await page.getByRole("searchbox").fill("gehalt");
		await page.getByRole("link", { name: "Deutsch" }).click();
		await page.waitForURL("**/courses/?lang=de&q=gehalt");
		assert.deepEqual(await titlesOf(page), [THREE[0].title]);
		await page.goto(`${world.sites.private}/courses/?lang=en`);
		await page.locator(".next a").click();
		await page.waitForURL("**/courses/gehalt.html?lang=en");
		assert.equal(await page.locator(".person").count(), THREE[0].participants.length);
		await page.getByRole("link", { name: "Alle Kurse" }).click();
		await page.waitForURL("**/courses/?lang=en");
		await page.getByRole("link", { name: "Homepage" }).click();
		await page.waitForURL("**/?lang=en");
		assert.equal(await page.locator("tbody a").count(), 0, "visitors have no private links");
	});
});

test("the banner appears when Hemera goes away and disappears when it is back", async () => {
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
		assert.equal(await page.locator("h1").innerText(), "Passwort erforderlich");
	});
	await visit("private", "/courses/gehalt", password, async (page) => {
		const text = await page.locator("main").innerText();
		for (const word of [THREE[0].title, "Grundkurs", "14.–15. März 2048", "Jana Hoffmann", "ليلى منصور",
			"(ohne Namen)", "- Marktwert kennen\n- Erfolge belegen", "Vorbereitung abgeschlossen am 20. Dezember 2047"])
			assert.ok(text.includes(word), word);
		assert.equal(await page.locator(".person").count(), THREE[0].participants.length);
		await page.getByRole("link", { name: "Alle Kurse" }).click();
		await page.waitForURL("**/courses/");
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
		// Public pages have no personal data and may do so, which proves that this test would notice it.
		assert.ok(await leavesFor(elsewhere, "open", "/courses/gehalt", {}));
		assert.ok(!await leavesFor(elsewhere, "private", "/courses/gehalt", password));
	} finally {
		await hemera({ templates: null });
	}
});

test("a private course page leads back to the list", async () => {
	await show("private", "three");
	assert.equal(await followLink("private", "/courses/gehalt", 1, password), "/"); // the name of the site
	assert.equal(await followLink("private", "/courses/gehalt", 2, password), "/courses/");
});

test("without JavaScript everything is there but the filter", async () => {
	await show("open", "many");
	await visit("open", "/", { javaScriptEnabled: false }, async (page) => {
		assert.equal(await page.locator("tbody tr:not(.month)").count(), MANY.length);
		assert.equal(await page.locator("#filter:visible, button").count(), 0);
		await page.locator("summary").click();
		assert.equal(await page.locator("tbody tr:not(.month):visible").count(), MANY.length);
		await page.getByRole("link", { name: "English" }).click();
		await page.waitForURL("**/?lang=en");
		assert.equal(await page.locator("html").getAttribute("lang"), "en");
	});
});

test("titles that read from right to left, and words without an end, keep their place", async () => {
	await show("open", "academy");
	await visit("open", "/", { viewport: PHONE }, async (page) => {
		assert.equal(await page.getByText("فن التفاوض").evaluate((e) => getComputedStyle(e).direction), "rtl");
		const word = await page.locator("tbody").getByText(ENDLESS).boundingBox();
		assert.ok(word.x >= 0 && word.x + word.width <= PHONE.width);
	});
	await visit("open", "/courses/arabisch", {}, async (page) => {
		assert.equal(await page.locator("h1").evaluate((e) => getComputedStyle(e).direction), "rtl");
	});
});

// Every kind of page: name, site, scene (null: unchanged), path, options.
const PAGES = [
	["no course", "private", "none", "/", {}],
	["three courses", "private", "three", "/", {}],
	["academy", "open", "academy", "/", {}],
	["40 courses", "open", "forty", "/", {}],
	["500 courses", "open", "many", "/", {}],
	["private list", "private", "forty", "/courses/", password],
	["private list without a course", "private", "none", "/courses/", password],
	["public page", "open", "academy", "/courses/gehalt", {}],
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

test("a page prints as a hand-out: no navigation, no participant split over two sheets", async () => {
	await show("private", "academy");
	await visit("private", "/courses/gehalt", { ...password, viewport: { width: 718, height: 1000 } }, async (page) => {
		await page.emulateMedia({ media: "print" });
		assert.equal(await page.locator("nav:visible, .links:visible").count(), 0);
		assert.deepEqual(await page.locator(".person").evaluateAll((all) => (
			all.map((person) => [getComputedStyle(person).breakInside, getComputedStyle(person.parentElement).display]))),
		THREE[0].participants.map(() => ["avoid", "block"]));
		const one = await sheets(page);
		await page.locator(".person").evaluateAll((all) => (
			all.slice(0, 3).forEach((person) => { person.style.minHeight = "60vh"; })));
		assert.ok(await sheets(page) > one);
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
	// In browsers without ::details-content, the script opens the details.
	await visit("private", "/", {}, async (page) => {
		const states = await page.evaluate(() => ["beforeprint", "beforeprint", "afterprint"].map((name) => {
			dispatchEvent(new Event(name));
			return document.querySelector("details").open;
		}));
		assert.deepEqual(states, [true, true, false]);
	});
});
