//===- quantize.js - weights that come as floats --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Float rows are rounded and packed as they arrive, by the numerics of the
// compiler as WebAssembly: the bytes are those that it would have stored. Beside
// the buffers on the GPU there is never more than a shard of floats, and what
// rounding a few rows of it takes.
//
//===----------------------------------------------------------------------===//

/** Element types of floats: their number in the module, and bytes. */
const FLOATS = { f32: { id: 0, bytes: 4 }, f16: { id: 1, bytes: 2 }, bf16: { id: 2, bytes: 2 } };

/** Numbers that are rounded at once, and milliseconds after which the page gets a turn. */
const PIECE = 1 << 16, TURN = 40;

/** The numerics, with one weight at hand at a time. */
class Numerics {
  static async create({ file, bytes, sha256 }, files, signal) {
    const code = await readShard({ file, bytes, sha256 }, files, signal);
    try {
      const { instance } = await WebAssembly.instantiate(code, {});
      return new Numerics(instance.exports);
    } catch (error) {
      throw asLowbitError(error, "unsupported", `'${file}', which rounds weights, cannot be run`);
    }
  }

  constructor(exports) {
    this.exports = exports;
    exports.__wasm_call_ctors();
  }

  get memoryBytes() {
    return this.exports.memory.buffer.byteLength;
  }

  /** Memory may have grown, and moved, at every call. */
  view(address, bytes) {
    return new Uint8Array(this.exports.memory.buffer, address, bytes);
  }

  get message() {
    const { message, messageBytes } = this.exports;
    return new TextDecoder().decode(this.view(message(), messageBytes()));
  }

  /** Begins a form of a weight; whether that went well. */
  begin(recipe, shared, { rows, columns, type }) {
    const words = Uint32Array.of(...recipe, ...shared);
    this.view(this.exports.reserve(words.byteLength), words.byteLength)
      .set(new Uint8Array(words.buffer));
    return this.exports.begin(recipe.length, rows, columns, FLOATS[type].id) > 0;
  }

  /** Rounds and packs rows [first, end), which are `bytes`; whether that went well. */
  pack(bytes, first, end) {
    this.view(this.exports.reserve(bytes.byteLength), bytes.byteLength).set(bytes);
    return this.exports.pack(first, end) > 0;
  }

  /** What the last rows take in a buffer: bytes, as whole words, and their place. */
  take(buffer) {
    const { bytes, byteCount, byteOffset } = this.exports;
    const count = byteCount(buffer);
    const view = this.view(bytes(buffer), count);
    if (count % 4 === 0)
      return { data: view, offset: byteOffset(buffer) };
    const data = new Uint8Array(count + 4 - count % 4);
    data.set(view);
    return { data, offset: byteOffset(buffer) };
  }
}

/** Rounds what shards have of floats. */
class PageQuantizer {
  constructor(manifest, numerics, signal) {
    Object.assign(this, { manifest, numerics, signal });
    this.floatBytes = 0;
    this.milliseconds = 0;
  }

  /** For a manifest whose weights are all packed, null. */
  static async create(manifest, files, signal) {
    if (!manifest.quantizer)
      return null;
    return new PageQuantizer(manifest, await Numerics.create(manifest.quantizer, files, signal), signal);
  }

  /**
   * Rounds the floats among the stream's `bytes` from `begin` on, and hands what
   * they become to `write`(weight, offset, bytes).
   */
  async takeShard(bytes, begin, write) {
    const end = begin + bytes.byteLength;
    for (const source of this.manifest.sources) {
      const rowBytes = source.columns * FLOATS[source.type].bytes;
      const first = Math.max(begin, source.offset);
      const last = Math.min(end, source.offset + source.rows * rowBytes);
      if (first >= last)
        continue;
      const rows = bytes.subarray(first - begin, last - begin);
      const firstRow = (first - source.offset) / rowBytes;
      for (const packing of source.packings)
        await this.packRows(source, packing, rows, firstRow, rowBytes, write);
      this.floatBytes += rows.byteLength;
    }
  }

  async packRows(source, packing, rows, firstRow, rowBytes, write) {
    const { numerics, manifest } = this;
    let start = performance.now();
    const check = (holds) => {
      if (!holds)
        throw new LowbitError("corrupted",
          `weight '${source.name}' cannot be quantized: ${numerics.message}`);
    };
    check(numerics.begin(manifest.recipes[packing.recipe], packing.shared, source));
    const end = firstRow + rows.byteLength / rowBytes;
    const step = Math.max(1, Math.floor(PIECE / source.columns / source.unit)) * source.unit;
    for (let row = firstRow; row < end; row += step) {
      const next = Math.min(end, row + step);
      check(numerics.pack(rows.subarray((row - firstRow) * rowBytes, (next - firstRow) * rowBytes), row, next));
      packing.buffers.forEach((weight, buffer) => {
        if (weight === null)
          return;
        const { data, offset } = numerics.take(buffer);
        write(weight, offset, data);
      });
      if (performance.now() - start < TURN)
        continue;
      this.milliseconds += performance.now() - start;
      await new Promise((resolve) => setTimeout(resolve));
      throwIfAborted(this.signal);
      start = performance.now();
    }
    this.milliseconds += performance.now() - start;
  }

  /** What reports say of it. */
  describe() {
    return {
      weights: this.manifest.sources.length,
      floatBytes: this.floatBytes,
      milliseconds: this.milliseconds,
      workingMemory: this.numerics.memoryBytes,
    };
  }
}
