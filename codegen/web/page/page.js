//===- page.js - the example page -----------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { load } from "./model.webgpu.js";
import { drawLatency, drawMemory, formatBytes } from "./chart.js";
import { Tokenizer } from "./tokenizer.js";

const at = (id) => document.getElementById(id);
const ASKED = new URLSearchParams(location.search);
const MAX_TOKENS = Number(ASKED.get("tokens") ?? 24);

function showState(text, share) {
  at("state").textContent = text;
  if (share !== undefined)
    at("fill").style.width = `${100 * share}%`;
}

function showError(error) {
  at("note").textContent = `${error.message} (${error.code ?? error.name})`;
  at("note").hidden = false;
  showState("Stopped", 0);
}

/** Whether tokens come: then the state is about them. */
let isWriting = false;

function showProgress({ loadedBytes, totalBytes, pipelines, totalPipelines }) {
  if (isWriting)
    return;
  const share = (loadedBytes / totalBytes + pipelines / totalPipelines) / 2;
  showState(`${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}, ` +
    `${pipelines} of ${totalPipelines} pieces of code`, share);
}

function fillList(list, entries) {
  list.replaceChildren(...entries.flatMap(([name, value]) => {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
}

function showReport(report, milliseconds) {
  const ms = (value) => `${value.toFixed(0)} ms`;
  at("report").hidden = false;
  drawMemory(at("memory"), report.memory);
  drawLatency(at("latency"), milliseconds);
  fillList(at("load"), [
    ["weights there after", ms(report.load.weights)],
    ["code there after", ms(report.load.pipelines)],
    ["everything after", ms(report.load.total)],
    ["ready for text after", ms(report.load.started)],
    ["first token, of the whole prompt, took", ms(milliseconds[0])],
  ]);
  fillList(at("device"), [
    ["adapter", nameAdapter(report.adapter)],
    ["kind", report.adapter.isSoftware ? "software" : "hardware"],
    ["back end", `${report.backend}, variant ${report.variant}`],
    ...(report.f16 ? [["computed in f16", `${report.f16.taken} of ${report.f16.offered} products`]] : []),
    report.kernels
      ? ["work per token", `${report.dispatches} dispatches of ${report.kernels} shaders`]
      : ["memory", formatBytes(report.memory.total)],
  ]);
  showNote(report);
}

const nameAdapter = ({ vendor, architecture, description }) =>
  `${vendor} ${architecture}`.trim() || description || "unknown";

/** What is to be known of times that are not a GPU's. */
function showNote({ adapter, backend, fallback }) {
  if (!adapter.isSoftware)
    return;
  at("note").textContent = backend === "wasm"
    ? `The model runs on WebAssembly, on the CPU${fallback ? `: ${fallback.message}` : ""}.`
    : "This adapter computes on the CPU: times are not those of a GPU.";
  at("note").hidden = false;
}

function showLoaded({ load: { total }, backend }) {
  if (!isWriting)
    showState(`Ready after ${total.toFixed(0)} ms on ${backend === "wasm" ? "WebAssembly" : "WebGPU"}`, 1);
}

async function run(model, tokenizer) {
  const prompt = at("prompt").value;
  const count = Math.min(MAX_TOKENS, model.maxTokens);
  // Of a long text, the cache has room for the end, and of the last token nothing is computed.
  const tokens = tokenizer.encode(prompt).slice(count - 1 - model.maxTokens);
  const generated = [], milliseconds = [];
  const quoted = document.createElement("span");
  quoted.className = "prompt";
  quoted.textContent = prompt;
  const written = document.createTextNode("");
  at("text").replaceChildren(quoted, written);
  await model.generate(tokens, {
    maxTokens: count,
    onToken: async (token, time) => {
      isWriting = true;
      generated.push(token);
      milliseconds.push(time);
      written.data = tokenizer.decode(generated);
      showState(`${generated.length} of ${count} tokens, ${time.toFixed(0)} ms each`,
        generated.length / count);
      // The page is drawn in between.
      await new Promise(requestAnimationFrame);
    },
  });
  showReport(model.report(), milliseconds);
}

async function start() {
  const merges = await (await fetch("bpe_merges.json")).json();
  const tokenizer = new Tokenizer(merges);
  const backend = ASKED.get("backend") ?? undefined;
  // A text may be asked for at once: what computes it begins with the first weights.
  const model = await load({ backend, start: ASKED.get("start") ?? "early", onProgress: showProgress });
  model.loaded.then(() => showLoaded(model.report()), showError);
  at("go").disabled = false;
  at("go").addEventListener("click", async () => {
    at("go").disabled = true;
    try {
      await run(model, tokenizer);
    } catch (error) {
      showError(error);
    } finally {
      // A model that has ended says so again.
      at("go").disabled = false;
    }
  });
  // For tests, and for the curious in the console.
  window.lowbit = { model, tokenizer };
}

start().catch(showError);
