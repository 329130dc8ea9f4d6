//===- model.js - load, run, generate -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

class Model {
  constructor(engine, manifest, variant, weights) {
    Object.assign(this, { engine, manifest, weights });
    this.chosen = variant;
    if (manifest.maxLength)
      this.text = new CachedText(engine, manifest, variant, weights);
  }

  get inputs() {
    return this.manifest.inputs.slice(0, this.hasCache ? 2 : undefined)
      .map(({ name, type, shape }) => ({ name, type, shape }));
  }
  get outputs() {
    return this.manifest.outputs.map(({ name, type, shape }) => ({ name, type, shape }));
  }
  get variant() {
    return this.chosen.name;
  }
  get hasCache() {
    return this.text !== undefined;
  }
  get maxTokens() {
    return this.text?.maxTokens;
  }
  /** Bytes of the module's memory. */
  get memory() {
    return this.engine?.bytes ?? 0;
  }

  check(hasCache, what) {
    if (!this.engine)
      throw new LowbitError("disposed", "the model was disposed of");
    if (this.hasCache !== hasCache)
      throw new LowbitError("bad-input", what);
  }

  /** What `work` gives, or its error, which has a code in any case. */
  async attempt(work) {
    try {
      return await work();
    } catch (error) {
      throw asLowbitError(error, "internal", "the run failed");
    }
  }

  async run(inputs) {
    this.check(false, "the model extends a text with a KV cache; use prefill, decode or generate");
    return this.attempt(() => runOnce(this.engine, this.manifest, this.chosen, this.weights, inputs));
  }

  /** The ids that a caller gave, which the model knows. */
  readTokens(tokens) {
    return readTokens(tokens, this.manifest.inputs[0].tableRows);
  }

  async prefill(tokens, position = 0) {
    this.check(true, "the model has no KV cache; use run");
    return this.attempt(() => this.text.extend(this.readTokens(tokens), position));
  }

  async decode(token, position = this.text?.length) {
    this.check(true, "the model has no KV cache; use run");
    return this.attempt(() => this.text.extend(this.readTokens([token]), position));
  }

  /** The logits behind what `extend` has given, whatever else the model yields. */
  readLogits(outputs) {
    const logits = outputs[this.manifest.outputs[0].name];
    return logits.subarray(logits.length - logits.shape.at(-1));
  }

  async generate(tokens, options = {}) {
    this.check(true, "the model has no KV cache; compile with --kv-cache, or use run");
    const { maxTokens, stopToken, onToken, signal } = checkOptions("generate", options, GENERATE_OPTIONS);
    const prompt = this.readTokens(tokens);
    checkStopToken(stopToken, this.manifest.inputs[0].tableRows);
    const count = chooseCount(prompt.length, maxTokens, this.maxTokens);
    const generated = [];
    let outputs;
    while (generated.length < count) {
      throwIfAborted(signal);
      const start = performance.now();
      outputs = outputs ? await this.decode(generated.at(-1)) : await this.prefill(prompt);
      const token = findLargest(this.readLogits(outputs));
      generated.push(token);
      await onToken?.(token, performance.now() - start);
      if (token === stopToken)
        break;
    }
    return generated;
  }

  /** Gives the memory up. The model can't be used after that; load again. */
  dispose() {
    this.engine = this.text = undefined;
  }
}

/** The weights that were given, that are inside of the module, or beside it. */
async function* openWeights(engine, read, given) {
  const [embedded] = WebAssembly.Module.customSections(engine.module, "lowbit.weights");
  const bytes = given ?? embedded;
  if (bytes)
    yield takeBytes(bytes, "weights");
  else
    yield* read(MANIFEST.weightsFile);
}

/** How files beside this one are read: in pieces. */
function getReader({ read, signal, baseURL }) {
  const base = readBaseURL(baseURL, import.meta.url);
  if (!read)
    return (file) => readFile(new URL(file, base), signal);
  return async function* (file) {
    try {
      yield takeBytes(await read(file, signal), "read", file);
    } catch (error) {
      throw asLowbitError(error, "network", `'${file}' cannot be read`);
    }
  };
}

/** The options of `load`. */
const LOAD_OPTIONS = { weights: "any", variant: "any", signal: "signal", baseURL: "any", read: "function" };

/** Loads the code that the engine can run, and the weights. */
export async function load(options = {}) {
  try {
    const { variant: name, signal } = checkOptions("load", options, LOAD_OPTIONS);
    const read = getReader(options);
    throwIfAborted(signal);
    const variant = chooseCode(MANIFEST.variants, name);
    const engine = await Engine.create(await join(read(variant.file)));
    const given = await options.weights;
    const weights = given instanceof Map ? given : openWeights(engine, read, given);
    const table = await bindWeights(engine, MANIFEST, variant, weights);
    throwIfAborted(signal);
    return new Model(engine, MANIFEST, variant, table);
  } catch (error) {
    throw asLowbitError(error, "internal", "the model cannot be loaded");
  }
}
