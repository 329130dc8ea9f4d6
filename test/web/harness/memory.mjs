//===- memory.mjs - what loading a web module takes in Chromium -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: memory.mjs MODULE [--most SHARE]
//
// Loads a module in headless Chromium on SwiftShader, whose buffers are in the
// memory of a process, and watches all processes of the browser: the most that they
// have while weights arrive, beyond what stays when everything is there and garbage
// is gone, in shares of the packed weights. More than SHARE is an error.
//===----------------------------------------------------------------------===//

import { createReadStream, existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, extname, join, normalize, resolve } from "node:path";
import { chromium } from "playwright-core";

const path = resolve(process.argv[2]);
const most = process.argv[3] === "--most" ? Number(process.argv[4]) : Infinity;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };

const server = createServer((request, response) => {
  const name = normalize(new URL(request.url, "http://localhost").pathname);
  const file = join(dirname(path), name);
  if (name === "/") {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>memory</title>");
  } else if (existsSync(file)) {
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

/** A field of a file of the system, in bytes; 0 of a process that has ended. */
function readField(process, file, field) {
  try {
    const text = readFileSync(`/proc/${process}/${file}`, "utf8");
    return 1024 * Number(text.match(new RegExp(`^${field}:\\s*(\\d+)`, "m"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The processes that descend from `root`. */
function findProcesses(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    parents.set(Number(name), readField(name, "status", "PPid") / 1024);
  const found = [root];
  for (const process of found)
    found.push(...[...parents].filter(([, parent]) => parent === process).map(([child]) => child));
  return found;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--headless=new", "--enable-unsafe-webgpu"],
});
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);
const processes = findProcesses(process.pid).slice(1);
const measure = () => processes.reduce((sum, process) => sum + readField(process, "status", "RssAnon") + readField(process, "status", "RssShmem"), 0);

let peak = 0, isLoaded = false;
const loaded = page.evaluate(async (file) => {
  const { load } = await import(file);
  window.model = await load({ backend: "webgpu" });
  return window.model.report();
}, "/" + basename(path)).finally(() => { isLoaded = true; });
while (!isLoaded) {
  peak = Math.max(peak, measure());
  await new Promise((done) => setTimeout(done, 50));
}
const { memory } = await loaded;
// What is left over while garbage is collected is no more than what stays.
let after = Infinity;
for (let i = 0; i < 4; ++i) {
  await page.requestGC();
  await new Promise((done) => setTimeout(done, 500));
  after = Math.min(after, measure());
}
const share = (peak - after) / memory.packedWeights;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(`${megabytes(memory.packedWeights)} of weights, ${megabytes(peak)} at most, ${megabytes(after)} after: ` +
  `${(1 + share).toFixed(2)} times the weights`);
await browser.close();
process.exit(share <= most ? 0 : 1);
