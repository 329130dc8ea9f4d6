//===- pieces.mjs - shards that are read piece by piece, on Dawn ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: pieces.mjs MODULE LARGE
//
// MODULE is made of module.mlir: y = 3 x + 0.5 on 256 x 256 numbers, in eight shards
// of 64 KiB, which are cut here into pieces of 24 KiB, so that the last one is
// shorter; LARGE has shards of several pieces. Loads MODULE from streams of both kinds
// and from a caller's reader, and in every way in which a piece may be wrong.
//===----------------------------------------------------------------------===//

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { check, finish, rejects } from "./checks.mjs";
import { openDawn } from "./dawn.mjs";

const PIECE = 24576, SHARD = 65536;
const path = resolve(process.argv[2]), large = resolve(process.argv[3]);
const { load } = await import(pathToFileURL(path));
const { gpu } = await openDawn();

const x = Float32Array.from({ length: 65536 }, (_, i) => i / 100);
const isRight = ({ y }) => y.length === 65536 && y.every((value, i) => Math.abs(value - (3 * x[i] + 0.5)) < 1e-3);
const readBytes = (file, of = path) => new Uint8Array(readFileSync(join(dirname(of), file)));

/** The hashes of a shard's pieces. */
function hashPieces(bytes, size) {
  const hashes = [];
  for (let at = 0; at < bytes.byteLength; at += size)
    hashes.push(createHash("sha256").update(bytes.subarray(at, at + size)).digest("hex"));
  return hashes;
}

/** What `quant-opt` writes. */
function checkManifest() {
  const { pieceBytes, shards } = JSON.parse(readFileSync(large.replace(/\.js$/, ".json"), "utf8"));
  check("large shards have several pieces", shards.length > 1 && shards[0].pieces.length > 2);
  check("their hashes are those of their bytes", shards.every(({ file, pieces, sha256 }) => {
    const bytes = readBytes(file, large);
    return hashPieces(bytes, pieceBytes).join() === (pieces ?? [sha256]).join() &&
      hashPieces(bytes, bytes.byteLength).join() === sha256;
  }));
}

/** A file of MODULE whose manifest says that shards have pieces, of which `change` may alter some. */
function readFile(file, change) {
  const bytes = readBytes(file);
  if (file.endsWith(".json")) {
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    manifest.pieceBytes = PIECE;
    for (const shard of manifest.shards)
      shard.pieces = hashPieces(readBytes(shard.file), PIECE);
    return new TextEncoder().encode(JSON.stringify(manifest));
  }
  return file.endsWith(".3.bin") ? change(bytes) : bytes;
}

/** Serves files in pieces of streams, or as bytes that a page fills; counts bytes sent. */
function serve(change, type, counts = { sent: 0 }, most = () => Infinity) {
  globalThis.fetch = async (url) => {
    const bytes = readFile(basename(new URL(url).pathname), change);
    let sent = 0;
    return new Response(new ReadableStream({
      type,
      async pull(controller) {
        while (counts.sent >= most())
          await new Promise((done) => setTimeout(done, 5));
        const part = bytes.slice(sent, sent + 5000);
        sent += part.byteLength;
        counts.sent += part.byteLength;
        if (part.byteLength > 0)
          controller.enqueue(part);
        if (sent >= bytes.byteLength) {
          controller.close();
          controller.byobRequest?.respond(0);
        }
      },
    }));
  };
}

/** A device that counts what is written to it. */
async function openDevice() {
  const device = await (await gpu.requestAdapter()).requestDevice();
  const writeBuffer = device.queue.writeBuffer.bind(device.queue);
  const counts = { bytes: 0, largest: 0 };
  device.queue.writeBuffer = (buffer, offset, data, from, size) => {
    counts.bytes += size;
    counts.largest = Math.max(counts.largest, size);
    return writeBuffer(buffer, offset, data, from, size);
  };
  return { device, counts };
}

/** Ways in which files come: options of `load`, for files that `change` may alter. */
const WAYS = {
  "a stream of pieces": (change) => {
    serve(change, undefined);
    return { baseURL: "http://localhost/" };
  },
  "a stream of bytes": (change) => {
    serve(change, "bytes");
    return { baseURL: "http://localhost/" };
  },
  "a reader": (change) => ({ read: async (file) => readFile(file, change) }),
};

async function loadAndRun(name, open) {
  const { device, counts } = await openDevice();
  let loaded = 0;
  const model = await load({
    device, ...open((bytes) => bytes), onProgress: ({ loadedBytes }) => { loaded = loadedBytes; },
  });
  check(`${name}: no more than a piece is written at once`, counts.largest === PIECE);
  check(`${name}: all bytes are counted`, loaded === 8 * SHARD && counts.bytes === 8 * SHARD);
  check(`${name}: run computes 3 x + 0.5`, isRight(await model.run({ x })));
  model.dispose();
}

async function failToLoad(name, open) {
  const flip = (at) => (bytes) => {
    bytes[at] ^= 1;
    return bytes;
  };
  for (const [what, change, says] of [
    ["a flipped bit of the first piece", flip(1000), "SHA-256 of bytes 0 to 24576 "],
    ["a flipped bit of the second piece", flip(PIECE), "SHA-256 of bytes 24576 to 49152 "],
    ["a flipped bit of the last piece", flip(SHARD - 1), "SHA-256 of bytes 49152 to 65536 "],
    ["a shard that ends in its second piece", (bytes) => bytes.subarray(0, 30000), "requires 65536 bytes, found 30000"],
    ["a shard that ends behind its first piece", (bytes) => bytes.subarray(0, PIECE), "requires 65536 bytes, found 24576"],
    ["a shard of nothing", () => new Uint8Array(), "requires 65536 bytes, found 0"],
    ["a shard with one more byte", (bytes) => new Uint8Array([...bytes, 0]), "requires 65536 bytes, found more"]])
    await rejects(`${name}: ${what}`, "corrupted",
      load({ device: (await openDevice()).device, ...open(change) }), `.3.bin' ${says.startsWith("SHA") ? "is corrupted: " : ""}${says}`);
}

/** Bytes that no hash is for would be none. */
async function leaveOutHash() {
  const read = async (file) => {
    const bytes = readFile(file, (bytes) => bytes);
    if (!file.endsWith(".json"))
      return bytes;
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    manifest.shards[3].pieces.pop();
    return new TextEncoder().encode(JSON.stringify(manifest));
  };
  await rejects("a shard with a hash too few", "corrupted", load({ device: (await openDevice()).device, read }),
    ".3.bin' requires a hash for each 24576 of its 65536 bytes, found 2");
}

/** A piece is on the GPU before the rest of its shard has come. */
async function uploadEarly() {
  for (const type of [undefined, "bytes"]) {
    let isOpen = false;
    const text = readFile(basename(path).replace(/\.js$/, ".json")).byteLength;
    serve((bytes) => bytes, type, { sent: -text }, () => isOpen ? Infinity : 2 * PIECE + 5000);
    const { device, counts } = await openDevice();
    const loading = load({ device, baseURL: "http://localhost/" });
    const end = performance.now() + 60000;
    while (counts.bytes < 2 * PIECE && performance.now() < end)
      await new Promise((done) => setTimeout(done, 5));
    check(`two pieces are written while their shard is on its way, found ${counts.bytes} bytes`, counts.bytes === 2 * PIECE);
    isOpen = true;
    const model = await loading;
    check("the others come behind them", isRight(await model.run({ x })));
    model.dispose();
  }
}

checkManifest();
for (const [name, open] of Object.entries(WAYS)) {
  await loadAndRun(name, open);
  await failToLoad(name, open);
}
await leaveOutHash();
await uploadEarly();
finish();
