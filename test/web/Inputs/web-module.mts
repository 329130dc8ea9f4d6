//===- web-module.mts - all that a web module declares, in use ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page's program in strict TypeScript. It is compiled, and run: what is marked as an
// error for the compiler is one for the module, too.
//===----------------------------------------------------------------------===//

import {
  determineBestVariant, listPrecisions, load, LowbitError, planGrid, planScratch, Repacker,
} from "./module.webgpu.js";
import type {
  BestVariant, ElementList, Elements, GenerateOptions, LoadOptions, Model, Output, Precision, PrecisionOptions,
  Progress, Report, TensorInfo,
} from "./module.webgpu.js";

/** How the program gets at files, and what it runs on. */
export type Place = Required<Pick<LoadOptions, "read">> & Pick<LoadOptions, "device" | "backend">;

/** Values that the module gave, by the names of their types. */
export type Values = [name: string, value: unknown][];

const describe = ({ name, type, shape }: TensorInfo): string => `${name}: ${shape.join("x")}x${type}`;

/** Elements for an input: of each kind that it may be given in. */
export function makeElements({ type, shape }: TensorInfo): Elements[] {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const numbers: number[] = Array.from({ length: count }, (_, i) => i % 2);
  const typed: ElementList = type === "i64" ? BigInt64Array.from(numbers, BigInt)
    : type === "i32" ? Int32Array.from(numbers) : type === "f32" ? Float32Array.from(numbers) : Uint8Array.from(numbers);
  return [numbers, typed, { data: typed }, { data: numbers.map(BigInt) }, { data: numbers.map(Boolean) }];
}

/** All options of `load` at once. */
export const makeLoadOptions = (place: Place, signal: AbortSignal, onProgress: (progress: Progress) => void): LoadOptions => ({
  ...place, signal, onProgress, start: "early", ...(place.device ? { device: place.device } : {}), baseURL: new URL("http://localhost/"),
  ...(place.backend === "wasm" ? { variant: "simd128" } : { variant: "base", workgroupSize: 128 }),
});

function showReport(report: Report): string {
  const { adapter, memory, latency, load, quantizedInPage, fallback } = report;
  const milliseconds: (number | null)[] = [
    latency.first, latency.p50, latency.p90, latency.p99, load.started, load.pipelines, load.weights, load.total,
  ];
  const bytes: number[] = [
    memory.floatWeights, memory.packedWeights, memory.reduction, memory.scratch, memory.cache, memory.total,
  ];
  const grids = report.workgroups.map(({ size: [x, y, z], dispatches }) => `${x * y * z}: ${dispatches}`);
  return [
    report.model, report.backend, report.variant, ...report.variants, report.precision, report.accuracy?.toFixed(2),
    `${report.f16?.taken} of ${report.f16?.offered}`, report.f16?.reason,
    report.bitsPerWeight.toFixed(2), fallback && `${fallback.code}: ${fallback.message}`,
    adapter.vendor, adapter.architecture, adapter.description, adapter.isSoftware, ...milliseconds, ...bytes,
    latency.runs, report.kernels, report.dispatches, ...grids,
    quantizedInPage && quantizedInPage.weights + quantizedInPage.floatBytes + quantizedInPage.milliseconds +
      quantizedInPage.workingMemory,
  ].join();
}

/** Runs a model that goes from inputs to outputs, with inputs of each kind. */
async function runOnce(model: Model, values: Values): Promise<void> {
  const kinds = model.inputs.map((input) => makeElements(input));
  for (const i of makeElements({ name: "x", type: "i64", shape: [1] }).keys()) {
    const outputs: Record<string, Output> = await model.run(
      Object.fromEntries(model.inputs.map(({ name }, j) => [name, kinds[j]![i]!])));
    for (const { name, shape } of model.outputs) {
      const output = outputs[name]!;
      values.push(["Output", output]);
      if (output.shape.join() !== shape.join())
        throw new Error(`${name}: ${output.shape.join()} in place of ${shape.join()}`);
    }
  }
}

/** Extends a text. */
async function writeText(model: Model): Promise<number[]> {
  const options: GenerateOptions = {
    maxTokens: 2, stopToken: 1, signal: new AbortController().signal,
    onToken: (token, milliseconds) => { void (token + milliseconds); },
  };
  const logits: Float32Array = await model.predict(new Set([3, 4n]));
  const tokens: number[] = await model.generate(Int32Array.of(3, 4), options);
  return [logits.length, model.maxTokens ?? 0, ...tokens];
}

/** All of what a module of several precisions has beside `load`. */
export async function choosePrecision({ read, ...place }: Place): Promise<Values> {
  const bounds: PrecisionOptions = {
    ...(place.device ? { device: place.device } : { backend: "wasm" }), read, memory: 2 ** 30, minAccuracy: 0, signal: new AbortController().signal, baseURL: "http://localhost/",
  };
  const best: BestVariant = await determineBestVariant(bounds);
  const all: Precision[] = await listPrecisions({ read });
  const model = await load({ ...place, read, precision: all[0]! });
  const other = await load({ ...place, read, memory: best.memoryBytes + (best.wasmMemoryBytes ?? 0), minAccuracy: best.accuracy ?? 0 });
  const bits = all.map(({ name, floatBytes, packedBytes, bitsPerWeight, divergence, f16 }) =>
    `${name} ${packedBytes / floatBytes} ${bitsPerWeight} ${divergence} ${f16}`);
  const values: Values = [["BestVariant", best], ...all.map((one): [string, unknown] => ["Precision", one]), ["Report", model.report()]];
  model.dispose();
  other.dispose();
  const variant: string | null = best.variant;
  if (bits.length < 2 || (variant === null) !== (place.backend === "wasm"))
    throw new Error(`${bits.length} precisions, variant ${variant}`);
  return values;
}

/** All of a model. */
export async function useModel(place: Place): Promise<Values> {
  const values: Values = [], controller = new AbortController();
  const model: Model = await load(makeLoadOptions(place, controller.signal,
    ({ loadedBytes, totalBytes, pipelines, totalPipelines }) =>
      values.push(["Progress", { loadedBytes, totalBytes, pipelines, totalPipelines }])));
  values.push(["Report", model.report()], ["Model", model]);
  const nothing: void = await model.loaded;
  void nothing;
  for (const tensor of [...model.inputs, ...model.outputs]) {
    values.push(["TensorInfo", tensor]);
    describe(tensor);
  }
  if (!model.hasCache)
    await runOnce(model, values);
  if (model.maxTokens !== undefined)
    await writeText(model);
  showReport(model.report());
  values.push(["Report", model.report()]);
  model.dispose();
  return values;
}

/** The parts that are of use by themselves. */
export function checkManifest(): number[] {
  const { placeOf, sizes } = planScratch([
    { name: "a", kind: "scratch", bytes: 8, first: 0, last: 1 }, { name: "b", kind: "scratch", bytes: 4, first: 2, last: 3 },
  ]);
  const { workgroups, workgroupSize } = planGrid({ workgroups: [1, 1, 1], workgroupSize: [64, 1, 1], invocations: 128 }, 128);
  const bytes = new Uint8Array(4);
  const repacker: Repacker = new Repacker([{ source: "w", target: () => bytes }]);
  return [placeOf.size, ...sizes, ...workgroups, ...workgroupSize, typeof repacker.add === "function" ? 1 : 0];
}

/** The cause of what was rejected. */
export function nameCause(error: unknown): LowbitError["code"] | undefined {
  return error instanceof LowbitError ? error.code : undefined;
}

/** What the compiler refuses, and the module, too. */
export const mistakes: ((place: Place, model: Model) => Promise<unknown>)[] = [
  // @ts-expect-error: a misspelt option
  (place) => load({ ...place, presicion: "int8" }),
  // @ts-expect-error: another back end
  (place) => load({ ...place, backend: "webgl" }),
  // @ts-expect-error: when to begin
  (place) => load({ ...place, start: "late" }),
  // @ts-expect-error: a size that no kernel has
  (place) => load({ ...place, workgroupSize: 100 }),
  // @ts-expect-error: no signal
  (place) => load({ ...place, signal: "stop" }),
  // @ts-expect-error: no function
  (place) => load({ ...place, onProgress: 3 }),
  // @ts-expect-error: no bytes
  (place) => load({ ...place, read: async () => "bytes" }),
  // @ts-expect-error: no number of bytes
  (place) => determineBestVariant({ ...place, memory: "64 MB" }),
  // @ts-expect-error: a bound that it doesn't have
  ({ read }) => listPrecisions({ read, memory: 64 }),
  // @ts-expect-error: no tokens
  (place, model) => model.predict(3),
  // @ts-expect-error: no ids
  (place, model) => model.generate(["a"]),
  // @ts-expect-error: a misspelt option
  (place, model) => model.generate([3], { maxToken: 3 }),
  // @ts-expect-error: no number
  (place, model) => model.generate([3], { maxTokens: "3" }),
  // @ts-expect-error: no inputs
  (place, model) => model.run(),
  // @ts-expect-error: no list
  (place, model) => model.run({ [model.inputs[0]!.name]: 3 }),
];

/** What only the compiler refuses. */
export const readOnly = (model: Model, report: Report): void => {
  // @ts-expect-error: what the model has is not to be set
  model.maxTokens = 3;
  // @ts-expect-error: inner parts are nobody's business
  void model.scope;
  // @ts-expect-error: there may be none
  report.latency.p50.toFixed();
};
