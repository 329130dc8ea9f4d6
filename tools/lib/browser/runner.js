//===- runner.js - a web module is loaded, run and measured ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `quant-run --browser` serves this page. run.json says what to do; what came
// out, or what went wrong, is posted back once. An answer that never comes, to
// alive, is how the other end knows that this page is still there. All of these
// lie beside the page, below the part of its address that no other page knows.
//
//===----------------------------------------------------------------------===//

const at = (id) => document.getElementById(id);
const post = (path, body) => fetch(path, { method: "POST", body });

let lastPost = 0;
function showState(text, share) {
  at("state").textContent = text;
  if (share !== undefined)
    at("fill").style.width = `${100 * share}%`;
  // Enough for who waits for it, and next to nothing for what is measured.
  if (performance.now() - lastPost < 500)
    return;
  lastPost = performance.now();
  post("state", text);
}

function fillTable(rows) {
  at("figures").replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

let isOver = false;
async function finish(result) {
  if (isOver)
    return;
  isOver = true;
  await post("result", JSON.stringify(result));
}

function fail(error) {
  const message = error?.message ?? String(error);
  at("state").textContent = message;
  at("state").className = "bad";
  return finish({ error: { code: error?.code ?? error?.name ?? "error", message } });
}

function failInput(message) {
  throw Object.assign(new Error(message), { code: "bad-input" });
}

/** Bytes of the page's own memory, where the browser tells. */
const measureHeap = () => performance.memory?.usedJSHeapSize ?? null;

const ARRAYS = {
  f32: Float32Array, f64: Float64Array, i64: BigInt64Array, u64: BigUint64Array,
  i32: Int32Array, u32: Uint32Array, i16: Int16Array, u16: Uint16Array,
  i8: Int8Array, u8: Uint8Array, i1: Uint8Array,
};

/** Numbers for an input that nobody gave: ones, and floats between -1 and 1. */
function makeInput({ type, shape }) {
  const count = shape.reduce((product, size) => product * size, 1);
  if (type !== "f32")
    return new Int32Array(count).fill(1);
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state / 2 ** 31;
  });
}

async function readInputs(model, given) {
  const inputs = given.length ? [] : model.inputs.map((input) => [input.name, makeInput(input)]);
  for (const [i, { name, type }] of given.entries()) {
    const bytes = await (await fetch(`input/${i}`)).arrayBuffer();
    inputs.push([name, new ARRAYS[type](bytes)]);
  }
  // Properties of their own, also where one is called `__proto__`.
  return Object.fromEntries(inputs);
}

async function measureRuns(model, job) {
  const inputs = await readInputs(model, job.inputs);
  const milliseconds = [];
  let outputs;
  for (let i = -job.warmUp; i < job.runs; ++i) {
    const start = performance.now();
    outputs = await model.run(inputs);
    if (i >= 0)
      milliseconds.push(performance.now() - start);
    showState(i < 0 ? "Warming up" : `${i + 1} of ${job.runs} runs`, Math.max(0, i + 1) / job.runs);
  }
  for (const name of job.outputs) {
    if (!Object.hasOwn(outputs, name))
      failInput(`the model has no output '${name}'; it has ` +
        Object.keys(outputs).map((known) => `'${known}'`).join(", "));
    const output = model.outputs.find((known) => known.name === name);
    await post("output", new Blob([JSON.stringify(output), "\n", outputs[name]]));
  }
  return { milliseconds };
}

/** Fails, before anything is computed, unless a cache with `room` holds such a text but for its last token. */
function checkRoom(length, count, room) {
  const left = room - length + 1;
  if (left < 1)
    failInput(`the KV cache has room for ${room} tokens, found ${length}; compile with a larger --max-length`);
  if (count > left)
    failInput(`the KV cache has room for ${room} tokens, found a prompt of ${length} and ${count} more; ` +
      `ask for at most ${left}, or compile with a larger --max-length`);
}

async function measureText(model, job) {
  const prompt = job.tokens.length ? job.tokens : Array.from({ length: 8 }, (_, i) => i + 1);
  if (model.hasCache)
    checkRoom(prompt.length, job.generate, model.maxTokens);
  // Other tokens, so that nothing of the prompt is in a cache already.
  for (let i = 0; i < job.warmUp; ++i)
    await model.predict(prompt.map((token) => token === 0 ? 1 : 0));
  const milliseconds = [];
  // A cache may have less room than runs are wanted of nothing in particular.
  const count = job.generate || (model.hasCache ? Math.min(job.runs, model.maxTokens - prompt.length) : job.runs);
  const tokens = await model.generate(prompt, {
    maxTokens: count,
    onToken: (token, time) => {
      milliseconds.push(time);
      showState(`${milliseconds.length} of ${count} tokens`, milliseconds.length / count);
    },
  });
  // The first token takes the whole prompt.
  const [first, ...rest] = milliseconds;
  return { promptTokens: prompt.length, promptMilliseconds: first, milliseconds: rest, tokens };
}

function showFigures(model, measured) {
  const report = model.report();
  const sorted = [...measured.milliseconds].sort((a, b) => a - b);
  const mebi = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  fillTable([
    ["back end", report.backend],
    ["adapter", `${report.adapter.vendor} ${report.adapter.architecture}`.trim() || "unknown"],
    ["kind", report.adapter.isSoftware ? "software" : "hardware"],
    ["precision", report.precision ?? "the only one"],
    ["float weights", mebi(report.memory.floatWeights)],
    ["packed weights", mebi(report.memory.packedWeights)],
    ["median", sorted.length ? `${sorted[sorted.length >> 1].toFixed(2)} ms` : "none"],
  ]);
  showState("Done", 1);
  return report;
}

async function start() {
  const job = await (await fetch("run.json")).json();
  at("title").textContent = job.module;
  fetch("alive").catch(() => {});
  const heapBefore = measureHeap();
  showState("Loading");
  const { load, listPrecisions } = await import(`./${encodeURIComponent(job.module)}`);
  if (typeof load !== "function" || typeof listPrecisions !== "function")
    failInput("the module is none that quant-opt --target=webgpu has written");
  const model = await load({
    variant: job.variant || undefined,
    precision: job.precision || undefined,
    onProgress: ({ loadedBytes, totalBytes, pipelines, totalPipelines }) =>
      showState(`${loadedBytes} of ${totalBytes} bytes, ${pipelines} of ${totalPipelines} shaders`,
        (loadedBytes / totalBytes + pipelines / totalPipelines) / 2),
  });
  const heapAfter = measureHeap();
  const measured = await (job.generate || model.hasCache ? measureText : measureRuns)(model, job);
  const report = showFigures(model, measured);
  model.dispose();
  await finish({ report, heapBefore, heapAfter, agent: navigator.userAgent, ...measured });
}

addEventListener("error", (event) => fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => fail(event.reason));
start().catch(fail);
