//===- options.js - what callers ask for, and how that is said ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/** A value that a caller gave, whatever it is, in an error's text. */
function describeValue(value) {
  if (typeof value === "string")
    return `'${value}'`;
  if (typeof value === "function")
    return "a function";
  if (typeof value !== "object" || value === null)
    return String(value);
  return value.length >= 0 ? "an array" : "an object";
}

/** How many letters are to be put in, left out or replaced to make `b` of `a`. */
function countEdits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; ++i) {
    const next = [i];
    for (let j = 1; j <= b.length; ++j)
      next.push(Math.min(next[j - 1] + 1, row[j] + 1,
        row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

/** What of `known` is meant by `name`, if that is near to any. */
function suggest(name, known) {
  const edits = known.map((word) => countEdits(name.toLowerCase(), word.toLowerCase()));
  const least = Math.min(...edits);
  return least <= Math.max(2, name.length / 3) ? known[edits.indexOf(least)] : undefined;
}

/** What options may hold, by the name of the kind. */
const OPTION_KINDS = {
  any: { holds: () => true },
  function: { text: "a function", holds: (value) => typeof value === "function" },
  device: { text: "a GPUDevice", holds: (value) => typeof value.createBuffer === "function" },
  token: { text: "a token's id, a number", holds: (value) => Number.isInteger(value) },
  signal: {
    text: "an AbortSignal",
    holds: (value) => typeof value.aborted === "boolean" && typeof value.addEventListener === "function",
  },
};

/**
 * The options that were given to the function `what`, which `known` has the kinds
 * of. What is misspelt would have no effect, and is an error.
 */
function checkOptions(what, options, known) {
  if (typeof options !== "object" || options === null)
    throw new LowbitError("bad-input",
      `${what} requires an object of options, found ${describeValue(options)}`);
  const names = Object.keys(known);
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) {
      const meant = suggest(name, names);
      throw new LowbitError("bad-input", `${what} has no option '${name}'` +
        (meant ? `; did you mean '${meant}'?` : `; it has ${names.join(", ")}`));
    }
    const { text, holds } = OPTION_KINDS[known[name]];
    if (value !== undefined && value !== null && !holds(value))
      throw new LowbitError("bad-input",
        `option '${name}' requires ${text}, found ${describeValue(value)}`);
  }
  return options;
}

/** The bytes that a caller gave for the option `what`, of the file or tensor `name` if there are several. */
function takeBytes(bytes, what, name) {
  if (bytes instanceof ArrayBuffer)
    return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes))
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new LowbitError("bad-input", `${what} requires a Uint8Array or an ArrayBuffer` +
    `${name === undefined ? "" : ` for '${name}'`}, found ${describeValue(bytes)}`);
}

/** The address that files lie beside: the caller's, or the module's own. */
function readBaseURL(baseURL, own) {
  try {
    return new URL(baseURL ?? own);
  } catch (error) {
    throw new LowbitError("bad-input",
      `baseURL requires an absolute URL, found ${describeValue(baseURL)}`, error);
  }
}

/** The options of `generate`. */
const GENERATE_OPTIONS = { maxTokens: "any", stopToken: "token", onToken: "function", signal: "signal" };
