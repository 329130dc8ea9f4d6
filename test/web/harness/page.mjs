//===- page.mjs - the example page in Chromium ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: page.mjs FOLDER [--tokens N] [--visits N] [--most MS] [--start early|loaded] [--bandwidth BYTES]
//                 [--no-gpu] [--screenshot FILE.png] [--json FILE]
//
// Serves FOLDER, opens it in headless Chromium, lets it continue its text, and
// prints the text, the tokens and the report; with --no-gpu as browsers without
// WebGPU do. With --visits it does so several times, one after another with the same
// cache, and prints when each visit had its first token, and what took so long, in
// milliseconds; the last one must take at most MS. With --bandwidth shards come with so
// many bytes per second, and no visit has them in its cache. --start is that of `load`:
// with `early` kernels must be dispatched before the last shard is there. CHROMIUM names
// another browser.
//===----------------------------------------------------------------------===//

import { createReadStream, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const [folder, ...flags] = process.argv.slice(2);
const flag = (name, otherwise) => flags.includes(name) ? flags[flags.indexOf(name) + 1] : otherwise;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };

const bandwidth = Number(flag("--bandwidth", "Infinity"));
let isFree = Promise.resolve();

/** Sends a shard in its turn, as slowly as they all come. */
function sendSlowly(bytes, response) {
  const piece = 16384;
  isFree = isFree.then(async () => {
    for (let at = 0; at < bytes.byteLength && !response.destroyed; at += piece) {
      const part = bytes.subarray(at, at + piece);
      await new Promise((done) => setTimeout(done, 1000 * part.byteLength / bandwidth));
      response.write(part);
    }
    response.end();
  });
}

const server = createServer((request, response) => {
  const name = normalize(new URL(request.url, "http://localhost").pathname);
  const file = join(folder, name === "/" ? "index.html" : name);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const headers = { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" };
  if (bandwidth < Infinity && file.endsWith(".bin")) {
    response.writeHead(200, { ...headers, "Cache-Control": "no-store" });
    sendSlowly(readFileSync(file), response);
    return;
  }
  response.writeHead(200, headers);
  createReadStream(file).pipe(response);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

/** Runs in the page, before it: takes times, and asks for text as soon as that is possible. */
function prepare() {
  window.spent = { hashing: 0 };
  const digest = crypto.subtle.digest.bind(crypto.subtle);
  crypto.subtle.digest = async (...all) => {
    const start = performance.now();
    const result = await digest(...all);
    window.spent.hashing += performance.now() - start;
    return result;
  };
  const { dispatchWorkgroups } = globalThis.GPUComputePassEncoder?.prototype ?? {};
  if (dispatchWorkgroups)
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...grid) {
      window.spent.dispatch ??= performance.now();
      return dispatchWorkgroups.apply(this, grid);
    };
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("go");
    const observer = new MutationObserver(() => {
      observer.disconnect();
      window.spent.ready = performance.now();
      button.click();
    });
    observer.observe(button, { attributeFilter: ["disabled"] });
    new MutationObserver(() => {
      window.spent.first ??= performance.now();
    }).observe(document.getElementById("text"), { characterData: true, subtree: true });
  });
}

/** What the visit took, from the moment on at which it was asked for; runs in the page. */
function describeVisit() {
  const { load, latency } = window.lowbit.model.report();
  const files = performance.getEntriesByType("resource");
  return {
    "first token": window.spent.first,
    "ready": window.spent.ready,
    "page": performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    "files": Math.max(...files.map((file) => file.responseEnd)),
    ...window.spent.dispatch && { "first dispatch": window.spent.dispatch },
    "hashing": window.spent.hashing,
    "weights": load.weights,
    "shaders": load.pipelines,
    "load": load.total,
    "prompt": latency.first,
  };
}

async function visit(page, address) {
  await page.goto(address);
  await page.waitForFunction(() => !document.getElementById("report").hidden ||
    !document.getElementById("note").hidden, undefined, { timeout: 280000 });
  const report = await page.evaluate(() => window.lowbit?.model.report());
  return { report, times: report?.latency.runs > 0 ? await page.evaluate(describeVisit) : {} };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--headless=new",
    flags.includes("--no-gpu") ? "--disable-features=WebGPU" : "--enable-unsafe-webgpu"],
});
let status = 1;
try {
  const page = await browser.newPage({ viewport: { width: 1080, height: 1120 } });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.addInitScript(prepare);
  const visits = [];
  let report;
  for (let i = 0; i < Number(flag("--visits", "1")); ++i) {
    const found = await visit(page, `http://localhost:${server.address().port}/?tokens=${flag("--tokens", "8")}` +
      (flags.includes("--start") ? `&start=${flag("--start")}` : ""));
    report = found.report;
    visits.push(found.times);
  }
  const text = await page.textContent("#text");
  const note = await page.isVisible("#note") ? await page.textContent("#note") : "";
  if (flags.includes("--screenshot"))
    await page.screenshot({ path: flag("--screenshot"), fullPage: true });
  if (flags.includes("--json"))
    writeFileSync(flag("--json"), JSON.stringify({ browser: `Chromium ${browser.version()}`, visits, report }, null, 1));
  console.log(`text: ${JSON.stringify(text)}`);
  if (note)
    console.log(`note: ${note}`);
  if (!(visits.at(-1)["first token"] <= Number(flag("--most", "Infinity"))))
    errors.push("the first token came too late");
  if (flag("--start") === "early" && !visits.every((times) => times["first dispatch"] < times.files))
    errors.push("no kernel was dispatched before the last shard");
  for (const error of errors)
    console.log(`error: ${error}`);
  for (const [i, times] of visits.entries())
    console.log(`visit ${i + 1}: ` + Object.entries(times).map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(", "));
  console.log(JSON.stringify(report));
  status = report?.latency.runs > 0 && errors.length === 0 ? 0 : 1;
} finally {
  await browser.close();
  server.close();
}
process.exit(status);
