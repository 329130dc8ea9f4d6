//===- wasm.js - a model on WebAssembly -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For browsers that offer no GPU: the same functions and the same shards, whose
// weights are repacked as they arrive. One memory has everything: weights, what
// the host hands over, states, and what a run needs besides.
//
//===----------------------------------------------------------------------===//

const LINE_BYTES = 64;

/** Resolves after what else the page has to do: events, and drawing. */
function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** An instance and its memory, with the interface of DeviceScope. */
class EngineScope extends Scope {
  constructor(engine, variant, reason) {
    super();
    this.engine = engine;
    this.variant = variant;
    /** Why it isn't a GPU; null where WebAssembly was asked for. */
    this.reason = reason;
    /** The weights: a function of the module is one call, which reads all of them. */
    this.complete = Promise.resolve();
  }

  get bytes() {
    return this.engine?.bytes ?? 0;
  }

  /** The result of `work`. What waits for the page, such as an abort, comes first. */
  async guard(work) {
    await nextTask();
    if (this.isReleased)
      throw this.failure;
    // What ends the model in between is the reason why its work fails.
    return this.until(work());
  }

  /** Waits for the weights, or fails with what ended the model before they were there. */
  async settle() {
    await this.until(this.complete.catch(() => new Promise(() => {})));
    if (this.isReleased)
      throw this.failure;
  }

  /** The part of a report that is about the back end. */
  describe({ fallback }) {
    return {
      backend: "wasm",
      fallback: this.reason && { code: this.reason.code, message: this.reason.message },
      variant: this.variant.name,
      variants: fallback.program.variants.map(({ name }) => name),
      f16: null,
      adapter: { vendor: "", architecture: "", description: "WebAssembly", isSoftware: true },
      packedBytes: sumBytes(fallback.weights),
      kernels: 0,
      dispatches: 0,
      workgroups: [],
    };
  }

  /** Memory goes with the last that refers to it. */
  free() {
    this.engine = undefined;
  }
}

/** One function of a model, with the interface of Program. */
class EngineProgram {
  constructor(scope, { buffers }, entry, weights, tableRows, states) {
    const { engine } = scope;
    Object.assign(this, { scope, entry, weights });
    this.tensors = buffers.filter(({ kind }) => /^(input|state|output)$/.test(kind))
      .map(({ kind, name, type, shape }) => ({ kind, name, type, shape }));
    this.scratchBytes = entry.workspace ?? 0;
    const outputs = this.find("output");
    this.results = engine.reserve(
      outputs.reduce((sum, { shape }) => sum + descriptorBytes(shape.length), 8));
    const table = outputs.length ? [this.results] : [];
    const describe = (address, shape) => {
      table.push(engine.reserve(descriptorBytes(shape.length)));
      writeDescriptor(engine, table.at(-1), address, shape);
    };
    for (const [i, tensor] of this.tensors.filter(({ kind }) => kind !== "output").entries()) {
      tensor.tableRows = tableRows[i];
      tensor.bytes = countElements(tensor.shape) * ARRAYS[tensor.type].BYTES_PER_ELEMENT;
      // Functions share states by their names.
      tensor.address = (tensor.kind === "state" ? states.get(tensor.name) : undefined) ??
        engine.reserve(tensor.bytes + 8, tensor.kind === "state");
      if (tensor.kind === "state")
        states.set(tensor.name, tensor.address);
      describe(tensor.address, tensor.shape);
    }
    if (entry.workspace !== undefined)
      describe(engine.reserve(entry.workspace), [entry.workspace]);
    this.table = engine.reserve(4 * table.length + 4);
    engine.view(Uint32Array, this.table, table.length).set(table);
  }

  find(kind) {
    return this.tensors.filter((tensor) => tensor.kind === kind);
  }

  /** Writes the inputs, as Program does. */
  write(inputs) {
    const known = this.find("input");
    checkNames(known, inputs);
    for (const input of known) {
      const Type = ARRAYS[input.type];
      const elements = convert(Type, readElements(input, inputs[input.name]));
      this.scope.engine.view(Type, input.address, elements.length).set(elements);
    }
  }

  /** Runs the function when it has its weights; results as Program gives them. */
  async execute(rows) {
    await this.scope.settle();
    const { engine } = this.scope;
    const results = new Map();
    try {
      engine.call(this.entry.export, this.table, this.weights);
      let at = this.results;
      for (const output of this.find("output")) {
        if (!rows || rows.has(output.name)) {
          const { buffer } = readResult(engine, output, at);
          const [offset, bytes] = rows?.get(output.name) ?? [0, buffer.byteLength];
          results.set(output, buffer.slice(offset, offset + bytes));
        }
        at += descriptorBytes(output.shape.length);
      }
    } finally {
      engine.exports.lowbit_sweep();
    }
    return results;
  }

  /** An output's bytes as the array that its type has with every back end. */
  read(output, bytes) {
    return new (getPageArray(output))(bytes);
  }
}

/** Room for all weights: an address for each, and that of their table. */
function placeWeights(engine, weights, indices) {
  const align = (bytes) => Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
  // Cleared: fields are moved into words by or.
  let next = engine.reserve(weights.reduce((sum, { bytes }) => sum + align(bytes), 0), true);
  const addresses = weights.map(({ bytes }) => {
    const address = next;
    next += align(bytes);
    return address;
  });
  const table = engine.reserve(4 * indices.length + 4);
  engine.view(Uint32Array, table, indices.length).set(indices.map((index) => addresses[index]));
  return { addresses, table };
}

/** Fills weights that are made of those of the shards, shard by shard. */
async function repackShards(engine, manifest, addresses, quantizer, options) {
  const { weights } = manifest.fallback;
  const copies = weights.flatMap(({ copies = [], bytes }, i) => copies.map(
    (copy) => ({ ...copy, target: () => engine.view(Uint8Array, addresses[i], bytes) })));
  const repacker = new Repacker(copies);
  await loadShards({
    ...options, manifest, quantizer, settle: nextTask,
    write: (weight, offset, bytes) => repacker.add(weight, offset, bytes),
  });
}

/** Fills weights that the fallback has shards of its own for. */
async function readOwnShards(engine, { fallback, pieceBytes }, addresses, options) {
  const places = new Map(fallback.weights.map(({ name }, i) => [name, addresses[i]]));
  await loadShards({
    ...options, settle: nextTask,
    manifest: { shards: fallback.shards, pieceBytes, weights: fallback.weights },
    write: (weight, offset, bytes) =>
      engine.view(Uint8Array, places.get(weight) + offset, bytes.byteLength).set(bytes),
  });
}

/** The code that the engine runs, and what it is for; why there is none says `reason`, too. */
async function openEngine({ fallback }, reason, { variant: name, files, signal }) {
  const { variants } = fallback.program;
  try {
    const variant = chooseCode(variants, name);
    const bytes = await readShard(fallback.codes[variants.indexOf(variant)], files, signal);
    return new EngineScope(await Engine.create(bytes), variant, reason);
  } catch (error) {
    if (reason && error.code === "unsupported")
      throw new LowbitError("unsupported", `${reason.message}, and ${error.message}`, error);
    throw error;
  }
}

/** Fills all weights, shard by shard. */
async function fillWeights(loading, manifest, model, addresses) {
  const { scope: { engine }, files, signal } = loading;
  const onBytes = (bytes) => loading.countBytes(bytes);
  model.quantizer = await PageQuantizer.create(manifest, files, signal);
  await repackShards(engine, manifest, addresses, model.quantizer,
    { files, signal, onBytes, onPiece: (end) => loading.arrive(end) });
  await readOwnShards(engine, manifest, addresses, { files, signal, onBytes });
  throwIfAborted(signal);
  loading.note("weights");
}

/** A model in an engine, whose runs wait until its weights are there. */
async function startFallback(manifest, reason, options) {
  const { fallback } = manifest;
  const begin = performance.now();
  const scope = await openEngine(manifest, reason, options);
  const loading = new Loading(scope, options, {
    bytes: sumBytes(manifest.shards) + sumBytes(fallback.shards), pipelines: 1,
  });
  try {
    const { engine, variant } = scope;
    loading.begin = begin;
    loading.note("pipelines");
    throwIfAborted(options.signal);
    loading.countPipeline();
    const { addresses, table } = placeWeights(engine, fallback.weights, variant.weights);
    const programs = new Map(), states = new Map();
    for (const [name, schedule] of Object.entries(manifest.functions))
      programs.set(name, new EngineProgram(scope, schedule, variant.functions[name], table,
        fallback.program.tableRows, states));
    // Loops allocate for themselves: from here on there is room for that.
    if (variant.temporaries)
      engine.release(engine.reserve(variant.temporaries - LINE_BYTES));
    const model = new Model(loading, manifest, programs);
    scope.complete = fillWeights(loading, manifest, model, addresses);
    return await loading.run(model, undefined, scope.complete);
  } catch (error) {
    scope.release(error);
    throw error;
  }
}
