//===- shards.js - weights arrive in the order in which they are used -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packed weights of a model are one stream of bytes in the order of the
// dispatches that read them, cut into files of equal size, the shards. A shard is
// read in pieces, each of which is checked against its hash and sent to the GPU
// when there is room: no more than two are in memory at a time, beside what they
// become. Shards of floats (quantize.js) are larger than what they become, and are
// rounded as whole rows: of them there is one.
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

/** A file on its way, which is read as far as one asks for. */
class Download {
  static async open(url, signal, onBytes) {
    let response;
    try {
      response = await fetch(url, { signal });
    } catch (error) {
      throw asLowbitError(error, "network", `'${url}' cannot be fetched`);
    }
    if (!response.ok)
      throw new LowbitError("network", `'${url}' cannot be fetched: HTTP ${response.status}`);
    return new Download(url, response, onBytes);
  }

  constructor(url, response, onBytes) {
    Object.assign(this, { url, response, onBytes, bytes: 0, rest: new Uint8Array() });
  }

  /** All of it. */
  async readAll() {
    try {
      return new Uint8Array(await this.response.arrayBuffer());
    } catch (error) {
      throw this.explain(error);
    }
  }

  /**
   * The next `count` bytes, or fewer where there are no more. They are in the buffer
   * of `room`, which has one of its `bytes` from its first use on.
   */
  async fill(room, count) {
    let buffer = room.buffer ?? new ArrayBuffer(room.bytes), filled = 0;
    try {
      this.stream ??= openStream(this.response.body);
      while (filled < count) {
        const part = await this.readInto(new Uint8Array(buffer, filled, count - filled));
        // What is filled has moved to a buffer of another identity.
        buffer = part.buffer;
        if (part.byteLength === 0)
          break;
        filled += part.byteLength;
        this.bytes += part.byteLength;
        this.onBytes?.(part.byteLength);
      }
    } catch (error) {
      throw this.explain(error);
    }
    room.buffer = buffer;
    return new Uint8Array(buffer, 0, filled);
  }

  /** What `free` has of the next bytes then; nothing behind the last. */
  async readInto(free) {
    const { reader, fills } = this.stream;
    // All of it at once: each read is garbage.
    if (fills)
      return (await reader.read(free, { min: free.byteLength })).value;
    for (let isDone = false; !isDone && this.rest.byteLength === 0;) {
      const { done, value } = await reader.read();
      this.rest = value ?? this.rest;
      isDone = done;
    }
    const part = this.rest.subarray(0, free.byteLength);
    this.rest = this.rest.subarray(part.byteLength);
    free.set(part);
    return free.subarray(0, part.byteLength);
  }

  explain(error) {
    return asLowbitError(error, "network", `'${this.url}' broke off after ${this.bytes} bytes`);
  }

  /** Nothing more is wanted of it. */
  close() {
    this.stream?.reader.cancel().catch(() => {});
  }
}

/** A file that a caller's reader gave as a whole, with the interface of Download. */
class HeldFile {
  constructor(bytes) {
    this.rest = bytes;
  }

  async fill(room, count) {
    const part = this.rest.subarray(0, count);
    this.rest = this.rest.subarray(part.byteLength);
    return part;
  }

  close() {
    this.rest = undefined;
  }
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of `shard` from `begin` to `end` out of `file`, which are what `hash` says. */
async function readPiece(file, shard, [begin, end, hash], signal, room) {
  const isLast = end === shard.bytes;
  // One more byte tells whether there are more.
  const bytes = await file.fill(room, end - begin + (isLast ? 1 : 0));
  throwIfAborted(signal);
  if (bytes.byteLength !== end - begin)
    throw new LowbitError("corrupted", `shard '${shard.file}' requires ${shard.bytes} bytes, found ` +
      (begin + bytes.byteLength > shard.bytes ? "more" : begin + bytes.byteLength));
  const found = await sha256(bytes);
  if (found !== hash)
    throw new LowbitError("corrupted", `shard '${shard.file}' is corrupted: SHA-256 ` +
      `${begin === 0 && isLast ? "" : `of bytes ${begin} to ${end} `}${found}, the manifest says ${hash}`);
  return bytes;
}

/** A whole file of a manifest, whose bytes are what its hash says. */
async function readShard(shard, files, signal, onBytes, room = { bytes: shard.bytes + 1 }) {
  throwIfAborted(signal);
  const file = await files.open(shard.file, signal, onBytes, shard.bytes);
  try {
    return await readPiece(file, shard, [0, shard.bytes, shard.sha256], signal, room);
  } finally {
    file.close();
  }
}

/** Where the pieces of a shard begin and end, and their hashes; a shard of one has its own. */
function listPieces({ file, bytes, sha256, pieces = [sha256] }, pieceBytes) {
  if (pieces.length !== Math.max(1, Math.ceil(bytes / pieceBytes)))
    throw new LowbitError("corrupted", `shard '${file}' requires a hash for each ${pieceBytes} of its ` +
      `${bytes} bytes, found ${pieces.length}`);
  return pieces.map((hash, i) => [i * pieceBytes, Math.min((i + 1) * pieceBytes, bytes), hash]);
}

/**
 * Piece by piece what shards have. They lie in two places in turns: each is there
 * until the next but one is asked for.
 */
async function* readPieces({ shards, pieceBytes }, files, signal, onBytes) {
  // Garbage would be held, too.
  const largest = Math.min(pieceBytes, Math.max(...shards.map((shard) => shard.bytes)));
  const rooms = [0, 1].map(() => ({ bytes: largest + 1 }));
  for (const shard of shards) {
    throwIfAborted(signal);
    const file = await files.open(shard.file, signal, onBytes, shard.bytes);
    try {
      for (const piece of listPieces(shard, pieceBytes)) {
        yield await readPiece(file, shard, piece, signal, rooms[0]);
        rooms.reverse();
      }
    } finally {
      file.close();
    }
  }
}

/** Shard by shard, of which there is one. */
async function* readShards({ shards }, files, signal, onBytes) {
  const room = { bytes: 1 + Math.max(...shards.map((shard) => shard.bytes)) };
  for (const shard of shards)
    yield await readShard(shard, files, signal, onBytes, room);
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
 * bytes), each piece when `settle`(its bytes) is over. The next one is on its way
 * while one is used; at most those two are held. With a `quantizer`, which rounds the
 * floats among them, whole shards come one after the other. Nothing is written before
 * `ready`; `onPiece` is told how far the stream is used.
 */
async function loadShards({ manifest, files, signal, onBytes, quantizer, ready, write, onPiece, settle }) {
  const pieces = (quantizer ? readShards : readPieces)(manifest, files, signal, onBytes);
  const ask = () => {
    const piece = pieces.next();
    // Its error is that of the next round.
    piece.catch(() => {});
    return piece;
  };
  for (let begin = 0, next = ask(); ;) {
    let { done, value: bytes } = await next;
    if (done)
      return;
    await ready;
    await settle(bytes.byteLength);
    throwIfAborted(signal);
    next = quantizer ? undefined : ask();
    forEachPart(bytes, begin, manifest.weights, (weight, offset, part) => write(weight.name, offset, part));
    await quantizer?.takeShard(bytes, begin, write);
    begin += bytes.byteLength;
    bytes = undefined;
    onPiece?.(begin);
    next ??= ask();
  }
}
