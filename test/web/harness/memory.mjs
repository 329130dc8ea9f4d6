//===- memory.mjs - what loading a web module takes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: memory.mjs webgpu|wasm SMALL MODULE [--most SHARE]
//
// Loads two modules in one page of headless Chromium, on one device of SwiftShader,
// whose buffers are in the memory of a process, or on WebAssembly: SMALL, which has
// hardly any weights, then MODULE, which has the same name and so the same code.
// Watches all processes of the browser, and prints the most that they have while
// weights arrive beyond what they had with SMALL alone, in shares of the packed
// weights. More than SHARE is an error. Pages that two processes share count once.
//
// Nobody debugs the page: Playwright would have the browser keep what it downloads.
//===----------------------------------------------------------------------===//

import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, normalize, resolve } from "node:path";

const [backend, small, large] = [process.argv[2], ...process.argv.slice(3, 5).map((path) => resolve(path))];
const most = process.argv[5] === "--most" ? Number(process.argv[6]) : Infinity;
const TYPES = { ".js": "text/javascript", ".json": "application/json" };

const PAGE = `<!doctype html><title>memory</title><script type="module">
const post = async (address, data) => (await fetch(address, { method: "POST", body: JSON.stringify(data) })).json();
/** Frees what is garbage, also of other processes. */
async function collect() {
  for (let i = 0; i < 4; ++i) {
    gc();
    await new Promise((done) => setTimeout(done, 300));
  }
}
try {
  const { load } = await import("/small/${basename(small)}");
  const options = "${backend}" === "wasm" ? { backend: "wasm" }
    : { device: await (await navigator.gpu.requestAdapter()).requestDevice() };
  const open = (folder) => load({ baseURL: new URL(folder, location.href), ...options });
  window.models = [await open("small/")];
  await collect();
  await post("/ready");
  models.push(await open("large/"));
  const report = models[1].report();
  await post("/loaded");
  await collect();
  await post("/end", report);
} catch (error) {
  await post("/end", { error: error.code + ": " + error.message });
}
</script>`;

/** What the page tells: each message is answered when someone has heard it. */
class Messages {
  constructor() {
    this.known = new Map();
  }

  get(name) {
    if (!this.known.has(name)) {
      const message = {};
      message.heard = new Promise((tell) => { message.tell = tell; });
      this.known.set(name, message);
    }
    return this.known.get(name);
  }

  /** Waits for message `name`; the page goes on after `work`. */
  async hear(name, work = () => {}) {
    const { data, response } = await Promise.race([this.get(name).heard, this.get("end").heard]);
    if (data.error)
      throw new Error(data.error);
    work();
    response.end("{}");
    return data;
  }
}

const messages = new Messages();
const server = createServer((request, response) => {
  const name = normalize(new URL(request.url, "http://localhost").pathname);
  if (request.method === "POST") {
    let text = "";
    request.on("data", (part) => { text += part; });
    request.on("end", () => messages.get(name.slice(1)).tell({ data: JSON.parse(text || "{}"), response }));
    return;
  }
  const [, folder, ...rest] = name.split("/");
  const file = { small, large }[folder] && join(dirname({ small, large }[folder]), ...rest);
  if (name === "/") {
    response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
  } else if (file && existsSync(file)) {
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

/** The processes that descend from `root`, and itself. */
function findProcesses(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    parents.set(Number(name), readField(name, "status", "PPid") / 1024);
  const found = [root];
  for (const process of found)
    found.push(...[...parents].filter(([, parent]) => parent === process).map(([child]) => child));
  return found;
}

const profile = mkdtempSync(join(tmpdir(), "lowbit-memory-"));
const browser = spawn(process.env.CHROMIUM ?? "/usr/bin/chromium", [
  "--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--js-flags=--expose-gc",
  `--user-data-dir=${profile}`, "--no-first-run", "--disable-background-networking", "--disable-component-update",
  `http://127.0.0.1:${server.address().port}/`,
], { stdio: "ignore" });

/** The bytes of each process: no file's pages, and shared ones in parts. */
function measure() {
  return new Map(findProcesses(browser.pid).map((process) => [process,
    readField(process, "smaps_rollup", "Pss_Anon") + readField(process, "smaps_rollup", "Pss_Shmem")]));
}

const sum = (processes) => [...processes.values()].reduce((total, bytes) => total + bytes, 0);

/** What processes have more than `before`. Those that have less, or ended, make up for none. */
function countMore(before, now) {
  return sum(new Map([...now].map(([process, bytes]) => [process, Math.max(0, bytes - (before.get(process) ?? 0))])));
}

async function watch() {
  let before, after, peak = 0, isLoaded = false;
  await messages.hear("ready", () => { before = measure(); });
  const loaded = messages.hear("loaded").finally(() => { isLoaded = true; });
  while (!isLoaded) {
    peak = Math.max(peak, countMore(before, measure()));
    await new Promise((done) => setTimeout(done, 5));
  }
  await loaded;
  const { memory } = await messages.hear("end", () => { after = countMore(before, measure()); });
  const weights = memory.packedWeights;
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`${megabytes(weights)} of weights, ${megabytes(sum(before))} before: ${megabytes(peak)} at most, ` +
    `${megabytes(after)} in the end, ${(peak / weights).toFixed(3)} times the weights`);
  return peak / weights <= most;
}

let isWithin = false;
try {
  isWithin = await watch();
} catch (error) {
  console.log(`FAILED: ${error.message}`);
} finally {
  const processes = findProcesses(browser.pid);
  for (const process_ of processes)
    try {
      process.kill(process_, "SIGKILL");
    } catch {}
  await new Promise((done) => setTimeout(done, 200));
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit(isWithin ? 0 : 1);
