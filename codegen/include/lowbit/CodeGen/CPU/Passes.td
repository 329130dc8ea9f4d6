//===- Passes.td - CPU code generation of upstream ops -----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes that turn linalg on tensors of dynamic shape into vector code.
// Each of them calls an upstream transformation; what it adds is the decision
// where, and in which size. The order is in Pipelines.h.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_PASSES
#define LOWBIT_CODEGEN_CPU_PASSES

include "lowbit/CodeGen/CPU/MemoryPasses.td"
include "lowbit/CodeGen/CPU/ProgramPasses.td"
include "lowbit/CodeGen/CPU/TensorPasses.td"
include "lowbit/CodeGen/CPU/VectorPasses.td"

#endif // LOWBIT_CODEGEN_CPU_PASSES
