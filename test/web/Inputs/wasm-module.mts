//===- wasm-module.mts - all that a module of WebAssembly declares, in use ===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As web-module.mts.
//===----------------------------------------------------------------------===//

import { load, LowbitError } from "./module.wasm.js";
import type {
  ElementList, GenerateOptions, Input, LoadOptions, Model, Output, TensorInfo, TypedArray,
} from "./module.wasm.js";

export type Place = Required<Pick<LoadOptions, "read">>;
export type Values = [name: string, value: unknown][];

/** Extents that callers choose are 1. */
const choose = ({ shape }: TensorInfo): number[] =>
  shape.map((extent) => typeof extent === "number" && extent >= 0 ? extent : 1);

export function makeInputs(tensor: TensorInfo): Input[] {
  const shape = choose(tensor);
  const numbers: ElementList = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 2);
  const typed: TypedArray = tensor.type === "i64" ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers, Number);
  return [{ data: numbers, shape }, { data: typed, shape }];
}

async function writeText(model: Model, values: Values): Promise<number[]> {
  const options: GenerateOptions = {
    maxTokens: 2, stopToken: 1, signal: new AbortController().signal,
    onToken: async (token, milliseconds) => { void (token + milliseconds); },
  };
  const first: Record<string, Output> = await model.prefill([3, 4n], 0);
  const next = await model.decode(5, 2);
  values.push(...Object.values({ ...first, ...next }).map((output): [string, unknown] => ["Output", output]));
  const room: number | undefined = model.maxTokens;
  return [room ?? 0, ...await model.generate(new Set([3, 4]), options)];
}

export async function useModel({ read }: Place, weights: Uint8Array): Promise<Values> {
  const options: LoadOptions = {
    read, weights: Promise.resolve(weights), variant: "simd128", signal: new AbortController().signal,
    baseURL: new URL("http://localhost/"),
  };
  const model = await load(options);
  const values: Values = [["Model", model]];
  for (const tensor of [...model.inputs, ...model.outputs])
    values.push(["TensorInfo", tensor]);
  if (model.hasCache)
    await writeText(model, values);
  else
    for (const kind of [0, 1]) {
      const outputs = await model.run(Object.fromEntries(
        model.inputs.map((tensor) => [tensor.name, makeInputs(tensor)[kind]!])));
      values.push(...Object.values(outputs).map((output): [string, unknown] => ["Output", output]));
      for (const { shape } of Object.values(outputs))
        void shape.join();
    }
  void `${model.variant} takes ${model.memory}`;
  model.dispose();
  return values;
}

export function nameCause(error: unknown): LowbitError["code"] | undefined {
  return error instanceof LowbitError ? error.code : undefined;
}

/** What the compiler refuses, and the module, too. */
export const mistakes: ((place: Place, model: Model) => Promise<unknown>)[] = [
  // @ts-expect-error: a misspelt option
  (place) => load({ ...place, wieghts: new Uint8Array(8) }),
  // @ts-expect-error: an option of web modules
  (place) => load({ ...place, backend: "wasm" }),
  // @ts-expect-error: no bytes
  (place) => load({ ...place, weights: "weights" }),
  // @ts-expect-error: no tokens
  (place, model) => model.prefill(3),
  // @ts-expect-error: no id
  (place, model) => model.decode("a"),
  // @ts-expect-error: no number
  (place, model) => model.generate([3], { stopToken: "end" }),
  // @ts-expect-error: no list
  (place, model) => model.run({ [model.inputs[0]!.name]: 3 }),
];

export const readOnly = (model: Model): void => {
  // @ts-expect-error: what the model has is not to be set
  model.variant = "simd128";
  // @ts-expect-error: without a cache there is none
  void model.maxTokens.toFixed();
};
