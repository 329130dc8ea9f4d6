//===- text.js - a text that a decoder extends ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All memory of a text and the arguments of both steps are made with it, so that
// a step sets tokens and a position and calls.
//
//===----------------------------------------------------------------------===//

/** `prefill` for some tokens, `decode` for one, and their cache. */
class CachedText {
  constructor(engine, manifest, variant, weights) {
    Object.assign(this, { engine, manifest, weights, length: 0 });
    const [tokens, , ...states] = manifest.inputs;
    this.tokens = tokens;
    this.maxTokens = manifest.maxLength;
    this.bytes = 0;
    this.states = states.map((state) => {
      const bytes = countElements(state.shape) * ARRAYS[state.type].BYTES_PER_ELEMENT;
      this.bytes += bytes;
      return engine.reserve(bytes, true);
    });
    this.prompt = engine.reserve(this.maxTokens * ARRAYS[tokens.type].BYTES_PER_ELEMENT);
    this.position = engine.reserve(8);
    this.steps = { prefill: this.prepare(variant.functions.prefill),
      decode: this.prepare(variant.functions.decode) };
  }

  /** The arguments of a step: results, tokens, position, states and workspace. */
  prepare({ export: name, workspace }) {
    const { engine, manifest } = this;
    const results = engine.reserve(sumDescriptors(manifest.outputs) + 8);
    const table = manifest.outputs.length ? [results] : [];
    const add = (address, shape) => {
      table.push(engine.reserve(descriptorBytes(shape.length)));
      writeDescriptor(engine, table.at(-1), address, shape);
    };
    add(this.prompt, [1, 1]);
    add(this.position, []);
    for (const [i, state] of this.states.entries())
      add(state, manifest.inputs[2 + i].shape);
    if (workspace !== undefined)
      add(engine.reserve(workspace), [workspace]);
    const address = engine.reserve(4 * table.length);
    engine.view(Uint32Array, address, table.length).set(table);
    return { name, results, address, tokens: table[manifest.outputs.length ? 1 : 0] };
  }

  /** Forgets everything. */
  reset() {
    this.length = 0;
  }

  /**
   * The outputs behind `tokens`, of which the first is at `position`: any place up
   * to the end of what is there; what is there from it on is forgotten.
   */
  extend(tokens, position) {
    const { engine, manifest } = this;
    if (!(Number.isSafeInteger(position) && 0 <= position && position <= this.length))
      throw new LowbitError("bad-input",
        `position must be 0 to ${this.length}, the text's length, found ${describeValue(position)}`);
    checkRoom(tokens.length && position + tokens.length, this.maxTokens);
    const Type = ARRAYS[this.tokens.type];
    const elements = convert(Type, tokens);
    engine.view(Type, this.prompt, elements.length).set(elements);
    engine.view(BigInt64Array, this.position, 1)[0] = BigInt(position);
    const step = elements.length === 1 ? this.steps.decode : this.steps.prefill;
    writeDescriptor(engine, step.tokens, this.prompt, [1, elements.length]);
    this.length = position;
    try {
      engine.call(step.name, step.address, this.weights);
      const found = readResults(engine, manifest.outputs, step.results);
      this.length = position + elements.length;
      return found;
    } finally {
      engine.exports.lowbit_sweep();
    }
  }
}
