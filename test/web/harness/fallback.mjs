//===- fallback.mjs - web modules without a GPU ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: fallback.mjs MODULE NONE
//
// MODULE predicts tokens, in several shards; NONE is the same model without
// WebAssembly. Loads MODULE for every reason for which it takes WebAssembly, and
// in every way that fails, and checks that what is rejected names its cause, and
// that loading works again after it.
//===----------------------------------------------------------------------===//

import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, readBeside, rejects } from "./checks.mjs";

const path = resolve(process.argv[2]), none = resolve(process.argv[3]);
const { load } = await import(pathToFileURL(path));
const { load: loadNone } = await import(pathToFileURL(none));

const reader = (change, module = path) => readBeside(module, change);

/** Changes the manifest. */
const rewrite = (change) => reader((file, bytes) => {
  if (!file.endsWith(".json"))
    return bytes;
  const manifest = JSON.parse(new TextDecoder().decode(bytes));
  change(manifest);
  return new TextEncoder().encode(JSON.stringify(manifest));
});

/** A navigator with this `gpu`, while `work` is done. */
async function withGPU(gpu, work) {
  const known = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  try {
    return await work();
  } finally {
    if (known)
      Object.defineProperty(globalThis, "navigator", known);
    else
      delete globalThis.navigator;
  }
}

const prompt = [3, 1, 4, 1, 5];
const limits = { maxBufferSize: 2 ** 40, maxStorageBufferBindingSize: 2 ** 40 };
const isNumber = (value) => Number.isFinite(value);

async function loadAndRun() {
  const events = [];
  const model = await load({ read: reader(), onProgress: (event) => events.push({ ...event }) });
  const first = model.report();
  check("without WebGPU the module takes WebAssembly, and says why", first.backend === "wasm" &&
    first.fallback.code === "no-webgpu" && first.adapter.isSoftware && first.dispatches === 0);
  const last = events.at(-1);
  check("progress ends where everything is there", last.loadedBytes === last.totalBytes &&
    last.totalBytes > 0 && last.pipelines === 1 && last.totalPipelines === 1);
  check("progress never goes back", events.every((event, i) =>
    i === 0 || event.loadedBytes >= events[i - 1].loadedBytes));
  const logits = await model.predict(prompt);
  check("logits are numbers", logits.length === 512 && logits.every(isNumber));
  const tokens = await model.generate(prompt, { maxTokens: 3 });
  check("the likeliest token comes first", tokens.length === 3 &&
    logits.every((value) => value <= logits[tokens[0]]));
  const [name] = model.inputs.map((input) => input.name);
  const ids = BigInt64Array.from([...prompt, 0, 0, 0], BigInt);
  const [both, again] = await Promise.all([model.run({ [name]: ids }), model.run({ [name]: ids })]);
  check("runs at the same time follow each other", both.logits.length === 8 * 512 &&
    both.logits.every((value, i) => value === again.logits[i]));
  check("run and predict agree", logits.every((value, i) => value === both.logits[4 * 512 + i]));
  const { memory, latency } = model.report();
  check("the report counts memory", memory.packedWeights > 0 && memory.scratch >= 0 &&
    memory.total >= memory.packedWeights && memory.reduction > 0.05);
  check("the report has six runs", latency.runs === 6 && latency.p50 > 0);
  await rejects("a missing input", "bad-input", model.run({}));
  await rejects("an unknown input", "bad-input", model.run({ [name]: ids, z: ids }));
  await rejects("an input of another size", "bad-input", model.run({ [name]: ids.subarray(1) }));
  await rejects("a token that the table lacks", "bad-input", model.predict([512]),
    "token 0 must be an id from 0 to 511, as the model knows 512, found 512");
  await rejects("a part of a token", "bad-input", model.predict([3, 1.5]),
    "token 1 must be a whole number, found 1.5");
  await rejects("a text in the place of tokens", "bad-input", model.predict("31"));
  await rejects("no tokens", "bad-input", model.generate());
  await rejects("fewer than no tokens", "bad-input", model.generate(prompt, { maxTokens: -1 }));
  check("an error of one run leaves the next alone",
    (await model.predict(prompt)).every((value, i) => value === logits[i]));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 0);
  await rejects("generating that is aborted", "aborted",
    model.generate(prompt, { maxTokens: 1e6, signal: controller.signal }));
  model.dispose();
  check("nothing is held by a model that was disposed of", model.report().memory.total === 0);
  await rejects("a model that was disposed of", "disposed", model.predict(prompt));
}

async function chooseBackend() {
  const backendOf = async (gpu, options = {}) => withGPU(gpu, async () => {
    const model = await load({ read: reader(), ...options });
    const { backend, fallback, variant, variants } = model.report();
    model.dispose();
    return { backend, code: fallback?.code, variant, variants };
  });
  const device = async () => { throw new Error("none left"); };
  const adapter = (found) => ({ requestAdapter: async () => found });
  check("no adapter", (await backendOf(adapter(null))).code === "no-adapter");
  check("no device", (await backendOf(adapter({
    limits, features: new Set(), requestDevice: device }))).code === "no-device");
  check("an adapter with too small buffers", (await backendOf(adapter({
    limits: { maxBufferSize: 16, maxStorageBufferBindingSize: 16 } }))).code === "unsupported");
  const asked = await backendOf(undefined, { backend: "wasm" });
  check("WebAssembly that is asked for has no reason",
    asked.backend === "wasm" && asked.code === undefined);
  check("there are two codes", asked.variants.join() === "relaxed-simd,simd128" &&
    asked.variants.includes(asked.variant));
  for (const variant of asked.variants.slice(asked.variants.indexOf(asked.variant)))
    check(`variant ${variant}`,
      (await backendOf(undefined, { backend: "wasm", variant })).variant === variant);
  await rejects("WebGPU alone", "no-webgpu", load({ read: reader(), backend: "webgpu" }));
  await rejects("a variant of the shaders", "no-webgpu", load({ read: reader(), variant: "base" }));
  await rejects("an unknown back end", "bad-input", load({ read: reader(), backend: "abacus" }), "abacus");
  await rejects("an unknown processor", "bad-input",
    load({ read: reader(), backend: "wasm", variant: "sofware" }),
    "the module has no variant 'sofware'; it has 'relaxed-simd', 'simd128'");
  await rejects("a module without WebAssembly", "no-webgpu", loadNone({ read: reader(undefined, none) }));
  await rejects("WebAssembly that isn't there", "unsupported",
    loadNone({ read: reader(undefined, none), backend: "wasm" }), "--fallback=none");
}

async function failToLoad() {
  const flip = (end) => (file, bytes) => {
    if (file.endsWith(end))
      bytes[bytes.length >> 1] ^= 1;
    return bytes;
  };
  await rejects("a flipped bit of a shard", "corrupted", load({ read: reader(flip(".0.bin")) }));
  await rejects("a flipped bit of code", "corrupted", load({ read: reader(flip(".wasm")) }));
  await rejects("a file that is not there", "network", load({ baseURL: "http://127.0.0.1:9/" }));
  await rejects("an abort before", "aborted", load({ read: reader(), signal: AbortSignal.abort() }));
  const controller = new AbortController();
  const abortAt = (file, bytes) => {
    if (file.endsWith(".1.bin"))
      controller.abort();
    return bytes;
  };
  await rejects("an abort in the middle", "aborted",
    load({ read: reader(abortAt), signal: controller.signal }));
  await rejects("weights beyond all memory", "out-of-memory",
    load({ read: rewrite(({ fallback }) => { fallback.weights[0].bytes = 5 * 2 ** 30; }) }), "no memory");
}

/** An engine that knows fewer instructions than this one. */
async function lackInstructions() {
  const { validate } = WebAssembly;
  try {
    WebAssembly.validate = () => false;
    await rejects("an engine without SIMD", "unsupported", load({ read: reader() }), "simd128");
    await rejects("its error says why it was no GPU", "unsupported", load({ read: reader() }), "WebGPU");
    let asked = 0;
    WebAssembly.validate = (bytes) => ++asked > 1 && validate(bytes);
    const model = await load({ read: reader() });
    check("an engine with fewer instructions takes the other code", model.report().variant === "simd128");
    model.dispose();
  } finally {
    WebAssembly.validate = validate;
  }
}

async function yieldToPage() {
  let turns = 0, most = 0, held = 0;
  const timer = setInterval(() => ++turns, 0);
  const files = reader();
  const read = async (file, ...rest) => {
    most = Math.max(most, ++held);
    const bytes = await files(file, ...rest);
    --held;
    return bytes;
  };
  const model = await load({ read });
  clearInterval(timer);
  model.dispose();
  check(`the page has its turn while a model loads, found ${turns}`, turns > 0);
  check(`one shard is read at a time, found ${most}`, most === 1);
}

await loadAndRun();
await chooseBackend();
await failToLoad();
await lackInstructions();
await yieldToPage();
await loadAndRun();
finish(`${basename(path)}: `);
