//===- dawn.mjs - how fast a web module runs through Dawn -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: dawn.mjs MODULE INPUT.npy OUTPUT.npy ITERATIONS COPY_BYTES
//
// Prints, as JSON, the fastest run of the module's only input, and of a copy of that
// many bytes from one buffer to another: the time between the begin and the end of
// the compute pass as the device takes it, or else of the call.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HARNESS = join(dirname(fileURLToPath(import.meta.url)), "../../test/web/harness");
const { create, globals } = await import(
  pathToFileURL(createRequire(join(HARNESS, "package.json")).resolve("webgpu")));
const { readNpy, writeNpy } = await import(pathToFileURL(join(HARNESS, "npy.mjs")));
Object.assign(globalThis, globals);

const [file, from, to, runs, copyBytes] = process.argv.slice(2);
const path = resolve(file);
// Times in nanoseconds, as the device has them.
const gpu = create(["disable-dawn-features=timestamp_quantization"]);
globalThis.navigator ??= {};
Object.defineProperty(globalThis.navigator, "gpu", { value: gpu });
const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
if (!adapter)
  throw new Error("Dawn found no adapter: set VK_ICD_FILENAMES to a Vulkan driver");
const device = await adapter.requestDevice({
  requiredFeatures: ["timestamp-query", "subgroups"].filter((feature) => adapter.features.has(feature)),
  requiredLimits: {
    maxBufferSize: adapter.limits.maxBufferSize,
    maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
  },
});
const takesTimes = device.features.has("timestamp-query");
const TIMES = 16, RESOLVE = 0x200, FROM = 0x04, TO = 0x08, READ = 0x01;

/** Takes the times of each compute pass that the module begins. */
function watchPasses() {
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = device.createBuffer({ size: TIMES, usage: RESOLVE | FROM });
  const read = device.createBuffer({ size: TIMES, usage: READ | TO });
  const createEncoder = device.createCommandEncoder.bind(device);
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  device.createCommandEncoder = () => {
    const encoder = createEncoder();
    const beginPass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = () => beginPass({ timestampWrites });
    return encoder;
  };
  return async () => {
    const encoder = createEncoder();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, TIMES);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(READ);
    const [begin, end] = new BigUint64Array(read.getMappedRange().slice(0));
    read.unmap();
    return Number(end - begin) / 1e6;
  };
}

/** The fastest of all runs of `work` in milliseconds, by the clock or by `readTime`. */
async function measure(work, readTime) {
  let best = Infinity;
  for (let i = 0; i < Number(runs); ++i) {
    const start = performance.now();
    await work();
    const called = performance.now() - start;
    best = Math.min(best, readTime ? await readTime() : called);
  }
  return best;
}

async function measureCopy(size) {
  const [source, target] = [0, 1].map(() => device.createBuffer({ size, usage: FROM | TO }));
  // Copies have no times of their own: many are one call, whose overhead counts little.
  const COPIES = 8;
  const time = await measure(async () => {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < COPIES; ++i)
      encoder.copyBufferToBuffer(source, 0, target, 0, size);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  });
  source.destroy();
  target.destroy();
  return time / COPIES;
}

const copy = await measureCopy(Number(copyBytes));
const { load } = await import(pathToFileURL(path));
const read = async (name) => new Uint8Array(await readFile(join(dirname(path), name)));
const model = await load({ device, read });
const readTime = takesTimes ? watchPasses() : undefined;
const inputs = { [model.inputs[0].name]: readNpy(from).data };
let outputs;
const best = await measure(async () => { outputs = await model.run(inputs); }, readTime);
const [{ name, shape }] = model.outputs;
writeNpy(to, shape, outputs[name]);
const { adapter: about, variant, dispatches, memory } = model.report();
console.log(JSON.stringify({
  device: [about.vendor, about.architecture, about.description].filter(Boolean).join(" ") +
    (about.isSoftware ? " (software)" : ""),
  variant, dispatches, ms: best, "copy ms": copy, weights: memory.packedWeights,
  "timed by": takesTimes ? "the device" : "calls",
}));
process.exit(0);
