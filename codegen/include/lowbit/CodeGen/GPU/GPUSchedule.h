//===- GPUSchedule.h - what a host does to run a model on a GPU -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A lowered model is a gpu.module of kernels and, for each function of the
// model, a host function in which nothing is left but buffers and launches:
//
//   arguments        memref<Bxi8>: inputs, then states, then outputs;
//   attributes
//                    `lowbit.kind` ("input", "state", "output"), `lowbit.name`
//                    and `lowbit.tensor`, the type that the host hands over;
//                    `lowbit.table_rows` where it indexes a table
//   memref.alloc     memref<Bxi8>: a scratch buffer
//   memref.get_global  memref<Bxi8>: a weight; the bytes are those of the entry
//                    of that symbol in the module's `lowbit.weights`
//   memref.view      a buffer, or a part of it, as a kernel reads it
//   gpu.launch_func  a dispatch; sizes are constants, operands such views
//
// Each size is a multiple of 16 bytes, so that every buffer can be read as
// vectors of four words. Elements are words: f32, and i32 for integers of up
// to 64 bits and booleans; weights of narrower elements stay as they are, and
// where they end before their buffer does, zeros follow. A buffer that a
// dispatch writes is bound to it once.
//
// This struct is that function as data, for what runs it without MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_GPUSCHEDULE_H
#define LOWBIT_CODEGEN_GPU_GPUSCHEDULE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <array>
#include <string>
#include <vector>

namespace lowbit {

/// Attributes of a host function's arguments (see above).
inline constexpr llvm::StringLiteral kGPUKindAttrName = "lowbit.kind";
inline constexpr llvm::StringLiteral kGPUTensorAttrName = "lowbit.tensor";

/// Of an input that indexes a table: how many rows that has.
inline constexpr llvm::StringLiteral kGPUTableRowsAttrName =
    "lowbit.table_rows";

/// Until there is a schedule: the argument is a state whose elements, narrower
/// than words, are packed.
inline constexpr llvm::StringLiteral kGPUPackedAttrName = "lowbit.packed";

/// What a buffer is called in a kernel's text, and what it, or a kernel, is
/// about, for readers of that.
inline constexpr llvm::StringLiteral kGPUNameAttrName = "lowbit.name";
inline constexpr llvm::StringLiteral kGPUDescriptionAttrName =
    "lowbit.description";

/// Where the contents of a buffer come from.
enum class GPUBufferKind {
  /// Uploaded once.
  Weight,
  /// Written by the host before, or read after, each run.
  Input,
  Output,
  /// Kept from run to run and updated in place; zero at first.
  State,
  /// Defined between its first and last dispatch alone; others share its place
  /// before and after.
  Scratch,
  /// The likeliest token, which the host may read in place of the logits.
  Token,
};

struct GPUBuffer {
  /// The name of an input, output or state in the model; the symbol of a
  /// weight; `scratch<i>`. Unique within a schedule.
  std::string name;
  GPUBufferKind kind;
  /// A multiple of 16.
  int64_t bytes;
  /// What the host hands over: element type as MLIR spells it (`f32`, `i64`,
  /// `i1`) and shape. Of inputs, outputs and states; empty otherwise.
  std::string elementType = {};
  std::vector<int64_t> shape = {};
  /// The dispatches between which it is used, both included; -1 if none does.
  int64_t firstUse = -1, lastUse = -1;
  /// Of an input that indexes a table: its rows. Indices may count from its
  /// end, as negative numbers; others are none, which the host must check. 0 of
  /// other buffers.
  int64_t tableRows = 0;
};

/// What a kernel does to a buffer.
enum class GPUAccess { Read, Write, ReadWrite };

/// The i-th binding of a dispatch is argument i of the kernel.
struct GPUBinding {
  /// Index into the buffers of the schedule.
  unsigned buffer;
  /// First byte, a multiple of 256, and bytes that the kernel may touch.
  int64_t offset, bytes;
  GPUAccess access;
};

struct GPUDispatch {
  /// The gpu.func's name; its module is that of the schedule.
  std::string kernel;
  std::array<int64_t, 3> workgroups = {}, workgroupSize = {};
  /// Where a host may choose the size of workgroups, the invocations of all of
  /// them: as many workgroups as hold these, at most 65535 along x and the
  /// others along y. 0 where it may not.
  int64_t invocations = 0;
  std::vector<GPUBinding> bindings = {};
};

/// One function of a model: buffers, and dispatches in the order in which they
/// must appear to run. Each sees what those before it wrote.
struct GPUSchedule {
  std::string function;
  std::vector<GPUBuffer> buffers;
  std::vector<GPUDispatch> dispatches;

  /// Bytes of all buffers of a kind.
  int64_t getBytes(GPUBufferKind kind) const;
};

llvm::StringRef getName(GPUBufferKind kind);
llvm::StringRef getName(GPUAccess access);

/// Reads the schedule off a host function. What isn't of the form above is an
/// error at the operation in question.
llvm::FailureOr<GPUSchedule> readGPUSchedule(mlir::func::FuncOp function);

/// Whether `function` is a host function: it launches kernels.
bool isGPUHostFunction(mlir::func::FuncOp function);

/// The schedule as an object of a manifest:
///   {"function": "main",
///    "buffers": [{"name", "kind", "bytes", "first", "last"
///                 [, "type", "shape" [, "tableRows"]]}, ...],
///    "dispatches": [{"kernel", "workgroups": [x, y, z],
///                    "workgroupSize": [x, y, z] [, "invocations"],
///                    "bindings": [{"buffer", "offset", "bytes", "access"},
///                                 ...]}, ...]}
llvm::json::Object toJSON(const GPUSchedule &schedule);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_GPU_GPUSCHEDULE_H
