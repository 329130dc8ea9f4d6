//===- WebFallback.h - a web module without a GPU ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A web module may hold its model a second time, as WebAssembly, for browsers
// that offer no GPU. The weights are in the shards once, as shaders read them;
// the module makes of them what the other code reads.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_WEBFALLBACK_H
#define LOWBIT_CODEGEN_WEB_WEBFALLBACK_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace lowbit {

/// The code of a model for a machine, WebAssembly, and what it reads.
struct WebFallback {
  /// A binary module, for engines that have the features of `variant`.
  struct Code {
    std::string variant, bytes;
    /// The address from which on it leaves memory to the host.
    uint64_t heapBase = 0;
    /// Whether it takes some of that in runs, besides its workspaces.
    bool allocates = false;
  };
  /// Those that make use of more features first.
  std::vector<Code> codes;
  /// What the codes offer, as data for the run time (runtime/wasm.js).
  llvm::json::Object program;

  /// What a function takes or gives: element type as manifests spell it (`f32`,
  /// `i64`, `u8`) and shape.
  struct Tensor {
    std::string type;
    std::vector<int64_t> shape;
  };
  struct Function {
    /// Inputs and states, in the order of the arguments, and outputs.
    std::vector<Tensor> inputs, outputs;
  };
  /// The functions of the codes, by their names in the model.
  llvm::StringMap<Function> functions;

  struct Weight {
    std::string name;
    mlir::ElementsAttr data;
  };
  /// In the order of the table that the codes take.
  std::vector<Weight> weights;

  /// A quantized weight's types where it is packed for shaders and for the
  /// codes; its components' names begin with its own.
  struct Types {
    QuantizedTensorType shaders, codes;
  };
  llvm::StringMap<Types> types;
};

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_WEBFALLBACK_H
