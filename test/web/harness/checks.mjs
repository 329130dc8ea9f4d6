//===- checks.mjs - what tests of web modules say, and read ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

let checks = 0, failed = 0;

/** Prints `name` unless it `holds`. */
export function check(name, holds) {
  ++checks;
  if (!holds) {
    ++failed;
    console.log(`FAILED: ${name}`);
  }
}

/** Checks that `promise` is rejected with `code`, in a text that has `says` in it. */
export async function rejects(name, code, promise, says = "") {
  try {
    await promise;
    check(`${name}: expected ${code}, nothing was rejected`, false);
  } catch (error) {
    check(`${name}: expected ${code} with '${says}', found ${error.code}: ${error.message}`,
      error.code === code && error.message.includes(says));
  }
}

/** Ends the program: says how many checks there were, after `title`. */
export function finish(title = "") {
  console.log(`${title}${checks} checks, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

/** Reads files beside the module `path`; `change` may give other bytes, or wait. */
export function readBeside(path, change = (file, bytes) => bytes) {
  return async (file, signal, onBytes) => {
    const bytes = await change(file, new Uint8Array(await readFile(join(dirname(path), file))));
    onBytes?.(bytes.byteLength);
    return bytes;
  };
}
