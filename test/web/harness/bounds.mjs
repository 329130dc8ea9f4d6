//===- bounds.mjs - bounds on memory, and what models take, on Dawn --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: bounds.mjs PRECISIONS MODULE...
//
// PRECISIONS has int8, int4-g32 and int2-g32. Asks for each of them by the memory
// that it takes, on a GPU and on WebAssembly, and loads it: it takes no more. Then
// what each MODULE says of its memory, and what it takes when it has run.
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const [path, ...modules] = process.argv.slice(2).map((name) => resolve(name));
const { determineBestVariant, listPrecisions, load } = await import(pathToFileURL(path));
const { gpu } = await openDawn();
const openDevice = async () => (await gpu.requestAdapter()).requestDevice();
const read = readBeside(path);
const list = await listPrecisions({ read });

/** Runs a model of any kind, twice, and then takes its report. */
async function useUp(model) {
  const fill = ({ name, shape }) => [name, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 3)];
  for (let i = 0; i < 2; ++i)
    if (model.hasCache)
      await model.generate([1, 2, 3, 1, 2, 3 + i], { maxTokens: 3 });
    else
      await model.run(Object.fromEntries(model.inputs.map(fill)));
  return model.report();
}

/** `given` says what the model runs on, which is `backend` with `field`. */
async function takeWhatFits(backend, field, given) {
  for (const [i, precision] of list.entries()) {
    const bytes = precision[field];
    const { name } = await determineBestVariant({ read, memory: bytes, ...given });
    check(`${backend}: ${bytes} bytes are for ${precision.name}, found ${name}`, name === precision.name);
    const model = await load({ read, memory: bytes, ...given, ...backend === "webgpu" && { device: await openDevice() } });
    const report = await useUp(model);
    check(`${backend}: ${precision.name} takes what was asked for, ${bytes}, found ${report.memory.total} of ${report.precision}`,
      report.backend === backend && report.precision === precision.name && report.memory.total === bytes);
    model.dispose();
    const next = list[i + 1];
    const less = { read, memory: bytes - 1, ...given };
    if (next)
      check(`${backend}: a byte less is for ${next.name}`, (await determineBestVariant(less)).name === next.name);
    else
      await rejects(`${backend}: a byte less is for none`, "no-variant", determineBestVariant(less),
        `at most ${bytes - 1} bytes${backend === "wasm" ? " on WebAssembly" : ""}; the smallest, 'int2-g32', takes ${bytes}`);
  }
}

/** A page with an adapter that cannot bind a byte. */
async function fallBack() {
  const [int8, int4] = list;
  const limits = { maxBufferSize: 0 };
  const { navigator } = globalThis;
  const set = (value) => Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  set({ gpu: { requestAdapter: async () => ({ limits, info: {}, features: new Set() }) } });
  try {
    check("there is an adapter: the figure is a GPU's",
      (await determineBestVariant({ read, memory: int8.memoryBytes })).name === "int8");
    const model = await load({ read, memory: int4.wasmMemoryBytes });
    const report = await useUp(model);
    check(`no adapter for the model: the bound is for WebAssembly, found ${report.precision}`, report.backend === "wasm" &&
      report.fallback.code === "unsupported" && report.precision === "int4-g32" && report.memory.total <= int4.wasmMemoryBytes);
    model.dispose();
  } finally {
    set(navigator);
  }
}

/** Manifests that say nothing of WebAssembly's memory, or that there is none. */
async function lackFigures() {
  const change = (edit) => readBeside(path, (file, bytes) => {
    const manifest = file.endsWith(".json") ? JSON.parse(new TextDecoder().decode(bytes)) : {};
    manifest.precisions?.forEach(edit);
    return manifest.precisions ? new TextEncoder().encode(JSON.stringify(manifest)) : bytes;
  });
  const ask = (edit, options) => determineBestVariant({ memory: 1e12, read: change(edit), ...options });
  const unknown = (precision) => { precision.wasmMemoryBytes = null; };
  const none = (precision) => { delete precision.wasmMemoryBytes; };
  await rejects("what runs take isn't known", "no-variant", ask(unknown), "only a run tells; load it without memory");
  await rejects("no WebAssembly", "unsupported", ask(none, { backend: "wasm" }), "the module has no WebAssembly");
  const measured = (precision) => { precision.accuracy = 0.5; };
  const say = (where) => `no precision of at most 1000000000000 bytes${where} has an accuracy of 0.9; the best, 'int8', has 0.5`;
  await rejects("both bounds on WebAssembly", "no-variant",
    ask(measured, { backend: "wasm", minAccuracy: 0.9 }), say(" on WebAssembly"));
  await rejects("both bounds on a GPU", "no-variant", ask(measured, { backend: "webgpu", minAccuracy: 0.9 }), say(""));
  check("without it bounds are for GPUs", (await ask(none)).name === "int8");
  await rejects("an unknown back end", "bad-input", ask(none, { backend: "cpu" }), "backend requires");
  await rejects("a figure that is none", "corrupted", ask((precision) => { precision.wasmMemoryBytes = "much"; }));
}

/** Of one precision: the manifest's own figures. */
async function compareFigures(module) {
  const { memoryBytes, wasmMemoryBytes } = JSON.parse(await readFile(module.replace(/\.js$/, ".json"), "utf8"));
  const runtime = await import(pathToFileURL(module));
  for (const [given, bytes] of [[{ backend: "wasm" }, wasmMemoryBytes], [{ device: await openDevice() }, memoryBytes]]) {
    const model = await runtime.load({ read: readBeside(module), ...given });
    const { backend, memory } = await useUp(model);
    check(`${basename(module)} on ${backend}: ${bytes} bytes, found ${memory.total}`, memory.total === bytes);
    model.dispose();
  }
}

await takeWhatFits("webgpu", "memoryBytes", { backend: "webgpu" });
await takeWhatFits("wasm", "wasmMemoryBytes", { backend: "wasm" });
await takeWhatFits("wasm", "wasmMemoryBytes", {});
await fallBack();
await lackFigures();
for (const module of modules)
  await compareFigures(module);
finish();
