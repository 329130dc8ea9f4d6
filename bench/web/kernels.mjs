//===- kernels.mjs - kernels of WebAssembly in node, from JSON to JSON ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: kernels.mjs JOB.json
//
// JOB is that of kernels.html.
//===----------------------------------------------------------------------===//

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { measureKernels } from "./kernels.js";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const toFolder = (path) => path && pathToFileURL(`${path}/`);
try {
  const found = await measureKernels(job, toFolder(job.mounts["/layers/"]), toFolder(job.mounts["/ort/"]));
  console.log(JSON.stringify({ browser: `node ${process.version}`, ...found }));
} catch (error) {
  console.error(`bench/web: error: ${error.message}`);
  process.exit(1);
}
process.exit(0);
