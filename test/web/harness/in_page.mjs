//===- in_page.mjs - weights that pages round, against packed ones --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: node --expose-gc in_page.mjs PACKED FLOATS
//
// The same model twice: as packed shards, and as shards of floats. Compares all
// that is uploaded, byte by byte; then what is in memory meanwhile, and how it
// fails.
//===----------------------------------------------------------------------===//

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const [packed, floats] = process.argv.slice(2).map((path) => resolve(path));
const { gpu } = await openDawn();

const newDevice = async () => (await gpu.requestAdapter()).requestDevice();
const loadModule = async (path, options) =>
  (await import(pathToFileURL(path))).load({ device: await newDevice(), ...options });
const readManifest = async (path) => JSON.parse(await readFile(path.replace(/\.js$/, ".json"), "utf8"));

/** A device that keeps what is written to its buffers. */
async function watch(onWrite = () => {}) {
  const device = await newDevice();
  const contents = new Map();
  const { createBuffer } = device;
  const names = new Map();
  device.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    names.set(buffer, descriptor.label);
    return buffer;
  };
  const { queue } = device;
  const { writeBuffer } = queue;
  queue.writeBuffer = function (buffer, offset, data, dataOffset = 0, size = data.byteLength - dataOffset) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset + dataOffset, size);
    onWrite(names.get(buffer), offset, bytes, contents);
    return writeBuffer.call(queue, buffer, offset, data, dataOffset, size);
  };
  return { device, contents };
}

const keep = (sizes) => (name, offset, bytes, contents) => {
  if (!contents.has(name))
    contents.set(name, new Uint8Array(sizes.get(name)));
  contents.get(name).set(bytes, offset);
};

async function compareUploads() {
  const uploads = [];
  for (const path of [packed, floats]) {
    const manifest = await readManifest(path);
    const sizes = new Map(manifest.weights.map(({ name, bytes }) => [name, bytes]));
    const { device, contents } = await watch(keep(sizes));
    const events = [];
    const model = await loadModule(path, { device, read: readBeside(path), onProgress: (event) => events.push(event) });
    const total = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    check(`${basename(path)}: progress counts what is downloaded`,
      events.at(-1).loadedBytes === total && events.at(-1).totalBytes === total);
    uploads.push({ manifest, contents, report: model.report(), model });
  }
  const [first, second] = uploads;
  let bytes = 0, different = 0;
  for (const [name, expected] of first.contents) {
    const found = second.contents.get(name);
    bytes += expected.byteLength;
    if (!found || Buffer.compare(expected, found) !== 0) {
      ++different;
      console.log(`FAILED: ${name} differs`);
    }
  }
  console.log(`${first.contents.size} buffers, ${different} differ`);
  check("both have the same buffers", first.contents.size === second.contents.size && different === 0);
  const { quantizedInPage: made } = second.report;
  check("the report of packed weights has none of that", first.report.quantizedInPage === null);
  check("the report says what was rounded", made.weights === second.manifest.sources.length &&
    made.floatBytes > 0 && made.milliseconds > 0 && made.workingMemory > 0);
  check("both weigh the same", first.report.memory.packedWeights === second.report.memory.packedWeights &&
    first.manifest.memoryBytes === second.manifest.memoryBytes);
  console.log(`rounded ${second.manifest.sources.map(({ type, rows, columns, packings }) =>
    `${rows}x${columns} ${type}${packings.length > 1 ? ` in ${packings.length} forms` : ""}`).join(", ")}`);
  for (const { model } of uploads)
    model.dispose();
}

/** JavaScript's memory while shards arrive: at most one, beside what the numerics need. */
async function measureMemory() {
  const manifest = await readManifest(floats);
  const inUse = () => {
    globalThis.gc();
    return process.memoryUsage().arrayBuffers;
  };
  let most = 0, held = 0, pending = 0;
  const files = readBeside(floats);
  const read = async (file, ...rest) => {
    if (!file.endsWith(".bin"))
      return files(file, ...rest);
    // Whoever asks for a shard has no other.
    await new Promise((resolve) => setTimeout(resolve));
    held = Math.max(held, inUse());
    check("one shard at a time", ++pending === 1);
    const bytes = await files(file, ...rest);
    --pending;
    return bytes;
  };
  const device = await newDevice();
  const { queue } = device;
  const { writeBuffer } = queue;
  queue.writeBuffer = function (...given) {
    most = Math.max(most, inUse());
    return writeBuffer.apply(queue, given);
  };
  const before = inUse();
  const model = await loadModule(floats, { device, read });
  const largest = Math.max(...manifest.shards.map(({ bytes }) => bytes));
  const { workingMemory } = model.report().quantizedInPage;
  // The engine lets go of the code of the numerics when it likes.
  const slack = (256 << 10) + manifest.quantizer.bytes;
  console.log(`largest shard ${largest}, working memory ${workingMemory}, ` +
    `before a shard ${held - before}, at most ${most - before}`);
  // Node counts what the numerics have among array buffers, or not.
  check("between shards there is none", held - before <= workingMemory + slack);
  check("beside what is packed there is one shard at most", most - before <= largest + workingMemory + slack);
  check("shards are small", largest <= 4 << 20);
  model.dispose();
}

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** A reader whose manifest says the hashes of shards that `change` has changed. */
async function withHashes(change) {
  const manifest = await readManifest(floats);
  const changed = new Map();
  let begin = 0;
  for (const shard of manifest.shards) {
    const bytes = new Uint8Array(await readFile(join(dirname(floats), shard.file)));
    change(bytes, begin);
    begin += bytes.byteLength;
    shard.sha256 = hash(bytes);
    changed.set(shard.file, bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(manifest));
  return readBeside(floats, (file, bytes) => file.endsWith(".json") ? text : changed.get(file) ?? bytes);
}

async function failToLoad() {
  const manifest = await readManifest(floats);
  const [last] = manifest.shards.slice(-1);
  await rejects("a flipped bit", "corrupted",
    loadModule(floats, { read: readBeside(floats, (file, bytes) => {
      if (file === last.file)
        bytes[bytes.length >> 1] ^= 1;
      return bytes;
    }) }), "is corrupted: SHA-256");
  await rejects("numerics that are others", "corrupted",
    loadModule(floats, { read: readBeside(floats, (file, bytes) =>
      file === manifest.quantizer.file ? bytes.subarray(1) : bytes) }), manifest.quantizer.file);
  const controller = new AbortController();
  await rejects("an abort in the middle", "aborted",
    loadModule(floats, { signal: controller.signal, read: readBeside(floats, (file, bytes) => {
      if (file === last.file)
        controller.abort();
      return bytes;
    }) }), "aborted by the caller");
  // A number that is none, at row 5, column 7 of the last weight of f32.
  const source = manifest.sources.findLast(({ type }) => type === "f32");
  const place = source.offset + (5 * source.columns + 7) * 4;
  const read = await withHashes((bytes, begin) => {
    if (place >= begin && place + 4 <= begin + bytes.byteLength)
      new DataView(bytes.buffer).setFloat32(place - begin, NaN, true);
  });
  await rejects("a weight that is no number", "corrupted", loadModule(floats, { read }),
    `weight '${source.name}' cannot be quantized: row 5, column 7: weights must be finite, found nan`);
  const again = await loadModule(floats, { read: readBeside(floats) });
  check("it loads after all that", again.report().quantizedInPage.weights > 0);
  again.dispose();
}

/** Kernels whose weights come as floats wait until these are rounded. */
async function runEarly() {
  const manifest = await readManifest(floats);
  const [last] = manifest.shards.slice(-1);
  const run = (model) => model.run(Object.fromEntries(model.inputs.map(({ name, shape }) =>
    [name, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 7)])));
  let open;
  const gate = new Promise((resolve) => { open = resolve; });
  const files = readBeside(floats);
  const model = await loadModule(floats, { start: "early", read: async (file, ...rest) => {
    if (file === last.file)
      await gate;
    return files(file, ...rest);
  } });
  let isDone = false;
  const early = run(model).finally(() => { isDone = true; });
  await new Promise((resolve) => setTimeout(resolve, 200));
  check("an early run waits for what is to be rounded", !isDone && model.report().load.weights === null);
  open();
  const found = Object.values(await early), later = Object.values(await run(model));
  check("an early run finds what later ones do", found.length > 0 && found.every((values, i) =>
    values.every((value, j) => value === later[i][j])));
  model.dispose();
}

await compareUploads();
await runEarly();
await measureMemory();
await failToLoad();
finish();
