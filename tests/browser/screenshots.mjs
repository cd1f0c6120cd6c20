// SPDX-License-Identifier: MIT
// Pictures of the pages for a person to look at, beside those in references/ (see README.md).

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { DESK, hemera, HEMERA_IS_AWAY, password, PHONE, show, visit, world } from "./world.mjs";

// Name, site, scene, path, options; of some only what is seen without scrolling.
const PICTURES = [
	["home", "open", "academy", "/", {}],
	["none", "open", "none", "/", {}],
	["many", "open", "many", "/", {}],
	["course", "private", "academy", "/courses/gehalt", password],
	["arabic", "private", "academy", "/courses/arabisch", password],
	["endless", "private", "academy", "/courses/endlos", password],
	["notice", "open", "academy", "/", {}],
	["fallback", "empty", null, "/", {}],
	["error", "private", null, "/nothing", { status: 404 }],
];
const TOP_ONLY = ["many", "notice"];
const HEIGHT_TOLERANCE = 0.25; // fonts differ between machines, and lines break elsewhere

const directory = world.writeReferences ? world.references : world.screenshots;

const sizeOf = (png) => ({ width: png.readUInt32BE(16), height: png.readUInt32BE(20) }); // of the IHDR chunk

// Today's times would make every picture another one.
async function stopClock(page) {
	await page.locator(".status p").evaluateAll((all) => (
		all.forEach((p) => { p.textContent = p.textContent.replace(/\d\d:\d\d/, "12:00"); })));
	await page.locator(".end time").evaluateAll((all) => all.forEach((t) => { t.textContent = "1. Januar 2048"; }));
}

async function compare(name, picture) {
	const { width, height } = sizeOf(picture);
	const reference = sizeOf(await readFile(`${world.references}/${name}`));
	assert.equal(width, reference.width, name);
	assert.ok(Math.abs(height / reference.height - 1) < HEIGHT_TOLERANCE,
		`${name}: ${height} px high, the reference ${reference.height}`);
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
				const file = `${name}-${viewport.width}-${colorScheme}.png`;
				await visit(site, path, { ...options, viewport, colorScheme }, async (page) => {
					await stopClock(page);
					const picture = await page.screenshot({ fullPage: !TOP_ONLY.includes(name) });
					await writeFile(`${directory}/${file}`, picture);
					if (!world.writeReferences)
						await compare(file, picture);
				});
			}
		}
	});
}
