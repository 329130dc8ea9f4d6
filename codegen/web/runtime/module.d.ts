// Types of a model that Lowbit compiled for the web.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/** Name, element type (i1, i8 to i64, u8 to u64, f32, also where the model has f16 or
 *  bf16) and shape of an input or output. */
export interface TensorInfo {
  name: string;
  type: string;
  shape: number[];
}

/** The elements of an input in row-major order: numbers, of integers whole ones that
 *  their type holds (i64 on a GPU: 32 bits of it), of i1 0 and 1. */
export type ElementList =
  Float32Array | Int32Array | BigInt64Array | Uint8Array | ArrayLike<number | bigint | boolean>;
export type Elements = ElementList | { data: ElementList };

/** The elements of an output in row-major order, and its shape. */
export type Output = (
  Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array |
  BigInt64Array | BigUint64Array) & { shape: number[] };

export interface Progress {
  /** Bytes of weights that have arrived, of how many; floats, where the page
   *  quantizes them. */
  loadedBytes: number;
  totalBytes: number;
  /** Pipelines that are ready, of how many; on WebAssembly its code, one of one. */
  pipelines: number;
  totalPipelines: number;
}

/** Options of other names, and values of other kinds, are `bad-input`. */
export interface LoadOptions {
  /**
   * What the model runs on: `webgpu`, or an error, or `wasm`, WebAssembly on the
   * CPU. Without it the latter where there is no WebGPU, no adapter or none for
   * the model, and none of `device`, `variant` and `workgroupSize` is given; the
   * report says why.
   */
  backend?: "webgpu" | "wasm";
  /** A device to share; without it the module opens its own, and destroys it. */
  device?: GPUDevice;
  /** Called as weights arrive and pipelines become ready. What it throws ends the
   *  load, as `aborted`. */
  onProgress?: (progress: Progress) => void;
  /** Aborts the load: its promise is rejected, everything is freed. It
   *  has no effect once all of the model is there. */
  signal?: AbortSignal;
  /**
   * When `load` resolves: when everything is there (`loaded`, without it), or as soon
   * as the model may be run (`early`): its buffers and first shard are there. A run
   * then begins with the kernels whose code and weights have arrived, and waits for
   * the next ones; on WebAssembly it waits for all. What ends the load, such as
   * `signal` or a corrupted shard, rejects the runs that wait, later ones, and `loaded` of
   * the model, with the same error.
   */
  start?: "loaded" | "early";
  /**
   * One of the variants that were compiled: features with `+` between them, or `base`;
   * with a `+` at its end the first one that has these features and whose others the
   * adapter has, too. Without it the first one whose features the adapter has; `f16` is
   * for products whose activations have 16 bits then, and for all where it is named, as
   * it changes numbers of f32: `f16+`. What the adapter or the device lacks is
   * `unsupported`. On WebAssembly the processor of its code.
   */
  variant?: string;
  /**
   * Invocations of a workgroup, of kernels that leave it open: 64 (without it),
   * 128, 256, or 512 where the adapter's limits allow that: 512 for
   * `maxComputeInvocationsPerWorkgroup` and `maxComputeWorkgroupSizeX`, 32768 for
   * `maxComputeWorkgroupStorageSize`; else `unsupported`. Nothing on WebAssembly.
   */
  workgroupSize?: 64 | 128 | 256 | 512;
  /** One of the module's precisions, by its name or as `determineBestVariant`
   *  gives it; else the best within the next two bounds, or the first without
   *  any. Not beside those bounds. */
  precision?: string | Precision;
  /** Bytes that the model may take, of what it runs on: of all its buffers on a GPU,
   *  or of WebAssembly's memory; and the least accuracy. */
  memory?: number;
  minAccuracy?: number;
  /** Where manifest and shards lie, an absolute address; beside the module without
   *  it. Where that is a file and fetch reads none, as in node, `baseURL` or `read`
   *  is needed. */
  baseURL?: string | URL;
  /** Reads a file beside the module, in place of fetch. It may tell `onBytes` how many
   *  bytes have come, of a file of `size` bytes, for progress within a file. What it
   *  throws is an error with the code `network`. */
  read?: (file: string, signal?: AbortSignal, onBytes?: (bytes: number) => void, size?: number) =>
    Promise<Uint8Array | ArrayBuffer>;
}

/** A precision of a module that has several (`--quantize=int8,int4-g32`). */
export interface Precision {
  /** The method by which weights are quantized. */
  name: string;
  /** Bytes of the weights as floats, packed, and of all buffers of the model on a
   *  GPU. */
  floatBytes: number;
  packedBytes: number;
  memoryBytes: number;
  /** Bytes of WebAssembly's memory at most: stack, weights, inputs, states and
   *  what runs compute in, with the variant that takes most. Null without WebAssembly
   *  (`--fallback=none`), or where only a run tells. */
  wasmMemoryBytes: number | null;
  /** Of low-bit weights, as kernels read them. */
  bitsPerWeight: number;
  /** Measured with `--evaluate`: the share of equal first choices of the float
   *  model (or right ones, by labels), and the divergence from it in nats, or of
   *  models that predict no tokens the relative squared error of outputs. Activations
   *  were f32 then. */
  accuracy: number | null;
  divergence: number | null;
  /** Whether products are computed in f16: where the `device` has it, unasked, as
   *  activations have 16 bits (`-abf16`), or on `request` alone (`variant` of `load`);
   *  null where no shader does. */
  f16: "device" | "request" | null;
}

/** A precision, and what `load` would take for it. */
export interface BestVariant extends Precision {
  /** The variant of the kernels that the given device takes, or that of the fastest
   *  adapter; null on WebAssembly. */
  variant: string | null;
}

export interface PrecisionOptions {
  /** Bytes that the model may take, `memoryBytes` on a GPU and `wasmMemoryBytes` on
   *  WebAssembly; no bound without it. */
  memory?: number;
  /** What is to be loaded on, as `load` takes it; without both what it would take:
   *  WebAssembly where there is no adapter. */
  backend?: LoadOptions["backend"];
  device?: GPUDevice;
  /** The least accuracy, 0 to 1; no bound without it. */
  minAccuracy?: number;
  signal?: AbortSignal;
  baseURL?: LoadOptions["baseURL"];
  read?: LoadOptions["read"];
}

export interface GenerateOptions {
  /** Without it 32, or fewer where a cache has room for those; infinity is all that it
   *  has room for. The prompt and all of them but the last must fit into a cache: else
   *  nothing is generated, and the error is `bad-input`. */
  maxTokens?: number;
  /** A token that ends the text. */
  stopToken?: number;
  /** Called for each token, with the milliseconds that it took. What it throws ends
   *  `generate`, as it is. */
  onToken?: (token: number, milliseconds: number) => void | Promise<void>;
  signal?: AbortSignal;
}

export interface Report {
  model: string;
  backend: "webgpu" | "wasm";
  /** Why the model runs on WebAssembly though it wasn't asked for. */
  fallback: { code: LowbitError["code"]; message: string } | null;
  /** The variant of the kernels that was chosen by the adapter's features, or asked
   *  for, and all there are; those behind `base` are taken by name alone. */
  variant: string;
  variants: string[];
  /** Products of all functions that there are shaders in f16 for (those of more than
   *  four rows), how many of them the variant computes so, and why the others stay f32;
   *  null where there are none, and on WebAssembly. */
  f16: { taken: number; offered: number; reason: string | null } | null;
  /** Of a module with several precisions, the one that runs. */
  precision: string | null;
  accuracy: number | null;
  bitsPerWeight: number;
  adapter: {
    vendor: string;
    architecture: string;
    description: string;
    /** Whether it computes on the CPU: then no latency is a GPU's. */
    isSoftware: boolean;
  };
  /** Bytes. `reduction` is the share of the float weights that packing saves;
   *  `total` are all buffers, the `memoryBytes` of a precision, or WebAssembly's
   *  memory, its `wasmMemoryBytes` at most; whatever has been run. */
  memory: {
    floatWeights: number;
    packedWeights: number;
    reduction: number;
    scratch: number;
    /** Keys and values of earlier tokens. */
    cache: number;
    total: number;
  };
  /** Milliseconds, waiting for weights included. */
  latency: {
    runs: number;
    first: number | null;
    p50: number | null;
    p90: number | null;
    p99: number | null;
  };
  /** Milliseconds until runs could begin, and until pipelines (or code), weights and
   *  everything were there; null before that. */
  load: {
    started: number | null; pipelines: number | null; weights: number | null; total: number | null;
  };
  /** Of a module whose weights come as floats (`--quantize-in-page`): how many
   *  weights, bytes of floats, milliseconds of rounding and packing, and bytes
   *  that this took beside the shard at hand. */
  quantizedInPage: {
    weights: number; floatBytes: number; milliseconds: number; workingMemory: number;
  } | null;
  /** Of shaders; 0 on WebAssembly, as the next two. */
  kernels: number;
  /** Of a run, or of one more token. */
  dispatches: number;
  /** Their workgroups' sizes, the most used first. */
  workgroups: { size: [number, number, number]; dispatches: number }[];
}

/** What all rejected promises hold; `code` names the cause. */
export class LowbitError extends Error {
  code: "no-webgpu" | "no-adapter" | "no-device" | "unsupported" | "network" |
    "corrupted" | "aborted" | "out-of-memory" | "device-lost" | "bad-input" |
    "no-variant" | "disposed" | "internal";
}

export interface Model {
  readonly inputs: TensorInfo[];
  readonly outputs: TensorInfo[];
  /** Tokens that a prediction can go by: a window's, or those that a cache has
   *  room for. Undefined where the model predicts no tokens, but has `run`. */
  readonly maxTokens: number | undefined;
  /** Whether the model extends a text with a KV cache; then it has no `run`. */
  readonly hasCache: boolean;
  /** Resolves when everything is there: at once, unless `start` was `early`. Rejected
   *  with what ended the load. */
  readonly loaded: Promise<void>;
  /** Outputs by name, for inputs by name: properties of their own of both objects, so
   *  that an input called `__proto__` is given as `["__proto__"]: data`. Runs follow
   *  one after another. */
  run(inputs: Record<string, Elements>): Promise<Record<string, Output>>;
  /** The logits of the token behind `tokens`, of models that predict tokens. With a
   *  cache, what `tokens` begin with and the last call had is not computed again,
   *  and more than `maxTokens` are `bad-input`; a window holds the latest ones. So is
   *  what isn't in the vocabulary, which begins with 0. */
  predict(tokens: Iterable<number | bigint>): Promise<Float32Array>;
  /** The likeliest continuation of `tokens`: `predict` for each of its tokens. What
   *  `predict` or a cache would refuse is refused before the first. */
  generate(tokens: Iterable<number | bigint>, options?: GenerateOptions): Promise<number[]>;
  report(): Report;
  /** Frees everything; the model can't be used after it. */
  dispose(): void;
}

/**
 * Downloads, compiles and uploads the model, all at the same time. WebAssembly,
 * where there is no GPU, takes the same shards and repacks them as they arrive.
 */
export function load(options?: LoadOptions): Promise<Model>;

/**
 * The precision that loses least among those within bounds: the one with the
 * least divergence, or else the highest accuracy, or else the most bits. Where
 * none fits, `no-variant` names the nearest. Nothing but the manifest is read. It says
 * which variant of its kernels `load` takes, and so whether that is in f16; what is on
 * request alone (`f16` of the precision) is never among the choices.
 */
export function determineBestVariant(options?: PrecisionOptions): Promise<BestVariant>;

/** All precisions of the module. */
export function listPrecisions(options?: Pick<PrecisionOptions, "signal" | "baseURL" | "read">): Promise<Precision[]>;

/**
 * Parts of the above that are of use by themselves to who checks manifests. Places of
 * scratch buffers: the place of each by name, and the bytes of all.
 */
export function planScratch(buffers: readonly {
  name: string; kind: string; bytes: number; first: number; last: number;
}[]): { placeOf: Map<string, number>; sizes: number[] };

/** The grid of a dispatch of the manifest with workgroups of `size`, where it is open. */
export function planGrid(dispatch: {
  workgroups: number[]; workgroupSize: number[]; invocations?: number;
}, size: number): { workgroups: number[]; workgroupSize: number[] };

/** What makes the WebAssembly's weights of those of the shards: `copies` of the
 *  manifest's `fallback.weights`, each with the bytes of its weight, zero at first. */
export class Repacker {
  constructor(copies: readonly (Record<string, unknown> & { source: string; target(): Uint8Array })[]);
  /** Uses the bytes of `source` from byte `begin` on. */
  add(source: string, begin: number, bytes: Uint8Array): void;
}
