//===- measure.mjs - a bench in a browser, from JSON to JSON --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: measure.mjs PAGE.html JOB.json
//
// JOB has `mounts`, folders by what addresses begin with; all of it goes to the
// page. Prints what the page found.
//===----------------------------------------------------------------------===//

import { readFileSync } from "node:fs";
import { measureInBrowser } from "./browser.mjs";

const [page, file] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, "utf8"));
try {
  console.log(JSON.stringify(await measureInBrowser(job.mounts, `/${page}`, job)));
} catch (error) {
  console.error(`bench/web: error: ${error.message}`);
  process.exit(1);
}
process.exit(0);
