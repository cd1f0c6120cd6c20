// SPDX-License-Identifier: MIT
// Pictures of the pages for a person to look at, beside those in references/ (see README.md).

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { DESK, hemera, HEMERA_IS_AWAY, password, PHONE, show, visit, world } from "./world.mjs";

// Name, site, scene, path, options; for some pages only the part that is visible without scrolling.
const PICTURES = [
	["home", "open", "academy", "/", {}],
	["none", "open", "none", "/", {}],
	["three", "open", "three", "/?lang=en", {}],
	["forty", "open", "forty", "/", {}],
	["filtered", "open", "forty", "/?lang=en&q=führen&level=ADVANCED&sort=-title", {}],
	["nothing", "open", "forty", "/?q=nirgends", {}],
	["many", "open", "many", "/", {}],
	["list", "private", "academy", "/courses/?lang=en", password],
	["list-forty", "private", "forty", "/courses/", password],
	["list-many", "private", "many", "/courses/?lang=en", password],
	["list-none", "private", "none", "/courses/", password],
	["course", "private", "academy", "/courses/gehalt", password],
	["public", "open", "academy", "/courses/gehalt", {}],
	["arabic", "private", "academy", "/courses/arabisch", password],
	["endless", "private", "academy", "/courses/endlos", password],
	["notice", "open", "academy", "/", {}],
	["fallback", "empty", null, "/", {}],
	["error", "private", null, "/nothing", { status: 404 }],
	["error-en", "private", null, "/nothing?lang=en", { status: 404 }],
];
const TOP_ONLY = ["forty", "many", "list-forty", "list-many", "notice"];

// On paper, as wide as the text of an A4 sheet.
const PAPER = { width: 718, height: 1000 };
const PRINTS = [
	["print-home", "open", "academy", "/", {}],
	["print-list", "private", "academy", "/courses/?lang=en", password],
	["print-course", "private", "academy", "/courses/gehalt", password],
	["print-public", "open", "academy", "/courses/gehalt", {}],
];
const HEIGHT_TOLERANCE = 0.25; // fonts differ between machines, and so do line breaks

const directory = world.writeReferences ? world.references : world.screenshots;

const sizeOf = (png) => ({ width: png.readUInt32BE(16), height: png.readUInt32BE(20) }); // of the IHDR chunk

// Today's times would make every picture different.
async function stopClock(page) {
	await page.locator(".status p").evaluateAll((all) => (
		all.forEach((p) => { p.textContent = p.textContent.replace(/\d\d:\d\d/, "12:00"); })));
	await page.locator("tbody:has(.running) .month th").evaluateAll((all) => all.forEach((th) => { th.textContent = "Dezember 2047"; }));
	await page.locator(".end time").evaluateAll((all) => all.forEach((t) => { t.textContent = "1. Januar 2048"; }));
}

async function compare(name, picture) {
	const { width, height } = sizeOf(picture);
	const reference = sizeOf(await readFile(`${world.references}/${name}`));
	assert.equal(width, reference.width, name);
	assert.ok(Math.abs(height / reference.height - 1) < HEIGHT_TOLERANCE,
		`${name}: ${height} px high, the reference ${reference.height}`);
}

async function take(file, page, options) {
	await stopClock(page);
	const picture = await page.screenshot(options);
	await writeFile(`${directory}/${file}`, picture);
	if (!world.writeReferences)
		await compare(file, picture);
}

for (const [name, site, scene, path, options] of PICTURES) {
	test(`screenshots of ${name} have the size of the references`, async () => {
		await mkdir(directory, { recursive: true });
		if (scene)
			await show(site, scene);
		if (name === "notice")
			await hemera({ fault: HEMERA_IS_AWAY });
		for (const viewport of [PHONE, DESK]) {
			for (const colorScheme of ["light", "dark"]) {
				await visit(site, path, { ...options, viewport, colorScheme }, async (page) => {
					await take(`${name}-${viewport.width}-${colorScheme}.png`, page, { fullPage: !TOP_ONLY.includes(name) });
				});
			}
		}
	});
}

for (const [name, site, scene, path, options] of PRINTS) {
	test(`screenshots of ${name} have the size of the references`, async () => {
		await mkdir(directory, { recursive: true });
		await show(site, scene);
		await visit(site, path, { ...options, viewport: PAPER }, async (page) => {
			await page.emulateMedia({ media: "print" });
			await take(`${name}.png`, page, { fullPage: true });
		});
	});
}
