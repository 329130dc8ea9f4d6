//===- chart.js - a report as two charts ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

const NAMESPACE = "http://www.w3.org/2000/svg";

function draw(parent, name, attributes, text) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes))
    element.setAttribute(key, value);
  if (text !== undefined)
    element.textContent = text;
  parent.append(element);
  return element;
}

/** A picture as wide as its parent, so that text in it is as large as elsewhere. */
function begin(parent, height, label) {
  parent.replaceChildren();
  const width = Math.max(260, parent.clientWidth);
  const svg = draw(parent, "svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
  });
  return { svg, width };
}

export function formatBytes(bytes) {
  const mebi = bytes / 2 ** 20;
  return mebi >= 10 ? `${mebi.toFixed(0)} MiB` : `${mebi.toFixed(1)} MiB`;
}

/** Bars of bytes: the float model, the packed one, and what runs need besides. */
export function drawMemory(parent, memory) {
  const rows = [
    ["float weights", memory.floatWeights, "bar before"],
    ["packed weights", memory.packedWeights, "bar after"],
    ["everything else", memory.total - memory.packedWeights, "bar rest"],
  ];
  const largest = Math.max(...rows.map(([, bytes]) => bytes));
  const { svg, width: available } = begin(parent, rows.length * 34, "memory");
  rows.forEach(([name, bytes, kind], i) => {
    const width = Math.max(2, (available - 195) * bytes / largest);
    const y = 34 * i;
    draw(svg, "text", { x: 0, y: y + 20, class: "name" }, name);
    draw(svg, "rect", { x: 125, y: y + 5, width, height: 22, rx: 4, class: kind });
    draw(svg, "text", { x: 132 + width, y: y + 20, class: "value" }, formatBytes(bytes));
  });
}

/**
 * A bar for each token, with the median as a line. The first token takes the whole
 * prompt, and has no bar beside those that take one token each.
 */
export function drawLatency(parent, milliseconds) {
  const { svg, width } = begin(parent, 120, "latency of each token");
  const left = 60, right = width - 75;
  const first = milliseconds.length > 1 ? 1 : 0;
  const shown = milliseconds.slice(first);
  const median = [...shown].sort((a, b) => a - b)[shown.length >> 1];
  const largest = Math.max(...shown);
  const step = (right - left) / Math.max(shown.length, 12);
  const place = (value) => 100 - 90 * value / largest;
  shown.forEach((value, i) => {
    const bar = draw(svg, "rect", {
      x: left + i * step, y: place(value), width: Math.max(1, step - 3),
      height: 100 - place(value), rx: 2, class: "bar after",
    });
    draw(bar, "title", {}, `token ${i + first + 1}: ${value.toFixed(1)} ms`);
  });
  draw(svg, "line", { x1: left, x2: right, y1: place(median), y2: place(median), class: "median" });
  draw(svg, "text", { x: left - 6, y: place(largest) + 5, class: "tick" }, `${largest.toFixed(0)} ms`);
  draw(svg, "text", { x: left - 6, y: 104, class: "tick" }, "0");
  const end = Math.max(left + 50, left + shown.length * step - 3);
  draw(svg, "text", { x: end, y: 118, class: "tick" }, `token ${milliseconds.length}`);
  draw(svg, "text", { x: right + 6, y: place(median) + 4, class: "tick mark" }, `median ${median.toFixed(0)}`);
}
