//===- repack.js - weights as other code reads them -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shards hold weights in the layout of shaders. The manifest says of each weight
// that WebAssembly reads how its bits come from theirs, as loops over rows and
// columns that move fields of bits (FieldCopies.h); nothing here knows a layout.
// A field never crosses a word of 32 bits, and a shard is whole words, so that
// each shard can be used up, and dropped, when it is there.
//
//===----------------------------------------------------------------------===//

/** Where a coordinate of an axis is, in bits: [runLength, runStride, extent, stride, ...]. */
function findPlace([runLength, runStride, ...digits], coordinate) {
  let place = Math.floor(coordinate / runLength) * runStride;
  let rest = coordinate % runLength;
  for (let i = 0; i < digits.length; i += 2) {
    const isLast = i + 2 === digits.length;
    place += (isLast ? rest : rest % digits[i]) * digits[i + 1];
    rest = Math.floor(rest / digits[i]);
  }
  return place;
}

/** Places of `count` coordinates from `first` on, as words and bits within them. */
function listPlaces(axis, first, count) {
  const words = new Int32Array(count), bits = new Uint8Array(count);
  for (let i = 0; i < count; ++i) {
    const place = findPlace(axis, first + i);
    words[i] = Math.floor(place / 32);
    bits[i] = place % 32;
  }
  return { words, bits };
}

/** The fields of a copy, ready to be moved; words are those of source and target. */
class FieldMover {
  constructor({ bits, lanes, rows, columns, firstRow, from, to }) {
    const field = bits === 32 ? -1 : (1 << bits) - 1;
    this.mask = lanes === 4 ? Math.imul(field, 0x01010101) : field;
    this.rows = rows;
    this.columns = columns;
    this.from = { offset: from.offset, rows: listPlaces(from.rows, 0, rows), columns: listPlaces(from.columns, 0, columns) };
    this.to = { offset: to.offset, rows: listPlaces(to.rows, firstRow, rows), columns: listPlaces(to.columns, 0, columns) };
    // The words that a row may take its fields from, counted from its own.
    const { words } = this.from.columns;
    this.first = words.reduce((least, word) => Math.min(least, word), Infinity);
    this.last = words.reduce((most, word) => Math.max(most, word), 0) + 1;
  }

  /**
   * Moves those fields that lie in the words [begin, begin + source.length) of
   * the weight in the shards.
   */
  move(source, begin, target) {
    const end = begin + source.length;
    for (let n = 0; n < this.rows; ++n) {
      const fromBit = this.from.offset + this.from.rows.bits[n];
      const fromWord = this.from.rows.words[n] + Math.floor(fromBit / 32);
      if (fromWord + this.last < begin || fromWord + this.first >= end)
        continue;
      const isWhole = fromWord + this.first >= begin && fromWord + this.last < end;
      const toBit = this.to.offset + this.to.rows.bits[n];
      const toWord = this.to.rows.words[n] + Math.floor(toBit / 32);
      this.moveRow(source, fromWord - begin, fromBit % 32, target, toWord, toBit % 32, isWhole);
    }
  }

  moveRow(source, fromWord, fromBit, target, toWord, toBit, isWhole) {
    const { mask, columns } = this;
    const { words: fromWords, bits: fromBits } = this.from.columns;
    const { words: toWords, bits: toBits } = this.to.columns;
    for (let k = 0; k < columns; ++k) {
      const from = fromBit + fromBits[k], to = toBit + toBits[k];
      const word = fromWord + fromWords[k] + (from >>> 5);
      if (!isWhole && (word < 0 || word >= source.length))
        continue;
      target[toWord + toWords[k] + (to >>> 5)] |= (source[word] >>> from & mask) << to;
    }
  }
}

/** The words of `bytes`, which may lie anywhere. */
function asWords(bytes) {
  return bytes.byteOffset % 4 === 0
    ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2)
    : new Int32Array(bytes.slice().buffer, 0, bytes.byteLength >>> 2);
}

/**
 * Makes weights of those of the shards. `copies` are of all weights, each with
 * `target`, the bytes of its weight, zero at first: an array, or what gives one.
 */
export class Repacker {
  constructor(copies) {
    this.bySource = new Map();
    for (const copy of copies) {
      if (!this.bySource.has(copy.source))
        this.bySource.set(copy.source, []);
      this.bySource.get(copy.source).push({ copy, mover: null });
    }
  }

  /** Uses the bytes of `source` from byte `begin` on. */
  add(source, begin, bytes) {
    const uses = this.bySource.get(source) ?? [];
    for (const use of uses) {
      const { copy } = use;
      if (copy.bits === undefined) {
        const count = Math.min(bytes.byteLength, copy.bytes - begin);
        if (count > 0)
          copy.target().set(bytes.subarray(0, count), copy.at + begin);
        continue;
      }
      use.mover ??= new FieldMover(copy);
      use.mover.move(asWords(bytes), begin / 4, asWords(copy.target()));
    }
  }
}
