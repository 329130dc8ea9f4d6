//===- Style.cpp - how the page looks -------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One accent colour for what is low-bit, a grey for what is float, and a warm
// colour for what deserves a look. No fonts or files from elsewhere.
//
//===----------------------------------------------------------------------===//

#include "Html.h"

using namespace lowbit;

const llvm::StringLiteral lowbit::kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fcfbf9; --card: #ffffff; --ink: #1c1f23; --quiet: #6a6f76;
  --line: #e5e2dc; --accent: #0b6e76; --soft: #0b6e7626; --float: #b4b0a8;
  --warm: #b4501e; --good: #2c7a3f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1a1e22; --ink: #e8e6e1; --quiet: #9aa0a6;
    --line: #2c3238; --accent: #58bcc4; --soft: #58bcc433; --float: #5b6168;
    --warm: #f0935b; --good: #7cc48d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1120px; margin: 0 auto; padding: 40px 20px 64px; }
header { margin-bottom: 28px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 6px; font-weight: 640; overflow-wrap: anywhere; }
h2 { font-size: 18px; letter-spacing: -0.005em; margin: 44px 0 4px; font-weight: 620; }
p { margin: 0 0 14px; color: var(--quiet); max-width: 70ch; }
code, .name { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.87em; }
a { color: var(--accent); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; margin: 0;
  background: var(--line); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.figures div { background: var(--card); padding: 14px 16px; }
.figures dt { color: var(--quiet); font-size: 13px; }
.figures dd { margin: 2px 0 0; font-size: 24px; line-height: 1.25; letter-spacing: -0.02em; font-weight: 600; }
.figures small { display: block; font-size: 13px; letter-spacing: 0; font-weight: 400; color: var(--quiet); }
.checks { list-style: none; padding: 0; margin: 16px 0 0; display: flex; flex-wrap: wrap; gap: 8px; }
.checks li { border: 1px solid var(--line); border-radius: 999px; padding: 3px 12px; background: var(--card); font-size: 14px; }
.checks .passed b { color: var(--good); } .checks .failed b { color: var(--warm); }
.checks .failed { border-color: var(--warm); }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; border-radius: 10px; }
.scroll:focus-visible, button:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; background: var(--card); border: 1px solid var(--line); }
th, td { padding: 6px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
tr:last-child td, tr:last-child th { border-bottom: 0; }
th { font-weight: 560; color: var(--quiet); font-size: 12.5px; }
thead th { position: sticky; top: 0; background: var(--card); }
.text { text-align: left; }
tbody th { color: var(--ink); font-weight: 450; text-align: left; position: sticky; left: 0; background: var(--card); }
thead th:first-child { text-align: left; }
tbody tr:hover td, tbody tr:hover th { background: color-mix(in srgb, var(--card), var(--accent) 6%); }
tr.total td, tr.total th { font-weight: 600; }
th button { all: unset; cursor: pointer; } th button::after { content: "\2003"; }
th[aria-sort=ascending] button::after { content: " \2191"; } th[aria-sort=descending] button::after { content: " \2193"; }
svg { display: block; max-width: 100%; height: auto; font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg text { fill: var(--quiet); } svg .ink { fill: var(--ink); }
.chart { min-width: 640px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px; }
.low { fill: var(--accent); } .float { fill: var(--float); } .other { fill: var(--quiet); } .warm { fill: var(--warm); }
.grid { stroke: var(--line); stroke-width: 1; } .stem { stroke: var(--soft); stroke-width: 2; }
.tick { stroke: var(--accent); stroke-width: 1.5; } .front { fill: none; stroke: var(--accent); stroke-width: 1.5; }
.uniform { fill: var(--quiet); }
.ring { fill: none; stroke: var(--warm); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0 12px; font-size: 13px; color: var(--quiet); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; margin: 12px 0 0; padding: 0; }
.gallery figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 12px 8px; min-width: 0; }
.gallery svg { width: 100%; }
figcaption { font-size: 12.5px; line-height: 1.4; margin-bottom: 6px; }
figcaption .name { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
figcaption span { color: var(--quiet); }
summary { cursor: pointer; color: var(--accent); margin: 10px 0; }
.track { display: inline-block; width: 60px; margin-left: 10px; text-align: left; }
.bar { display: inline-block; height: 8px; border-radius: 2px; background: var(--accent); }
.bar.float { background: var(--float); }
.bar.warm { background: var(--warm); }
ul.remarks { padding-left: 18px; font-size: 13.5px; color: var(--quiet); overflow-wrap: anywhere; }
dl.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 18px; font-size: 13.5px; margin: 12px 0 0; }
dl.facts dt { color: var(--quiet); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 560px) {
  main { padding: 24px 14px 40px; } h1 { font-size: 23px; } .figures dd { font-size: 20px; }
  .figures { grid-template-columns: 1fr 1fr; } .figures div { padding: 11px 13px; }
  tbody th { max-width: 46vw; overflow: hidden; text-overflow: ellipsis; }
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: 8px; }
}
@media print { main { max-width: none; } .scroll { overflow: visible; } }
)css";

const llvm::StringLiteral lowbit::kReportScript = R"js(
for (const head of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0], column = head.cellIndex;
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => {
      const cell = row.cells[column], value = cell.dataset.v;
      return value === undefined ? cell.textContent : value === "" ? -Infinity : Number(value);
    };
    const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;
    body.append(...[...body.rows].sort((a, b) => (down ? -1 : 1) * order(key(a), key(b))));
  });
}
)js";
