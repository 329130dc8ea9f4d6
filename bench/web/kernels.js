//===- kernels.js - layers on WebAssembly, in a page or in node -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each variant of our module and the WebAssembly back end of ONNX Runtime Web,
// one thread each. They take turns: some runs of each, until there was enough time
// and there are enough turns.
//===----------------------------------------------------------------------===//

import { compare, findMedian, makeInput } from "./numbers.js";

/** Engines compile hot code anew while it runs. */
const WARM_UP_SECONDS = 0.5, WARM_UP_RUNS = 3;
/** What is timed at once: clocks of pages are coarse. */
const LEAST_SAMPLE = 5;
const isNode = globalThis.process?.versions?.node !== undefined;

/** The bytes of a file: node fetches no files. */
async function readBytes(url) {
  if (isNode)
    return (await import("node:fs")).readFileSync(url);
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

/** Our variants of a layer, the one first that `load` takes by itself. */
async function loadOurs({ name }, variants, folder) {
  const { load } = await import(new URL(`${name}.wasm.js`, folder));
  const models = [await load()];
  for (const variant of variants.filter((variant) => variant !== models[0].variant)) {
    try {
      models.push(await load({ variant }));
    } catch (error) {
      if (error.code !== "unsupported")
        throw error;
    }
  }
  return models.map((model) => ({
    name: model.variant,
    run: async (x, m, k) => (await model.run({ x: { data: x, shape: [m, k] } })).y,
    end: () => model.dispose(),
  }));
}

async function loadPeer({ peer }, folder, library) {
  const ort = await import(new URL(isNode ? "ort.node.min.mjs" : "ort.wasm.min.mjs", library));
  ort.env.wasm.numThreads = 1;
  if (!isNode)
    ort.env.wasm.wasmPaths = library.href;
  const session = await ort.InferenceSession.create(
    await readBytes(new URL(`${peer}.onnx`, folder)), { executionProviders: ["wasm"] });
  return {
    name: "ort",
    version: ort.env.versions.web,
    run: async (x, m, k) => (await session.run({ x: new ort.Tensor("float32", x, [m, k]) })).y.data,
    end: () => session.release(),
  };
}

/** Medians and least times in milliseconds by contestant, and how far each is from the first. */
async function measureRows(contestants, m, k, { seconds, runs }) {
  const x = makeInput(m * k);
  const results = [], repeats = [];
  for (const [i, contestant] of contestants.entries()) {
    const end = performance.now() + 1000 * WARM_UP_SECONDS;
    let run = 0;
    for (; run < WARM_UP_RUNS || performance.now() < end; ++run)
      results[i] = Float32Array.from(await contestant.run(x, m, k));
    repeats[i] = Math.ceil(run * LEAST_SAMPLE / (1000 * WARM_UP_SECONDS));
  }
  const times = contestants.map(() => []);
  const end = performance.now() + 1000 * seconds * contestants.length;
  while (times[0].length < runs || performance.now() < end)
    for (const [i, contestant] of contestants.entries()) {
      const start = performance.now();
      for (let run = 0; run < repeats[i]; ++run)
        await contestant.run(x, m, k);
      times[i].push((performance.now() - start) / repeats[i]);
    }
  return Object.fromEntries(contestants.map(({ name }, i) => [name, {
    median: findMedian(times[i]), least: Math.min(...times[i]), runs: times[i].length,
    error: compare(results[i], results[0]),
  }]));
}

/** What a job's layers take, by rows of activations. */
export async function measureKernels(job, folder, library) {
  const results = [];
  let version = null;
  for (const layer of job.layers) {
    const contestants = await loadOurs(layer, job.variants, folder);
    if (layer.peer) {
      contestants.push(await loadPeer(layer, folder, library));
      version = contestants.at(-1).version;
    }
    for (const m of job.m) {
      results.push({ ...layer, m, chosen: contestants[0].name,
        times: await measureRows(contestants, m, layer.k, job) });
      console.error(`${layer.name}, M = ${m}`);
    }
    for (const contestant of contestants)
      await contestant.end();
  }
  return { peer: version && `ONNX Runtime Web ${version}`, results };
}
