//===- report.mjs - an HTML report in Chromium ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: report.mjs REPORT.html [--screenshot FILE.png]
//
// Opens the page in headless Chromium, as wide as a desk's window and as a
// telephone's, and looks at what is drawn: nothing is asked of a network, the
// page itself never scrolls sideways, charts have a size, and their words lie
// within them and not on each other. Prints what is wrong. CHROMIUM names
// another browser.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, ...flags] = process.argv.slice(2);
const WIDTHS = [1280, 400];

/// What is wrong with the charts of the page; runs in it.
function examine() {
  const problems = [];
  const charts = [...document.querySelectorAll("svg")];
  const isApart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  for (const chart of charts) {
    const name = chart.getAttribute("aria-label");
    const box = chart.getBoundingClientRect();
    if (box.width < 8 || box.height < 8) {
      problems.push(`chart "${name}" is ${box.width} by ${box.height} pixels`);
      continue;
    }
    const words = [...chart.querySelectorAll("text")].map((element) => ({
      text: element.textContent, box: element.getBoundingClientRect() }));
    for (const [i, word] of words.entries()) {
      if (word.box.left < box.left - 1 || word.box.right > box.right + 1 || word.box.top < box.top - 1 || word.box.bottom > box.bottom + 1)
        problems.push(`chart "${name}": "${word.text}" is cut off`);
      for (const other of words.slice(i + 1))
        if (!isApart(word.box, other.box))
          problems.push(`chart "${name}": "${word.text}" lies on "${other.text}"`);
    }
  }
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth)
    problems.push(`the page is ${page.scrollWidth} pixels wide`);
  return { charts: charts.length, problems };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--headless=new"],
});
let wrong = 0;
const report = (text) => {
  ++wrong;
  console.log(`error: ${text}`);
};
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => report(error.message));
  page.on("console", (message) => message.type() === "error" && report(message.text()));
  page.on("request", (request) => request.url().startsWith("file:") || report(`asks for ${request.url()}`));
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(pathToFileURL(resolve(file)).href);
    const { charts, problems } = await page.evaluate(examine);
    problems.forEach((problem) => report(`${width} pixels: ${problem}`));
    console.log(`${width} pixels: ${charts} charts`);
  }
  if (flags.includes("--screenshot")) {
    await page.setViewportSize({ width: WIDTHS[0], height: 900 });
    await page.screenshot({ path: flags[flags.indexOf("--screenshot") + 1], fullPage: true });
  }
} finally {
  await browser.close();
}
process.exit(wrong === 0 && file ? 0 : 1);
