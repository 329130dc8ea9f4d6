//===- page.mjs - the example page in Chromium ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: page.mjs FOLDER [--tokens N] [--screenshot FILE.png] [--json FILE]
//
// Serves FOLDER, opens it in headless Chromium, lets it continue its text, and
// prints the text, the tokens and the report. CHROMIUM names another browser.
//===----------------------------------------------------------------------===//

import { createReadStream, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const [folder, ...flags] = process.argv.slice(2);
const flag = (name, otherwise) => flags.includes(name) ? flags[flags.indexOf(name) + 1] : otherwise;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };

const server = createServer((request, response) => {
  const name = normalize(new URL(request.url, "http://localhost").pathname);
  const file = join(folder, name === "/" ? "index.html" : name);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
  createReadStream(file).pipe(response);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--headless=new", "--enable-unsafe-webgpu"],
});
let status = 1;
try {
  const page = await browser.newPage({ viewport: { width: 1080, height: 1120 } });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(`http://localhost:${server.address().port}/?tokens=${flag("--tokens", "8")}`);
  await page.waitForFunction(() => !document.getElementById("go").disabled ||
    !document.getElementById("note").hidden, undefined, { timeout: 280000 });
  if (await page.isEnabled("#go")) {
    await page.click("#go");
    await page.waitForFunction(() => !document.getElementById("report").hidden ||
      !document.getElementById("note").hidden, undefined, { timeout: 280000 });
  }
  const text = await page.textContent("#text");
  const note = await page.isVisible("#note") ? await page.textContent("#note") : "";
  const report = await page.evaluate(() => window.lowbit?.model.report());
  if (flags.includes("--screenshot"))
    await page.screenshot({ path: flag("--screenshot"), fullPage: true });
  if (flags.includes("--json"))
    writeFileSync(flag("--json"), JSON.stringify(report, null, 1));
  console.log(`text: ${JSON.stringify(text)}`);
  if (note)
    console.log(`note: ${note}`);
  for (const error of errors)
    console.log(`error: ${error}`);
  console.log(JSON.stringify(report));
  status = report?.latency.runs > 0 && errors.length === 0 ? 0 : 1;
} finally {
  await browser.close();
  server.close();
}
process.exit(status);
