//===- stage.js - weights on their way to the GPU -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A queue copies what is written to it, and holds the copy until the GPU has taken
// it, behind all work before it: the dispatches of a run that computes early, say.
// So bytes on their way are counted. The next piece is downloaded and checked
// meanwhile; it waits only where there would be too many.
//
//===----------------------------------------------------------------------===//

/** Uploads of which no more than `most` bytes are on their way, or those of one piece. */
class Stage {
  constructor(scope, most) {
    Object.assign(this, { scope, most });
    /** What isn't sent: the device's verdicts, and bytes. */
    this.checks = [];
    this.unsent = 0;
    /** What is: bytes and a promise of each piece, the oldest first. */
    this.sent = [];
  }

  get bytes() {
    return this.sent.reduce((sum, { bytes }) => sum + bytes, this.unsent);
  }

  /** Writes `data`, which is the caller's again afterwards. */
  write(buffer, offset, data) {
    const { queue } = this.scope.device;
    const check = this.scope.check(() => queue.writeBuffer(buffer, offset, data, 0, data.byteLength));
    // Of interest with the others of its piece.
    check.catch(() => {});
    this.checks.push(check);
    this.unsent += data.byteLength;
  }

  /** A piece is written. What the device finds wrong with it ends the model. */
  send() {
    const { scope, checks, unsent } = this;
    const { queue } = scope.device;
    // Where nothing is submitted, some browsers keep what was written.
    queue.submit([]);
    const done = Promise.all([...checks, queue.onSubmittedWorkDone()]);
    done.catch((error) => scope.release(asLowbitError(error, "internal", "an upload failed")));
    this.sent.push({ bytes: unsent, done });
    this.checks = [];
    this.unsent = 0;
  }

  /** Waits until `bytes` more may be written. */
  async makeRoom(bytes) {
    while (this.sent.length > 0 && this.bytes + bytes > this.most) {
      await this.scope.wait(this.sent[0].done);
      this.sent.shift();
    }
  }

  /** Waits until all is there. */
  drain() {
    return this.makeRoom(Infinity);
  }
}

/**
 * Bytes that may be on their way: a thirty-second of the packed weights, as many as
 * keep a queue busy at most, and a piece at least.
 */
function chooseStageBytes({ weights, shards, pieceBytes, quantizer }) {
  const share = Math.min(Math.max(2 ** 16, sumBytes(weights) / 32), 2 ** 19);
  const piece = Math.min(pieceBytes, Math.max(...shards.map(({ bytes }) => bytes)));
  return quantizer ? share : Math.max(share, piece);
}
