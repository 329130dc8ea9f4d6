// Types of a model that Lowbit compiled to WebAssembly.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/**
 * Name, element type (i1, i8 to i64, u8 to u64, f32, f64; f32 also where the model
 * has f16 or bf16: inputs are rounded to that, ties to even) and shape of an input
 * or output: extents, names of those that inputs decide, -1 for those that a run
 * does.
 */
export interface TensorInfo {
  name: string;
  type: string;
  shape: (number | string)[];
}

/** Floats of 8 bits are their bits, truth values bytes of 0 and 1. */
export type TypedArray =
  Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array |
  Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** Elements in row-major order: numbers, of integers whole ones that their type holds. */
export type ElementList = TypedArray | ArrayLike<number | bigint | boolean>;

/** Where more than one extent is open, with their shape. */
export type Input = ElementList | { data: ElementList; shape?: readonly number[] };

/** Elements of an output, with its shape. */
export type Output = TypedArray & { shape: number[] };

/** Options of other names, and values of other kinds, are `bad-input`. */
export interface LoadOptions {
  /** The bytes of the .safetensors file that was written with the module, or a
   *  promise of them, or bytes by the names of tensors. Without it, the weights
   *  inside of the module or the file beside it. */
  weights?: ArrayBuffer | Uint8Array | Map<string, ArrayBuffer | Uint8Array> |
    Promise<ArrayBuffer | Uint8Array>;
  /** `relaxed-simd`, `simd128` or another processor that was compiled for; else
   *  the one that is fastest on the engine. */
  variant?: string;
  /** Aborts the load. */
  signal?: AbortSignal;
  /** Where modules and weights lie, an absolute address; beside this file without it. */
  baseURL?: string | URL;
  /** Reads a file beside this one, in place of fetch and of node's file system. */
  read?: (file: string, signal?: AbortSignal) => Promise<ArrayBuffer | Uint8Array>;
}

export interface GenerateOptions {
  /** Without it 32, or fewer where the cache has room for those; infinity is all that
   *  it has room for. The prompt and all of them but the last must fit into it: else
   *  nothing is generated, and the error is `bad-input`. */
  maxTokens?: number;
  /** A token that ends the text. */
  stopToken?: number;
  /** Called for each token, with the milliseconds that it took. What it throws ends
   *  `generate`, as it is. */
  onToken?: (token: number, milliseconds: number) => void | Promise<void>;
  signal?: AbortSignal;
}

/** What all rejected promises hold; `code` names the cause. */
export class LowbitError extends Error {
  code: "unsupported" | "network" | "corrupted" | "aborted" | "out-of-memory" |
    "bad-input" | "disposed" | "internal";
}

export interface Model {
  readonly inputs: TensorInfo[];
  readonly outputs: TensorInfo[];
  /** The variant that runs. */
  readonly variant: string;
  /** Whether the model extends a text with a KV cache; then it has no `run`. */
  readonly hasCache: boolean;
  /** Tokens that the cache has room for. */
  readonly maxTokens: number | undefined;
  /** Bytes of the module's memory. */
  readonly memory: number;
  /** Outputs by name, for inputs by name: properties of their own of both objects, so
   *  that an input called `__proto__` is given as `["__proto__"]: data`. */
  run(inputs: Record<string, Input>): Promise<Record<string, Output>>;
  /** Extends the text by tokens, of which the first is at `position`: 0, or any
   *  place up to the end of what is there, which is forgotten from it on. Tokens
   *  beyond the vocabulary, which begins with 0, or the cache's room are `bad-input`. */
  prefill(tokens: Iterable<number | bigint>, position?: number): Promise<Record<string, Output>>;
  /** The same by one token, at the end of the text without a position. */
  decode(token: number | bigint, position?: number): Promise<Record<string, Output>>;
  /** The likeliest continuation of a text that consists of `tokens`. What can't be
   *  done is refused before the first. */
  generate(tokens: Iterable<number | bigint>, options?: GenerateOptions): Promise<number[]>;
  /** Gives the memory up; the model can't be used after it. */
  dispose(): void;
}

/** Loads the code that the engine can run, and the weights. */
export function load(options?: LoadOptions): Promise<Model>;
