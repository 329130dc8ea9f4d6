//===- text.js - what a language model predicts ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two kinds of models: those that compute a window of tokens anew, and those
// that keep the keys and values of earlier tokens in buffers of the GPU.
//
//===----------------------------------------------------------------------===//

/** A model from [1, n] tokens to [1, n, words] logits. `words` are the tokens that there are, if known. */
class TokenWindow {
  constructor(program, input, output) {
    Object.assign(this, { program, input, output });
    this.maxTokens = countElements(input.shape);
    this.words = input.tableRows;
  }

  /** The window of a program, if it has one. */
  static find(program) {
    const [input, ...others] = program.find("input");
    const output = program.find("output").find(({ type, shape }) => type === "f32" && shape.length === 3);
    const isWindow = input && others.length === 0 && /^i(32|64)$/.test(input.type) &&
      output?.shape[0] === 1 && output.shape[1] === countElements(input.shape);
    return isWindow ? new TokenWindow(program, input, output) : undefined;
  }

  /** The likeliest token behind `tokens`. */
  async pick(tokens) {
    return findLargest(await this.predict(tokens));
  }

  /**
   * The logits behind `tokens`. As the model is causal, what stands after the last
   * of them doesn't matter. The oldest tokens leave a full window.
   */
  async predict(tokens) {
    const recent = tokens.slice(-this.maxTokens);
    const words = new Int32Array(this.maxTokens);
    words.set(recent);
    this.program.write({ [this.input.name]: words });
    const rowBytes = 4 * this.output.shape[2];
    const rows = new Map([[this.output.name, [(recent.length - 1) * rowBytes, rowBytes]]]);
    const [[, bytes]] = await this.program.execute(rows);
    return new Float32Array(bytes);
  }
}

/** `prefill` for a piece of a text, `decode` for a token, and their cache. */
class CachedText {
  constructor(prefill, decode) {
    this.prefill = prefill;
    this.decode = decode;
    const [tokens] = prefill.find("input");
    this.piece = tokens.shape[1];
    this.words = tokens.tableRows;
    const states = decode.find("state");
    this.maxTokens = states[0].shape.at(-2);
    this.bytes = states.reduce((sum, state) => sum + state.bytes, 0);
    /** What the cache holds. */
    this.tokens = [];
  }

  /**
   * The logits behind `tokens`. What they begin with and the cache has is not
   * computed again. Pieces are whole: the last one begins early enough, and
   * computes some tokens once more. A text shorter than a piece is followed by
   * zeros, whose places later tokens take; its last token is decoded.
   */
  async predict(tokens) {
    return new Float32Array(await this.extendTo(tokens, "output"));
  }

  /** The likeliest token behind `tokens`, which a GPU finds where the logits are. */
  async pick(tokens) {
    if (this.decode.find("token").length === 0)
      return findLargest(await this.predict(tokens));
    return new Int32Array(await this.extendTo(tokens, "token"))[0];
  }

  /** The bytes of the first buffer of the kind `wanted` behind `tokens`. */
  async extendTo(tokens, wanted) {
    const count = tokens.length;
    checkRoom(count, this.maxTokens);
    let position = 0;
    while (position < count - 1 && tokens[position] === this.tokens[position])
      ++position;
    this.tokens = [];
    let result;
    while (count - position > 1) {
      const first = Math.max(0, Math.min(position, count - this.piece));
      const part = tokens.slice(first, first + this.piece);
      const isLast = first + this.piece === count;
      result = await this.extend(this.prefill, part, first, isLast ? wanted : null);
      position = Math.min(first + this.piece, result ? count : count - 1);
    }
    result ??= await this.extend(this.decode, tokens.slice(-1), count - 1, wanted);
    this.tokens = Array.from(tokens);
    return result;
  }

  /** Runs a function from `position` on; the bytes of what is wanted, if anything. */
  async extend(program, tokens, position, wanted) {
    const [input, place] = program.find("input");
    const words = new Int32Array(countElements(input.shape));
    words.set(tokens);
    program.write({ [input.name]: words, [place.name]: [position] });
    const [found] = wanted ? program.find(wanted) : [];
    const rows = found ? [[found.name, [0, 4 * countElements(found.shape)]]] : [];
    const [bytes] = (await program.execute(new Map(rows))).values();
    return bytes;
  }
}
