// SPDX-License-Identifier: MIT
// The common part of the tests: the stub Hemera and the sites that ./run has started, and a browser that reports every problem.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after } from "node:test";
import axe from "axe-core";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";
import { SCENES } from "./scenes.mjs";

export const world = JSON.parse(process.env.AITHER_WORLD);

const CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync"];
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1280, height: 800 };
export const LOCALE = { de: "de-DE", en: "en-GB" };
export const HEMERA_IS_AWAY = { path: "/api/service", kind: "close", count: -1 }; // a fault of the stub's

const browser = await chromium.launch({ executablePath: world.chromium, args: CHROMIUM_OPTIONS });
after(() => browser.close());

async function post(url, body) {
	const answer = await fetch(url, { method: "POST", body, headers: { authorization: `Bearer ${world.token}` } });
	assert.equal(answer.status, 200, `${url}: ${answer.status} ${await answer.text()}`);
}

// Members of a scenario as tests/stub/hemera_stub.py documents them.
export async function hemera(scenario) {
	await post(`${world.hemera}/_stub/scenario`, JSON.stringify(scenario));
}

// Uses the command line's socket, because aither-web refuses forced syncs.
export async function sync(site) {
	const request = http.request({ socketPath: world.workers[site], method: "POST", path: "/api/sync?force=1" });
	const [answer] = await once(request.end(), "response");

	answer.resume();
	assert.equal(answer.statusCode, 200);
	await once(answer, "end");
}

// Makes a site show a scene and nothing else.
export async function show(site, scene) {
	await hemera({ courses: SCENES[scene], fault: null });
	await sync(site);
}

// A visitor without a password sees the 401 page, but a browser without a window cannot ask for a password.
async function withoutDialogue(route) {
	const response = await route.fetch();
	const headers = response.headers();

	delete headers["www-authenticate"];
	await route.fulfill({ response, headers });
}

// Private pages permit no scripts, and Playwright needs scripts to inspect them.
async function withoutSandbox(route) {
	const authorization = `Basic ${Buffer.from(`anybody:${world.token}`).toString("base64")}`;
	const response = await route.fetch({ headers: { ...route.request().headers(), authorization } });
	const headers = response.headers();

	headers["content-security-policy"] = headers["content-security-policy"]?.replace("; sandbox allow-same-origin", "");
	await route.fulfill({ response, headers });
}

// Does a page, unmodified, take the browser to another site within two seconds?
export async function leavesFor(elsewhere, site, path, options) {
	const context = await browser.newContext(options);
	const page = await context.newPage();

	try {
		await context.route(`${elsewhere}/**`, (route) => route.fulfill({ body: "taken there" }));
		const left = page.waitForRequest(`${elsewhere}/**`, { timeout: 2000 }).then(() => true, () => false);
		const answer = await page.goto(world.sites[site] + path);
		assert.equal(answer.status(), 200);
		return await left;
	} finally {
		await context.close();
	}
}

// The target of a link on an unmodified page, followed by the keyboard alone; position: from 1.
export async function followLink(site, path, position, options) {
	const context = await browser.newContext(options);
	const page = await context.newPage();

	try {
		await page.goto(world.sites[site] + path);
		for (let i = 0; i < position; i++)
			await page.keyboard.press("Tab");
		await page.keyboard.press("Enter");
		await page.waitForURL((url) => url.pathname !== path);
		return new URL(page.url()).pathname;
	} finally {
		await context.close();
	}
}

// Opens a page on a site and passes it to `use`. Fails if the browser reported a problem or left the site.
// options: Playwright's options of a context, and status: the HTTP status that the first page must have.
export async function visit(site, path, options, use) {
	const { status = 200, ...rest } = options;
	const context = await browser.newContext({ viewport: DESK, locale: LOCALE.de, ...rest });
	const page = await context.newPage();
	const complaints = [];

	page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type()) && !(status >= 400 && /status of 4\d\d/.test(message.text())))
			complaints.push(`console: ${message.text()}`);
	});
	page.on("request", (request) => {
		if (!request.url().startsWith(`${world.sites[site]}/`) && !request.url().startsWith("data:"))
			complaints.push(`request: ${request.url()}`);
	});
	page.on("requestfailed", (request) => {
		const reason = request.failure()?.errorText;
		// The icon is fetched last; by then, a test may already be on its next page.
		if (!(reason === "net::ERR_ABORTED" && request.url().endsWith("/favicon.svg")))
			complaints.push(`failed: ${request.url()} ${reason}`);
	});
	await page.addInitScript(() => {
		addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
	});
	if (status === 401)
		await page.route("**/*", withoutDialogue);
	else if (options.httpCredentials)
		await page.route("**/courses/**", withoutSandbox);
	try {
		const answer = await page.goto(world.sites[site] + path);
		assert.equal(answer.status(), status);
		await use(page, answer);
		assert.deepEqual(complaints, []);
	} finally {
		await context.close();
	}
}

// With the sync token as the password, as typed into the browser's dialogue.
export const password = { httpCredentials: { username: "anybody", password: world.token } };

// All of axe-core's rules for WCAG 2.2 AA and for best practice.
export async function assertAccessible(page, what) {
	await page.evaluate(axe.source);
	const { violations } = await page.evaluate((tags) => axe.run({ runOnly: tags }), AXE_TAGS);
	const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html).join(" ")}`);
	assert.deepEqual(found, [], what);
}

export async function assertNoSidewaysScrolling(page, what) {
	const { content, window } = await page.evaluate(() => (
		{ content: document.documentElement.scrollWidth, window: document.documentElement.clientWidth }));
	assert.ok(content <= window, `${what}: ${content} px wide in a window of ${window}`);
}

// Runs offline. Tables repeat their roles because narrow windows remove the implicit ones (display: block).
const validator = new HtmlValidate({
	extends: ["html-validate:standard"],
	rules: { "no-redundant-role": "off", "doctype-style": "off" },
});

export async function assertValid(html, what) {
	const report = await validator.validateString(html);
	const found = report.results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
	assert.deepEqual(found, [], what);
}
