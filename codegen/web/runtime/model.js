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
  constructor(scope, manifest, programs, load) {
    this.scope = scope;
    this.manifest = manifest;
    this.programs = programs;
    this.loadTimes = load;
    this.latencies = [];
    this.last = Promise.resolve();
    if (programs.has("decode"))
      this.cachedText = new CachedText(programs.get("prefill"), programs.get("decode"));
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
    return this.cachedText ?? new TokenWindow(this.program);
  }
  get maxTokens() {
    return this.text.maxTokens;
  }

  /** Runs one after another: the buffers of a model serve one run at a time. */
  enqueue(work) {
    const result = this.last.then(() => {
      if (this.scope.isReleased)
        throw new LowbitError("disposed", "the model was disposed of");
      if (this.scope.failure)
        throw this.scope.failure;
      return this.scope.guard(work);
    }).catch((error) => {
      const failure = asLowbitError(error, "internal", "the run failed");
      // A lost device, or one without memory, is of no more use.
      if (failure.code === "device-lost" || failure.code === "out-of-memory")
        this.scope.release();
      throw failure;
    });
    this.last = result.catch(() => {});
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
      const outputs = {};
      for (const [output, bytes] of await program.execute())
        outputs[output.name] = program.read(output, bytes);
      return outputs;
    }));
  }

  async predict(tokens) {
    return this.extend(readTokens(tokens), (text, all) => text.predict(all));
  }

  /** What `work` finds out of a text and its tokens. */
  extend(all, work) {
    return this.enqueue(() => this.time(async () => {
      if (all.length === 0)
        throw new LowbitError("bad-input", "a prediction requires at least one token");
      return work(this.text, all);
    }));
  }

  async generate(tokens, { maxTokens = 32, stopToken, onToken, signal } = {}) {
    const all = readTokens(tokens);
    checkMaxTokens(maxTokens);
    const generated = [];
    while (generated.length < maxTokens) {
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
      quantizedInPage: this.quantized,
    };
  }

  /** Frees everything. The model can't be used after that; load again. */
  dispose() {
    this.scope.release();
  }
}

/** Everything of a model on a device, made while its weights arrive. */
async function build(scope, manifest, { read, signal, onProgress }) {
  const start = performance.now();
  const totalBytes = sumBytes(manifest.shards);
  const totalPipelines = findKernels(manifest).size;
  let loadedBytes = 0, pipelines = 0;
  const progress = () => onProgress?.({ loadedBytes, totalBytes, pipelines, totalPipelines });
  const weights = new Map();
  for (const { name, bytes } of manifest.weights)
    weights.set(name, scope.createBuffer(name, bytes, BINDABLE | TO));
  const times = {};
  let quantizer = null;
  const compiled = createPipelines(scope, manifest, () => { ++pipelines; progress(); })
    .then((result) => { times.pipelines = performance.now() - start; return result; });
  const upload = async () => {
    quantizer = await PageQuantizer.create(manifest, read, signal);
    await loadShards({
      manifest, read, signal, quantizer,
      onBytes: (bytes) => { loadedBytes += bytes; progress(); },
      write: (weight, offset, data) => scope.device.queue.writeBuffer(
        weights.get(weight), offset, data, 0, data.byteLength),
      // Uploads are staged: waiting keeps the stage as small as one shard.
      settle: () => scope.device.queue.onSubmittedWorkDone(),
    });
    times.weights = performance.now() - start;
  };
  const uploaded = upload();
  const [ready] = await Promise.all([compiled, uploaded]);
  throwIfAborted(signal);
  const programs = new Map(), states = new Map();
  for (const [name, schedule] of Object.entries(manifest.functions))
    programs.set(name, new Program(scope, schedule, ready, weights, states));
  times.total = performance.now() - start;
  const model = new Model(scope, manifest, programs, times);
  model.quantized = quantizer?.describe() ?? null;
  return model;
}

/** A model on a device of the GPU. */
async function buildOnDevice(opened, manifest, options) {
  const scope = new DeviceScope(opened, options.workgroupSize);
  try {
    return await scope.guard(() => build(scope, manifest, options));
  } catch (error) {
    scope.release();
    throw error;
  }
}

/** Causes for which WebAssembly takes the place of a GPU. */
const WITHOUT_GPU = ["no-webgpu", "no-adapter", "no-device", "unsupported"];

/** A device, unless WebAssembly is asked for, or there is none and nothing but it would do. */
async function openBackend(manifest, { backend, device, variant, workgroupSize }, size) {
  if (![undefined, "webgpu", "wasm"].includes(backend))
    throw new LowbitError("bad-input", `backend requires "webgpu" or "wasm", found '${backend}'`);
  if (backend === "wasm") {
    if (!manifest.fallback)
      throw new LowbitError("unsupported",
        "the module has no WebAssembly; compile without --fallback=none");
    return { reason: null };
  }
  try {
    return { opened: await openDevice(device, manifest, variant, size) };
  } catch (error) {
    const isAny = [backend, device, variant, workgroupSize].every((wish) => wish === undefined);
    if (!isAny || !manifest.fallback || !WITHOUT_GPU.includes(error.code))
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
  const size = checkWorkgroupSize(options.workgroupSize);
  const read = getReader(options);
  throwIfAborted(options.signal);
  const { manifest, entry } = await readModel(read, options);
  const { opened, reason } = await openBackend(manifest, options, size);
  try {
    const model = opened
      ? await buildOnDevice(opened, manifest, { ...options, workgroupSize: size, read })
      : await buildFallback(manifest, reason, { ...options, read });
    model.precision = entry ? describePrecision(entry) : null;
    return model;
  } catch (error) {
    throw asLowbitError(error, "internal", "the model cannot be loaded");
  }
}
