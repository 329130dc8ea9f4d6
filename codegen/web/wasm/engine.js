//===- engine.js - the code that an engine can run, and its memory --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An engine refuses a module with an instruction that it doesn't know, so that
// there is one for each set of them, and a module of one instruction tells which
// an engine has. What it makes of a relaxed one, its result tells.
//
//===----------------------------------------------------------------------===//

/** A module of a function `f` that yields what `code` leaves, lane 0 of a vector of words. */
const probe = (...code) => new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, /* a type: */ 1, 5, 1, 0x60, 0, 1, 0x7f,
  /* a function: */ 3, 2, 1, 0, /* its name: */ 7, 5, 1, 1, 0x66, 0, 0,
  /* its code: */ 10, code.length + 7, 1, code.length + 5, 0, ...code,
  /* i32x4.extract_lane 0, end */ 0xfd, 0x1b, 0, 0x0b]);

/** i32.const, i8x16.splat; a number of two bytes in LEB128. */
const splat = (number) => [0x41, number & 0x7f | 0x80, number >> 7 & 0x7f, 0xfd, 0x0f];
const PROBES = {
  "simd128": probe(...splat(0)),
  // 127 and, where there should be 7 bits, 255 or -1.
  "relaxed-simd": probe(...splat(127), ...splat(-1), ...splat(0),
    /* i32x4.relaxed_dot_i8x16_i7x16_add_s */ 0xfd, 0x93, 2),
};

/** Whether the engine runs modules for a processor of this name. */
function isSupported(name) {
  return name in PROBES ? WebAssembly.validate(PROBES[name]) : true;
}

/**
 * Whether such a module is the faster one. A processor that has no instruction for
 * relaxed products adds two in 16 bits, where 2 * 127 * 255 doesn't fit, and takes
 * five: there, code without them has fewer. One that has gives all four products of
 * 127 and -1 or 255.
 */
function isFast(name) {
  if (name !== "relaxed-simd")
    return true;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(PROBES[name])).exports;
  return [4 * 127 * -1, 4 * 127 * 255].includes(f());
}

/** The variant of this name, or the first that the engine has and is fast with, or just has. */
function chooseCode(variants, name) {
  if (typeof WebAssembly === "undefined")
    throw new LowbitError("unsupported", "this program has no WebAssembly");
  if (name !== undefined) {
    const variant = variants.find((candidate) => candidate.name === name);
    if (!variant)
      throw new LowbitError("bad-input", `the module has no variant ${describeValue(name)}; it has ` +
        variants.map((candidate) => `'${candidate.name}'`).join(", "));
    if (!isSupported(name))
      throw new LowbitError("unsupported", `this engine lacks ${name}`);
    return variant;
  }
  const supported = variants.filter((candidate) => isSupported(candidate.name));
  if (!supported.length)
    throw new LowbitError("unsupported", "this engine lacks what the code requires: " +
      variants.map((variant) => variant.name).join(", "));
  return supported.find((candidate) => isFast(candidate.name)) ?? supported[0];
}

/**
 * An instance and its memory. Addresses are numbers; views are made where they
 * are used, since memory that grows leaves old ones behind.
 */
class Engine {
  constructor(instance) {
    this.exports = instance.exports;
    this.stack = this.exports.__stack_pointer.value;
  }

  static async create(bytes) {
    try {
      const { instance, module } = await WebAssembly.instantiate(bytes, {});
      const engine = new Engine(instance);
      engine.module = module;
      return engine;
    } catch (error) {
      const code = error instanceof RangeError ? "out-of-memory" : "unsupported";
      throw asLowbitError(error, code, "the module cannot be instantiated");
    }
  }

  get bytes() {
    return this.exports.memory.buffer.byteLength;
  }

  view(Type, address, count) {
    return new Type(this.exports.memory.buffer, address, count);
  }

  /**
   * Calls a function of the module. Where it runs out of memory, or is wrong,
   * it ends in a trap, behind which stack and blocks are as before.
   */
  call(name, ...values) {
    try {
      return this.exports[name](...values);
    } catch (error) {
      this.exports.__stack_pointer.value = this.stack;
      this.exports.lowbit_sweep();
      const missing = this.exports.lowbit_take_missing();
      if (missing)
        throw new LowbitError("out-of-memory",
          `no memory for ${missing} bytes beside ${this.bytes}; WebAssembly has 4 GiB at most`,
          error);
      throw asLowbitError(error, "internal", `'${name}' ended in a trap`);
    }
  }

  /** Memory that is kept; zeros if it is to be. */
  reserve(bytes, clear = false) {
    const address = this.call("lowbit_reserve", BigInt(bytes)) >>> 0;
    if (clear)
      this.view(Uint8Array, address, bytes).fill(0);
    return address;
  }

  release(address) {
    this.call("lowbit_deallocate", address);
  }

  /** XXH3 of bytes in memory, as a number of 64 bits. */
  hash(address, bytes) {
    return BigInt.asUintN(64, this.call("lowbit_hash", address, BigInt(bytes)));
  }
}
