//===- tokenizer.js - byte-level byte-pair encoding -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ids 0 to 255 are bytes, id 256 + i is merge i. Text is split into pieces
// first; within one, the earliest merge is applied until none occurs.
//===----------------------------------------------------------------------===//

const PIECES = / ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]+|\s+/g;

export class Tokenizer {
  /** `merges` is a list of pairs of ids. */
  constructor(merges) {
    this.ranks = new Map(merges.map(([left, right], i) => [`${left},${right}`, 256 + i]));
    this.spellings = Array.from({ length: 256 }, (_, byte) => [byte]);
    for (const [left, right] of merges)
      this.spellings.push([...this.spellings[left], ...this.spellings[right]]);
  }

  encode(text) {
    const bytes = new TextEncoder();
    return (text.match(PIECES) ?? []).flatMap((piece) => this.merge([...bytes.encode(piece)]));
  }

  merge(ids) {
    for (;;) {
      let best = Infinity;
      for (let i = 0; i + 1 < ids.length; ++i)
        best = Math.min(best, this.ranks.get(`${ids[i]},${ids[i + 1]}`) ?? Infinity);
      if (best === Infinity)
        return ids;
      const merged = [];
      for (let i = 0; i < ids.length; ++i) {
        if (this.ranks.get(`${ids[i]},${ids[i + 1]}`) === best) {
          merged.push(best);
          ++i;
        } else {
          merged.push(ids[i]);
        }
      }
      ids = merged;
    }
  }

  decode(ids) {
    return new TextDecoder().decode(Uint8Array.from(ids.flatMap((id) => this.spellings[id])));
  }
}
