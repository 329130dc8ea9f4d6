// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands for onnxruntime-node: a session whose runs take a millisecond, and that says what it was asked for.
const fs = require('fs');

class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, {type, data, dims});
  }
}

const InferenceSession = {
  async create(path, options) {
    const bytes = fs.readFileSync(path);
    if (!bytes.includes(process.env.EXPECTED_OPERATOR) || options.intraOpNumThreads !== 1)
      throw new Error('another model or session than the row asks for');
    return {
      async run(feeds) {
        for (const {data, dims} of Object.values(feeds))
          if (dims[0] * dims[1] !== data.length)
            throw new Error('an input of another shape');
        const end = process.hrtime.bigint() + 1000000n;
        while (process.hrtime.bigint() < end);
      }
    };
  }
};

module.exports = {Tensor, InferenceSession};
