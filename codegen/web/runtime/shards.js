//===- shards.js - weights arrive in the order in which they are used -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packed weights of a model are one stream of bytes in the order of the
// dispatches that read them, cut into files of equal size. A shard is checked
// against its hash, and the next one is asked for when there is room to send it to
// the GPU: no more than two are in memory at a time, beside what they become.
// Shards of floats (quantize.js) are larger than what they become: of them there
// is one.
//
//===----------------------------------------------------------------------===//

/**
 * A reader that fills memory of ours, where the browser has one: pieces to copy are
 * garbage, and a page has as much of it as it has read lately.
 */
function openStream(body) {
  try {
    return { reader: body.getReader({ mode: "byob" }), fills: true };
  } catch {
    return { reader: body.getReader(), fills: false };
  }
}

/**
 * The bytes of a stream: `size`, or one more where there are more. They are in the
 * buffer of `room`, which has one of its `bytes` from its first use on.
 */
async function readStream(body, size, room, onBytes) {
  const { reader, fills } = openStream(body);
  let { buffer = new ArrayBuffer(room.bytes) } = room, filled = 0;
  for (;;) {
    const free = new Uint8Array(buffer, filled, size + 1 - filled);
    const { done, value } = await (fills ? reader.read(free) : reader.read());
    // What is filled has moved to a buffer of another identity.
    if (fills)
      buffer = value.buffer;
    if (done)
      break;
    const part = value.subarray(0, size + 1 - filled);
    if (!fills)
      free.set(part);
    filled += part.byteLength;
    onBytes(part.byteLength);
    if (filled > size)
      break;
  }
  await reader.cancel();
  room.buffer = buffer;
  return new Uint8Array(buffer, 0, filled);
}

/**
 * Reads a file beside the module, with the number of bytes so far. Where it is known
 * how many there will be, they are in memory once, in the buffer of `room`.
 */
async function fetchFile(url, signal, onBytes, size, room) {
  let response, bytes = 0;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw asLowbitError(error, "network", `'${url}' cannot be fetched`);
  }
  if (!response.ok)
    throw new LowbitError("network", `'${url}' cannot be fetched: HTTP ${response.status}`);
  try {
    if (size === undefined)
      return new Uint8Array(await response.arrayBuffer());
    return await readStream(response.body, size, room ?? { bytes: size + 1 }, (count) => {
      bytes += count;
      onBytes?.(count);
    });
  } catch (error) {
    throw asLowbitError(error, "network", `'${url}' broke off after ${bytes} bytes`);
  }
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A shard's bytes, which are what its hash says. */
async function readShard(shard, read, signal, onBytes, room) {
  throwIfAborted(signal);
  let counted = 0;
  const count = (bytes) => {
    counted += bytes;
    onBytes?.(bytes);
  };
  const bytes = await read(shard.file, signal, count, shard.bytes, room);
  throwIfAborted(signal);
  // A caller's reader may leave the counting out.
  if (counted < bytes.byteLength)
    count(bytes.byteLength - counted);
  if (bytes.byteLength !== shard.bytes)
    throw new LowbitError("corrupted",
      `shard '${shard.file}' requires ${shard.bytes} bytes, found ` +
      (bytes.byteLength > shard.bytes ? "more" : bytes.byteLength));
  const hash = await sha256(bytes);
  if (hash !== shard.sha256)
    throw new LowbitError("corrupted",
      `shard '${shard.file}' is corrupted: SHA-256 ${hash}, the manifest says ${shard.sha256}`);
  return bytes;
}

/** Calls `visit` with each weight, the offset in it and the bytes, that a part of the stream has. */
function forEachPart(bytes, begin, weights, visit) {
  const end = begin + bytes.byteLength;
  for (const weight of weights) {
    const first = Math.max(begin, weight.offset);
    const last = Math.min(end, weight.offset + weight.bytes);
    // What the page makes has no place in the stream.
    if (first < last)
      visit(weight, first - weight.offset, bytes.subarray(first - begin, last - begin));
  }
}

/**
 * Reads all shards, and hands what weights have of them to `write`(weight, offset,
 * bytes), each when `settle`(its bytes) is over. The next one is on its way while one
 * is used; at most those two are held. With a `quantizer`, which rounds the floats
 * among them, it is asked for after that. Nothing is written before
 * `ready`; `onShard` is told how far the stream is used.
 */
async function loadShards({ manifest, read, signal, onBytes, quantizer, ready, write, onShard, settle }) {
  const { shards, weights } = manifest;
  // Places that shards take in turns: garbage would be held, too.
  const largest = Math.max(...shards.map((shard) => shard.bytes));
  const rooms = Array.from({ length: quantizer ? 1 : 2 }, () => ({ bytes: largest + 1 }));
  const start = (i) => i < shards.length
    ? readShard(shards[i], read, signal, onBytes, rooms[i % rooms.length]) : undefined;
  let begin = 0, next = quantizer ? undefined : start(0);
  for (let i = 0; i < shards.length; ++i) {
    let bytes = await (next ?? start(i));
    await ready;
    await settle(bytes.byteLength);
    throwIfAborted(signal);
    next = quantizer ? undefined : start(i + 1);
    // Its error is that of the next round.
    next?.catch(() => {});
    forEachPart(bytes, begin, weights, (weight, offset, part) => write(weight.name, offset, part));
    await quantizer?.takeShard(bytes, begin, write);
    begin += bytes.byteLength;
    bytes = undefined;
    onShard?.(begin);
  }
}
