//===- runtime.mjs - the run time of web modules, on Dawn -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: runtime.mjs MODULE
//
// MODULE is made of module.mlir: y = 3 x + 0.5 on 256 x 256 numbers, in eight
// shards. Loads it well, and in every way that fails, and checks that what is
// rejected names its cause, and that loading works again after it.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const path = resolve(process.argv[2]);
const { load, planScratch } = await import(pathToFileURL(path));
const { gpu } = await openDawn();

const newDevice = async () => (await gpu.requestAdapter()).requestDevice();
const reader = (change) => readBeside(path, change);
const x = Float32Array.from({ length: 65536 }, (_, i) => i / 100);
const isRight = ({ y }) => y.length === 65536 && y.every((value, i) => Math.abs(value - (3 * x[i] + 0.5)) < 1e-3);

async function loadAndRun() {
  const events = [];
  const model = await load({
    device: await newDevice(), read: reader(), onProgress: (event) => events.push({ ...event }),
  });
  check("run computes 3 x + 0.5", isRight(await model.run({ x })));
  const both = await Promise.all([model.run({ x }), model.run({ x })]);
  check("runs at the same time follow each other", both.every(isRight));
  const last = events.at(-1);
  check("progress ends where everything is there",
    last.loadedBytes === last.totalBytes && last.totalBytes === 524288 &&
    last.pipelines === last.totalPipelines && last.totalPipelines === 2);
  check("progress never goes back", events.every((event, i) => i === 0 ||
    (event.loadedBytes >= events[i - 1].loadedBytes && event.pipelines >= events[i - 1].pipelines)));
  const report = model.report();
  check("the report counts weights", report.memory.packedWeights === 524288 &&
    report.memory.reduction === 0.75 && report.memory.total >= 524288 + 2 * 262144);
  check("the report has three runs", report.latency.runs === 3 && report.latency.p50 > 0);
  check("the report says what computes", report.adapter.vendor !== "" && report.backend === "webgpu");
  check("the report counts workgroups", report.workgroups.length === 1 &&
    report.workgroups[0].size.join() === "64,1,1" && report.workgroups[0].dispatches === 2);
  check("a model without a cache says so", model.hasCache === false && report.precision === null);
  check("inputs and outputs are described", model.inputs[0].name === "x" &&
    model.outputs[0].shape.join() === "256,256");
  await rejects("a missing input", "bad-input", model.run({}));
  await rejects("an unknown input", "bad-input", model.run({ x, z: x }));
  await rejects("an input of another size", "bad-input", model.run({ x: x.subarray(1) }));
  await rejects("generate without a language model", "bad-input", model.generate([1]));
  check("an error of one run leaves the next alone", isRight(await model.run({ x })));
  model.dispose();
  await rejects("a model that was disposed of", "disposed", model.run({ x }));
}

async function failToLoad() {
  const at = async (options) => load({ device: await newDevice(), ...options });
  const flip = (file, bytes) => {
    if (file.endsWith(".3.bin"))
      bytes[1000] ^= 1;
    return bytes;
  };
  const cut = (file, bytes) => file.endsWith(".5.bin") ? bytes.subarray(1) : bytes;
  await rejects("a flipped bit", "corrupted", at({ read: reader(flip) }));
  await rejects("a shard that is cut", "corrupted", at({ read: reader(cut) }));
  await rejects("a manifest that is none", "corrupted",
    at({ read: reader((file, bytes) => file.endsWith(".json") ? bytes.subarray(9) : bytes) }));
  await rejects("an unknown variant", "bad-input", at({ read: reader(), variant: "f64" }));
  await rejects("a precision of a module of one", "bad-input", at({ read: reader(), precision: "int8" }));
  await rejects("a bound for a module of one", "bad-input", at({ read: reader(), memory: 1e9 }));
  await rejects("an abort before", "aborted", at({ read: reader(), signal: AbortSignal.abort() }));
  const controller = new AbortController();
  const abortAt = (file, bytes) => {
    if (file.endsWith(".4.bin"))
      controller.abort();
    return bytes;
  };
  await rejects("an abort in the middle", "aborted",
    at({ read: reader(abortAt), signal: controller.signal }));
  await rejects("a file that is not there", "network",
    at({ baseURL: "http://127.0.0.1:9/" }));
  await rejects("no WebGPU", "no-webgpu", load({ read: reader() }));
}

/** As a server would: the files, of which `change` may alter some; in pieces, or as bytes that a page fills. */
function serve(change, type) {
  const original = globalThis.fetch;
  globalThis.fetch = async (url) => {
    const file = basename(new URL(url).pathname);
    const bytes = change(file, new Uint8Array(await readFile(join(dirname(path), file))));
    let sent = 0;
    return new Response(new ReadableStream({
      type,
      pull(controller) {
        if (sent < bytes.byteLength)
          controller.enqueue(bytes.slice(sent, sent += 5000));
        if (sent >= bytes.byteLength) {
          controller.close();
          controller.byobRequest?.respond(0);
        }
      },
    }));
  };
  return () => { globalThis.fetch = original; };
}

async function fetchFiles() {
  for (const type of [undefined, "bytes"]) {
    const named = (text) => `${text}, from a stream ${type ?? "of pieces"}`;
    const baseURL = "http://localhost/";
    let restore = serve((file, bytes) => bytes, type);
    let loaded = 0;
    const model = await load({
      device: await newDevice(), baseURL, onProgress: ({ loadedBytes }) => { loaded = loadedBytes; },
    });
    check(named("run computes 3 x + 0.5"), isRight(await model.run({ x })));
    check(named("all bytes are counted"), loaded === 524288);
    model.dispose();
    restore();
    for (const [what, change] of [
      ["too long", (bytes) => new Uint8Array([...bytes, 0, 0])], ["too short", (bytes) => bytes.subarray(1)]]) {
      restore = serve((file, bytes) => file.endsWith(".3.bin") ? change(bytes) : bytes, type);
      await rejects(named(`a shard that is ${what}`), "corrupted", load({ device: await newDevice(), baseURL }));
      restore();
    }
  }
}

/** A device that has no memory left when the buffer with `label` is asked for. */
async function exhaust(label) {
  const device = await newDevice();
  const createBuffer = device.createBuffer.bind(device);
  const popErrorScope = device.popErrorScope.bind(device);
  let isExhausted = false;
  device.createBuffer = (descriptor) => {
    isExhausted ||= descriptor.label === label;
    return createBuffer(descriptor);
  };
  let scopes = 0;
  device.popErrorScope = async () => {
    const found = await popErrorScope();
    // Scopes are popped from the last one on, which is that of memory.
    return isExhausted && scopes++ === 0 ? { message: `no room for ${label}` } : found;
  };
  return device;
}

async function runOutOfMemory() {
  const device = await exhaust("lowbit.weight.w");
  await rejects("no memory for weights", "out-of-memory", load({ device, read: reader() }));
  check("the caller's device is still there", await Promise.race([
    device.lost.then(() => false), new Promise((done) => setTimeout(() => done(true), 50))]));
}

async function loseDevice() {
  const device = await newDevice();
  const model = await load({ device, read: reader() });
  device.destroy();
  await device.lost;
  await rejects("a lost device", "device-lost", model.run({ x }));
  const early = await newDevice();
  const loseAt = (file, bytes) => {
    if (file.endsWith(".2.bin"))
      early.destroy();
    return bytes;
  };
  await rejects("a device lost while loading", "device-lost", load({ device: early, read: reader(loseAt) }));
}

async function holdFewShards() {
  // One is uploaded while the next is read: what is read is one at a time.
  let held = 0, most = 0;
  const files = reader();
  const read = async (file, ...rest) => {
    if (!file.endsWith(".bin"))
      return files(file, ...rest);
    most = Math.max(most, ++held);
    const bytes = await files(file, ...rest);
    --held;
    return bytes;
  };
  const model = await load({ device: await newDevice(), read });
  check(`one shard is read at a time, found ${most}`, most === 1);
  model.dispose();
}

function shareScratch() {
  const buffer = (name, bytes, first, last) => ({ name, bytes, first, last, kind: "scratch" });
  const { placeOf, sizes } = planScratch([
    buffer("a", 16, 0, 1), buffer("b", 64, 1, 2), buffer("c", 32, 2, 3), buffer("d", 16, 4, 5)]);
  check("buffers that live apart share a place", placeOf.get("a") === placeOf.get("c") &&
    placeOf.get("b") !== placeOf.get("a") && placeOf.get("b") !== placeOf.get("c"));
  check("a place is as large as its largest", sizes.join() === "64,32");
}

await loadAndRun();
await failToLoad();
await loseDevice();
await fetchFiles();
await runOutOfMemory();
await holdFewShards();
shareScratch();
await loadAndRun();
finish(`${basename(path)}: `);
