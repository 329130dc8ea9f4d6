//===- model.js - load, run, generate, report -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** The number below which `share` of the sorted `values` lie. */
function percentile(values, share) {
  if (values.length === 0)
    return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** A model on a device, or in an engine: `scope` has what it holds. */
class Model {
  constructor({ scope, times }, manifest, programs) {
    this.scope = scope;
    this.manifest = manifest;
    this.programs = programs;
    this.loadTimes = times;
    this.latencies = [];
    this.last = Promise.resolve();
    if (programs.has("decode"))
      this.cachedText = new CachedText(programs.get("prefill"), programs.get("decode"));
    this.anyText = this.cachedText ?? TokenWindow.find(this.program);
  }

  /** The function that a run or a token takes. */
  get program() {
    return this.programs.get(this.cachedText ? "decode" : "main");
  }

  describe(kind) {
    return this.program.find(kind).map(({ name, type, shape }) => ({ name, type, shape }));
  }
  get inputs() {
    return this.describe("input");
  }
  get outputs() {
    return this.describe("output");
  }

  get hasCache() {
    return this.cachedText !== undefined;
  }

  /** What predicts tokens; an error for models that don't. */
  get text() {
    if (!this.anyText)
      throw new LowbitError("bad-input",
        "the model doesn't go from [1, n] tokens to [1, n, words] logits; use run");
    return this.anyText;
  }
  get maxTokens() {
    return this.anyText?.maxTokens;
  }

  /** Runs one after another: the buffers of a model serve one run at a time. */
  enqueue(work) {
    const result = this.last.then(() => {
      if (this.scope.isReleased)
        throw this.scope.failure;
      return this.scope.guard(work);
    }).catch((error) => {
      const failure = asLowbitError(error, "internal", "the run failed");
      // A lost device, or one without memory, is of no more use.
      if (failure.code === "device-lost" || failure.code === "out-of-memory")
        this.scope.release(failure);
      throw failure;
    });
    // Only its end is of interest to the next one, not what it gave.
    this.last = result.then(() => {}, () => {});
    return result;
  }

  async time(work) {
    const start = performance.now();
    const result = await work();
    this.latencies.push(performance.now() - start);
    return result;
  }

  run(inputs) {
    return this.enqueue(() => this.time(async () => {
      const program = this.programs.get("main");
      if (!program)
        throw new LowbitError("bad-input",
          "the model extends a text with a KV cache; use predict or generate");
      program.write(inputs);
      const results = [...await program.execute()];
      // Properties of their own, also where one is called `__proto__`.
      return Object.fromEntries(results.map(
        ([output, bytes]) => [output.name,
          Object.assign(program.read(output, bytes), { shape: [...output.shape] })]));
    }));
  }

  async predict(tokens) {
    const all = readTokens(tokens, this.text.words);
    checkRoom(all.length, this.hasCache ? this.maxTokens : Infinity);
    return this.extend(all, (text, known) => text.predict(known));
  }

  /** What `work` finds out of a text and its tokens. */
  extend(all, work) {
    return this.enqueue(() => this.time(async () => work(this.text, all)));
  }

  async generate(tokens, options = {}) {
    const { maxTokens, stopToken, onToken, signal } = checkOptions("generate", options, GENERATE_OPTIONS);
    const all = readTokens(tokens, this.text.words);
    checkStopToken(stopToken, this.text.words);
    const count = chooseCount(all.length, maxTokens, this.hasCache ? this.maxTokens : Infinity);
    const generated = [];
    while (generated.length < count) {
      throwIfAborted(signal);
      const token = await this.extend(all, (text, known) => text.pick(known));
      all.push(token);
      generated.push(token);
      await onToken?.(token, this.latencies.at(-1));
      if (token === stopToken)
        break;
    }
    return generated;
  }

  /** What the model needs and how fast it was, as plain data. */
  report() {
    const { packedBytes, ...backend } = this.scope.describe(this.manifest, this.program);
    const before = this.manifest.floatBytes;
    const scratch = [...this.programs.values()].reduce((sum, p) => sum + p.scratchBytes, 0);
    const runs = this.latencies;
    return {
      model: this.manifest.model,
      ...backend,
      precision: this.precision?.name ?? null,
      accuracy: this.precision?.accuracy ?? null,
      bitsPerWeight: this.manifest.bitsPerWeight,
      memory: {
        floatWeights: before,
        packedWeights: packedBytes,
        reduction: before ? 1 - packedBytes / before : 0,
        scratch,
        cache: this.cachedText?.bytes ?? 0,
        total: this.scope.bytes,
      },
      latency: {
        runs: runs.length,
        first: runs[0] ?? null,
        p50: percentile(runs, 0.5),
        p90: percentile(runs, 0.9),
        p99: percentile(runs, 0.99),
      },
      load: this.loadTimes,
      quantizedInPage: this.quantizer?.describe() ?? null,
    };
  }

  /** Frees everything. The model can't be used after that; load again. */
  dispose() {
    this.scope.release();
  }
}

/** Buffers, programs, and pipelines on their way: all of a model but its weights' bytes. */
function prepareOnDevice(loading, manifest) {
  const { scope } = loading, ends = findEnds(manifest);
  const { kernels, compiled } = createPipelines(scope, manifest, () => loading.countPipeline());
  const weights = new Map(manifest.weights.map(({ name, bytes }) => [
    name, { gpu: scope.createBuffer(name, bytes, BINDABLE | TO), end: ends.get(name) }]));
  const programs = new Map(), states = new Map();
  for (const [name, schedule] of Object.entries(manifest.functions))
    programs.set(name, new Program(loading, schedule, kernels, weights, states));
  return { model: new Model(loading, manifest, programs), weights, compiled };
}

/** Downloads weights to their buffers, once these are `ready`. */
async function upload(loading, manifest, model, weights, ready) {
  const { scope, files, signal } = loading;
  const quantizer = model.quantizer = await PageQuantizer.create(manifest, files, signal);
  const stage = new Stage(scope, chooseStageBytes(manifest));
  await loadShards({
    manifest, files, signal, quantizer, ready,
    onBytes: (bytes) => loading.countBytes(bytes),
    // Of floats it isn't known what they become; it is a fraction of them.
    settle: (bytes) => stage.makeRoom(quantizer ? 0 : bytes),
    write: (weight, offset, data) => stage.write(weights.get(weight).gpu, offset, data),
    onPiece: (end) => {
      stage.send();
      loading.arrive(end);
    },
  });
  await stage.drain();
  loading.note("weights");
}

/** A model on a device of the GPU, which may run. */
async function startOnDevice(opened, manifest, options) {
  const scope = new DeviceScope(opened, options.workgroupSize);
  const loading = new Loading(scope, options, {
    bytes: sumBytes(manifest.shards), pipelines: findKernels(manifest).size,
  });
  try {
    let parts;
    const prepared = scope.check(() => { parts = prepareOnDevice(loading, manifest); });
    // Without them there is no model to be ended.
    if (!parts)
      await prepared;
    const { model, weights, compiled } = parts;
    const pipelines = compiled.then(() => loading.note("pipelines"));
    const work = Promise.all([prepared, pipelines, upload(loading, manifest, model, weights, prepared)]);
    return await loading.run(model, prepared, work);
  } catch (error) {
    scope.release(error);
    throw error;
  }
}

/** The options of `load`. */
const LOAD_OPTIONS = {
  backend: "any", device: "device", onProgress: "function", signal: "signal", start: "any", variant: "any",
  workgroupSize: "any", precision: "any", memory: "any", minAccuracy: "any", baseURL: "any", read: "function",
};

/** Causes for which WebAssembly takes the place of a GPU. */
const WITHOUT_GPU = ["no-webgpu", "no-adapter", "no-device", "unsupported"];

/** Whether what options ask for leaves open what the model runs on. */
const isAnyBackend = ({ backend, device, variant, workgroupSize }) =>
  [backend, device, variant, workgroupSize].every((wish) => wish == null);

/** Fails unless `backend` is one that there is, also in this module. */
function checkBackend(backend, hasFallback) {
  if (![undefined, "webgpu", "wasm"].includes(backend))
    throw new LowbitError("bad-input", `backend requires "webgpu" or "wasm", found ${describeValue(backend)}`);
  if (backend === "wasm" && !hasFallback)
    throw new LowbitError("unsupported",
      "the module has no WebAssembly; compile without --fallback=none");
}

/** What a load would take for one of `precisions`, if there is a device for it. */
async function foreseeBackend(options, precisions) {
  const hasFallback = precisions.some(({ wasmMemoryBytes }) => wasmMemoryBytes !== undefined);
  checkBackend(options.backend, hasFallback);
  if (!isAnyBackend(options) || !hasFallback)
    return options.backend ?? "webgpu";
  return await findAdapter() ? "webgpu" : "wasm";
}

/** A device, unless WebAssembly is asked for, or there is none and nothing but it would do. */
async function openBackend(manifest, options, size) {
  const { backend, device, variant } = options;
  checkBackend(backend, manifest.fallback);
  if (backend === "wasm")
    return { reason: null };
  try {
    return { opened: await openDevice(device, manifest, variant, size) };
  } catch (error) {
    if (!isAnyBackend(options) || !manifest.fallback || !WITHOUT_GPU.includes(error.code))
      throw error;
    return { reason: error };
  }
}

/**
 * Downloads the model, compiles its kernels and uploads its weights, all at the
 * same time; without a GPU it runs on WebAssembly. See the declarations beside
 * this file.
 */
export async function load(options = {}) {
  try {
    checkOptions("load", options, LOAD_OPTIONS);
    const size = checkWorkgroupSize(options.workgroupSize);
    const start = checkStart(options.start);
    const files = new Files(options);
    throwIfAborted(options.signal);
    let { manifest, entry } = await readModel(files, options);
    const { opened, reason } = await openBackend(manifest, options, size);
    // A bound is for what the model runs on.
    if (reason && options.memory !== undefined)
      ({ manifest, entry } = await readModel(files, options, "wasm"));
    const model = opened
      ? await startOnDevice(opened, manifest, { ...options, workgroupSize: size, files })
      : await startFallback(manifest, reason, { ...options, files });
    model.precision = entry ? describePrecision(entry) : null;
    if (start === "loaded")
      await model.loaded;
    return model;
  } catch (error) {
    throw asLowbitError(error, "internal", "the model cannot be loaded");
  }
}
