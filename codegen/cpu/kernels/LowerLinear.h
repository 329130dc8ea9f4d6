//===- LowerLinear.h - layers become kernel calls ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWERLINEAR_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWERLINEAR_H

#include "KernelCalls.h"

namespace lowbit::cpu {

class LinearLowering {
public:
  using Value = mlir::Value;

  /// Layers whose activations aren't quantized read f32 with
  /// `floatActivations`, and else 16 bits.
  LinearLowering(KernelCalls &calls, bool floatActivations)
      : calls(calls), b(calls.b), floatActivations(floatActivations) {}

  /// Replaces `op` by a kernel call, or returns why there is no kernel.
  std::optional<std::string> lower(LinearOp op);

private:
  std::optional<std::string> makeSpec(LinearOp op, LinearKernelSpec &spec);
  PanelFormat makeFormat(LinearOp op, QuantizeOp quantize);
  llvm::SmallVector<Value> getInputs(LinearOp op, const LinearKernelSpec &spec,
                                     Value panel);
  Value getPanel(QuantizeOp quantize, const PanelFormat &format);
  Value getGrain(const LinearKernelSpec &spec, Value blocks, Value rows,
                 int64_t blockRows, int64_t columns);

  KernelCalls &calls;
  mlir::ImplicitLocOpBuilder &b;
  bool floatActivations;
  /// Panels of a quantized value, by format; in program order.
  llvm::DenseMap<std::pair<mlir::Operation *, mlir::StringAttr>, Value> panels;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWERLINEAR_H
