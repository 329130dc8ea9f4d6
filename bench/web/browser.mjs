//===- browser.mjs - what benches in a browser share ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
// Playwright is there for the tests (tools/setup --tests).
const { chromium } = createRequire(join(HERE, "../../test/web/harness/package.json"))("playwright-core");

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript",
  ".json": "application/json", ".wasm": "application/wasm",
};

/** The file that a path of an address stands for, by the longest mount that fits. */
function findFile(mounts, path) {
  const [prefix, folder] = Object.entries(mounts).filter(([prefix]) => path.startsWith(prefix))
    .sort(([a], [b]) => b.length - a.length)[0] ?? [];
  const file = folder && join(folder, normalize("/" + path.slice(prefix.length)));
  return file && statSync(file, { throwIfNoEntry: false })?.isFile() ? file : undefined;
}

/** A server of folders, by what addresses begin with: { "/": FOLDER, ... }. */
async function serve(mounts) {
  const server = createServer((request, response) => {
    const file = findFile(mounts, decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

/**
 * Opens `address` in an installed Chromium (CHROMIUM names another browser) with
 * folders served, and gives what `window.measure(job)`, which the page defines,
 * resolves to. What the page logs goes to standard error.
 */
export async function measureInBrowser(mounts, address, job) {
  const server = await serve({ "/": HERE, ...mounts });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--headless=new", "--enable-unsafe-webgpu"],
  });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.error(message.text()));
    page.on("pageerror", (error) => console.error(`error: ${error.message}`));
    await page.goto(`http://localhost:${server.address().port}${address}`);
    await page.waitForFunction(() => window.measure !== undefined);
    return { browser: `Chromium ${browser.version()}`, ...await page.evaluate((job) => window.measure(job), job) };
  } finally {
    await browser.close();
    server.close();
  }
}
