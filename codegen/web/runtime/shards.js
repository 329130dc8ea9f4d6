//===- shards.js - weights arrive in the order in which they are used -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packed weights of a model are one stream of bytes in the order of the
// dispatches that read them, cut into files of equal size. A shard is checked
// against its hash and uploaded before the one after the next is asked for: no
// more than two are in memory at a time, beside the buffers themselves.
//
//===----------------------------------------------------------------------===//

/** Reads a file beside the module, with the number of bytes so far. */
async function fetchFile(url, signal, onBytes) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw asLowbitError(error, "network", `'${url}' cannot be fetched`);
  }
  if (!response.ok)
    throw new LowbitError("network", `'${url}' cannot be fetched: HTTP ${response.status}`);
  const chunks = [];
  let bytes = 0;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done)
        break;
      chunks.push(value);
      bytes += value.byteLength;
      onBytes?.(value.byteLength);
    }
  } catch (error) {
    throw asLowbitError(error, "network", `'${url}' broke off after ${bytes} bytes`);
  }
  if (chunks.length === 1)
    return chunks[0];
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A shard's bytes, which are what its hash says. */
async function readShard(shard, read, signal, onBytes) {
  throwIfAborted(signal);
  const bytes = await read(shard.file, signal, onBytes);
  throwIfAborted(signal);
  if (bytes.byteLength !== shard.bytes)
    throw new LowbitError("corrupted",
      `shard '${shard.file}' requires ${shard.bytes} bytes, found ${bytes.byteLength}`);
  const hash = await sha256(bytes);
  if (hash !== shard.sha256)
    throw new LowbitError("corrupted",
      `shard '${shard.file}' is corrupted: SHA-256 ${hash}, the manifest says ${shard.sha256}`);
  return bytes;
}

/** Copies what of the stream's bytes [begin, begin + bytes) is part of weights. */
function uploadShard(bytes, begin, weights, buffers, queue) {
  const end = begin + bytes.byteLength;
  for (const weight of weights) {
    const first = Math.max(begin, weight.offset);
    const last = Math.min(end, weight.offset + weight.bytes);
    if (first < last)
      queue.writeBuffer(buffers.get(weight.name), first - weight.offset,
        bytes, first - begin, last - first);
  }
}

/**
 * Uploads all shards. The next one is on its way while one is checked and
 * uploaded; at most those two are held.
 */
async function loadShards({ manifest, read, buffers, queue, signal, onBytes }) {
  const { shards, weights } = manifest;
  let begin = 0;
  let next = shards.length ? readShard(shards[0], read, signal, onBytes) : undefined;
  for (let i = 0; i < shards.length; ++i) {
    const bytes = await next;
    next = i + 1 < shards.length ? readShard(shards[i + 1], read, signal, onBytes) : undefined;
    // Its error is that of the next round.
    next?.catch(() => {});
    uploadShard(bytes, begin, weights, buffers, queue);
    begin += bytes.byteLength;
    // Uploads are staged: waiting keeps the stage as small as one shard.
    await queue.onSubmittedWorkDone();
  }
}
