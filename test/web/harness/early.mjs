//===- early.mjs - models that run before all of them is there, on Dawn ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: early.mjs MODULE FALLBACK
//
// MODULE is made of module.mlir: y = 3 x + 0.5 on 256 x 256 numbers. Shards 0 to 3
// are of the first of two kernels, 4 to 7 of the second. Holds shards back, and checks
// what runs meanwhile, and that whatever ends the load ends the run, for the same
// reason. FALLBACK is a language model, run on WebAssembly.
//===----------------------------------------------------------------------===//

import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const paths = process.argv.slice(2, 4).map((path) => resolve(path));
const [{ load }, fallback] = await Promise.all(paths.map((path) => import(pathToFileURL(path))));
const { gpu } = await openDawn();

const x = Float32Array.from({ length: 65536 }, (_, i) => i / 100);
const isRight = ({ y }) => y.length === 65536 && y.every((value, i) => Math.abs(value - (3 * x[i] + 0.5)) < 1e-3);

/** Files beside a module, of which those that end in `end` come when `open` is called; `change` may alter bytes. */
function holdBack(path, end, change = (file, bytes) => bytes) {
  let open;
  const gate = new Promise((resolve) => { open = resolve; });
  const asked = [];
  const readHeld = readBeside(path, async (file, bytes) => {
    const changed = change(file, bytes);
    if (file.endsWith(end))
      await gate;
    return changed;
  });
  const read = (file, ...rest) => {
    asked.push(file);
    return readHeld(file, ...rest);
  };
  return { read, open, asked };
}

/** A device that counts what was submitted to it with dispatches, and which buffers it holds. */
async function openDevice() {
  const device = await (await gpu.requestAdapter()).requestDevice();
  const counts = { dispatches: 0, buffers: new Set() };
  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = () => {
    const encoder = createCommandEncoder();
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = () => {
      const pass = beginComputePass();
      const dispatchWorkgroups = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (...grid) => {
        ++counts.dispatches;
        dispatchWorkgroups(...grid);
      };
      return pass;
    };
    return encoder;
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor), destroy = buffer.destroy.bind(buffer);
    counts.buffers.add(buffer);
    buffer.destroy = () => {
      counts.buffers.delete(buffer);
      destroy();
    };
    return buffer;
  };
  return { device, counts };
}

/** Waits until `holds`, as tests of what happens in between must. */
async function wait(name, holds) {
  const end = performance.now() + 60000;
  while (!holds() && performance.now() < end)
    await new Promise((done) => setTimeout(done, 5));
  check(name, holds());
}

async function runEarly() {
  const { device, counts } = await openDevice();
  const { read, open, asked } = holdBack(paths[0], ".5.bin");
  const events = [];
  const model = await load({ device, read, start: "early", onProgress: (event) => events.push(event) });
  check("the model is there before its weights", !asked.some((file) => file.endsWith(".6.bin")));
  const { load: early } = model.report();
  check("the report says what isn't there yet", early.started > 0 && early.weights === null && early.total === null);
  let isDone = false;
  const runs = [model.run({ x }), model.run({ x })];
  runs[0].then(() => { isDone = true; });
  await wait("the first kernel runs without the second one's weights", () => counts.dispatches === 1);
  const seen = events.length;
  await new Promise((done) => setTimeout(done, 50));
  check("the second one waits for them", counts.dispatches === 1 && !isDone);
  open();
  check("both runs compute 3 x + 0.5", (await Promise.all(runs)).every(isRight));
  await model.loaded;
  check("progress goes on", events.length > seen && events.at(-1).loadedBytes === 524288 &&
    events.at(-1).pipelines === 2 && events.every((event, i) => i === 0 || event.loadedBytes >= events[i - 1].loadedBytes));
  const { started, weights, total } = model.report().load;
  check("the report says when", started <= weights && weights <= total);
  check("a run behind them", isRight(await model.run({ x })) && counts.dispatches === 6);
  model.dispose();
  check("everything is freed", counts.buffers.size === 0 && model.report().memory.total === 0);
}

/** Ends a load whose sixth shard is held back, while a run waits for it. */
async function failEarly(name, code, { change, signal, act }) {
  const { device, counts } = await openDevice();
  const { read, open, asked } = holdBack(paths[0], ".5.bin", change);
  const model = await load({ device, read, signal, start: "early" });
  const run = model.run({ x });
  run.catch(() => {});
  await wait(`${name}: a run has begun`, () => counts.dispatches === 1);
  await act?.({ device, model });
  if (!act)
    open();
  await rejects(`${name}: the run`, code, run);
  await rejects(`${name}: what is loaded`, code, model.loaded);
  await rejects(`${name}: a later run`, code, model.run({ x }));
  check(`${name}: everything is freed`, counts.buffers.size === 0 && model.report().memory.total === 0);
  open();
  await new Promise((done) => setTimeout(done, 20));
  check(`${name}: nothing more is read`, !asked.some((file) => file.endsWith(".7.bin")));
  const again = await load({ device: (await openDevice()).device, read: holdBack(paths[0], "none").read, start: "early" });
  check(`${name}: it loads again`, isRight(await again.run({ x })));
  again.dispose();
}

/** A device that has no memory left for what is written from now on. */
function exhaust(device) {
  const writeBuffer = device.queue.writeBuffer.bind(device.queue);
  const popErrorScope = device.popErrorScope.bind(device);
  let left = 0;
  device.queue.writeBuffer = (...all) => {
    left = 1;
    writeBuffer(...all);
  };
  device.popErrorScope = async () => {
    const isMemory = left-- > 0;
    return await popErrorScope() ?? (isMemory ? { message: "no room for a shard" } : null);
  };
}

async function failInEveryWay() {
  const flip = (file, bytes) => {
    if (file.endsWith(".5.bin"))
      bytes[1000] ^= 1;
    return bytes;
  };
  await failEarly("a flipped bit", "corrupted", { change: flip });
  await failEarly("a shard that is cut", "corrupted", {
    change: (file, bytes) => file.endsWith(".5.bin") ? bytes.subarray(4) : bytes });
  const controller = new AbortController();
  await failEarly("an abort", "aborted", { signal: controller.signal, act: () => controller.abort() });
  await failEarly("a lost device", "device-lost", { act: async ({ device }) => {
    device.destroy();
    await device.lost;
  } });
  await failEarly("a model that was disposed of", "disposed", { act: ({ model }) => model.dispose() });
}

async function runOutOfMemory() {
  const { device, counts } = await openDevice();
  const { read, open } = holdBack(paths[0], ".5.bin");
  const model = await load({ device, read, start: "early" });
  const run = model.run({ x });
  run.catch(() => {});
  await wait("no memory: a run has begun", () => counts.dispatches === 1);
  exhaust(device);
  open();
  await rejects("no memory for a shard: the run", "out-of-memory", run);
  await rejects("no memory for a shard: what is loaded", "out-of-memory", model.loaded);
  check("no memory for a shard: everything is freed", counts.buffers.size === 0);
}

async function failBefore() {
  const { read } = holdBack(paths[0], "none", (file, bytes) => file.endsWith(".0.bin") ? bytes.subarray(4) : bytes);
  await rejects("a first shard that is cut", "corrupted",
    load({ device: (await openDevice()).device, read, start: "early" }));
  await rejects("an unknown start", "bad-input", load({ read, start: "now" }));
  const controller = new AbortController();
  const model = await load({
    device: (await openDevice()).device, read: holdBack(paths[0], "none").read, signal: controller.signal });
  await model.loaded;
  controller.abort();
  check("an abort of a load that is done ends nothing", isRight(await model.run({ x })));
  model.dispose();
}

/** On WebAssembly a function is one call: it waits for all weights. */
async function runOnWebAssembly() {
  const prompt = [3, 1, 4, 1, 5], options = { backend: "wasm", start: "early" };
  const { read, open } = holdBack(paths[1], ".1.bin");
  const model = await fallback.load({ ...options, read });
  let isDone = false;
  const tokens = model.generate(prompt, { maxTokens: 2 }).finally(() => { isDone = true; });
  await new Promise((done) => setTimeout(done, 50));
  check("WebAssembly: a run waits for weights", !isDone && model.report().load.weights === null);
  open();
  const found = await tokens;
  await model.loaded;
  const { first, runs } = model.report().latency;
  check(`WebAssembly: the wait is of the first token's time, found ${first}`, runs === 2 && first >= 45);
  check("WebAssembly: it has them", (await model.generate(prompt, { maxTokens: 2 })).join() === found.join());
  model.dispose();
  const cut = holdBack(paths[1], ".1.bin", (file, bytes) => file.endsWith(".1.bin") ? bytes.subarray(4) : bytes);
  const other = await fallback.load({ ...options, read: cut.read });
  const run = other.generate(prompt);
  run.catch(() => {});
  cut.open();
  await rejects("WebAssembly: a shard that is cut", "corrupted", run);
  await rejects("WebAssembly: what is loaded", "corrupted", other.loaded);
  check("WebAssembly: nothing is held", other.report().memory.total === 0);
}

/** What `read` throws is the error of all that waits for it. */
async function failToRead(name, load, path, options, use) {
  let open;
  const gate = new Promise((resolve) => { open = resolve; });
  const read = readBeside(path, async (file, bytes) => {
    if (!file.endsWith(".1.bin"))
      return bytes;
    await gate;
    throw new RangeError("the disk is gone");
  });
  const model = await load({ ...options, read, start: "early" });
  const run = use(model);
  run.catch(() => {});
  open();
  const says = ".1.bin' cannot be read: the disk is gone";
  await rejects(`${name}: a run of what cannot be read`, "network", run, says);
  await rejects(`${name}: what is loaded of it`, "network", model.loaded, says);
  await rejects(`${name}: a later run`, "network", use(model), says);
}

await runEarly();
await failInEveryWay();
await runOutOfMemory();
await failBefore();
await runOnWebAssembly();
await failToRead("WebAssembly", fallback.load, paths[1], { backend: "wasm" }, (model) => model.generate([3, 1, 4]));
await failToRead("WebGPU", load, paths[0], { device: (await openDevice()).device }, (model) => model.run({ x }));
await runEarly();
finish(`${basename(paths[0])}: `);
