// SPDX-License-Identifier: MIT
/*
 * Node's half of tests/bench/template, which says what is measured:
 *
 *	node template.js page|render|compile MODULES TEMPLATE DATA [PARTIAL...]
 *
 * MODULES is the directory with handlebars in it. page prints the page; the others print the median time of
 * making it once, in nanoseconds.
 */
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const BATCHES = 41;
const BATCH_NS = 5e6;
const WARM_UP_NS = 500e6; // until the JIT has compiled what it will

const [mode, modules, templateFile, dataFile, ...partialFiles] = process.argv.slice(2);
const Handlebars = require(path.resolve(modules, "handlebars"));
const text = fs.readFileSync(templateFile, "utf8");
const data = JSON.parse(fs.readFileSync(dataFile, "utf8"));
const partials = partialFiles.map((file) => [path.basename(file, ".hbs"), fs.readFileSync(file, "utf8")]);
let page; // of the last run, so that none of them is optimised away

// Handlebars compiles a template when it is first called, and a partial when it is first reached.
function compile() {
	for (const [name, source] of partials)
		Handlebars.registerPartial(name, source);
	return Handlebars.compile(text);
}

function batch(make, count) {
	const begin = process.hrtime.bigint();
	for (let i = 0; i < count; i++)
		page = make();
	return Number(process.hrtime.bigint() - begin);
}

function measure(make) {
	let count = 1;
	for (let spent = 0; spent < WARM_UP_NS;)
		spent += batch(make, 1);
	while (batch(make, count) < BATCH_NS)
		count *= 2;
	const times = Array.from({ length: BATCHES }, () => batch(make, count) / count);
	return times.sort((a, b) => a - b)[(BATCHES - 1) / 2];
}

const template = compile();
const modes = {
	page: () => template(data),
	render: () => Math.round(measure(() => template(data))) + "\n",
	compile: () => Math.round(measure(() => compile()(data))) + "\n",
};
process.stdout.write(modes[mode]());
