//===- Windows.h - what convolutions and pooling have in common -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A window slides over the spatial dimensions: those after batch and channels.
// Extents may be symbolic, so padding may be too (auto_pad).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_WINDOWS_H
#define LOWBIT_FRONTENDS_ONNX_WINDOWS_H

#include "Importer.h"

namespace lowbit::frontend {

/// One entry for each spatial dimension.
struct Window {
  Axes kernel, strides, dilations;
  Dims padBegin, padEnd;
  Dims outputs; ///< Positions of the window.

  int64_t rank() const { return kernel.size(); }
};

/// Dimensions before the spatial ones: batch and channels.
constexpr int64_t firstSpatial = 2;

/// Reads the attributes kernel_shape (or takes `kernel`, if not empty),
/// strides, dilations, pads, auto_pad and ceil_mode of a node on `x` [N, C,
/// ...].
llvm::Expected<Window> readWindow(Importer &im, const Node &node,
                                  const Value &x,
                                  llvm::ArrayRef<int64_t> kernel);

/// Why the node's window attributes are not valid; empty if they are.
std::string refuseWindow(const Node &node);

/// `x` with `low` and `high` positions of `element` around it. Negative amounts
/// crop.
llvm::Expected<Value> padConstant(Importer &im, const Node &node,
                                  const Value &x, llvm::ArrayRef<Expr> low,
                                  llvm::ArrayRef<Expr> high,
                                  mlir::TypedAttr element);

/// `x` padded by the window's pads.
llvm::Expected<Value> padSpatial(Importer &im, const Node &node, const Value &x,
                                 const Window &window, mlir::TypedAttr element);

/// Affine maps over the loops (batch, channel, outputs..., kernel...): of the
/// padded input, of the window, of the result.
llvm::SmallVector<mlir::AffineMap, 3> windowMaps(const Window &window,
                                                 mlir::MLIRContext *context);

/// Folds each window of the padded input `x`. 16-bit floats are summed in f32.
llvm::Expected<Value> reduceWindows(Importer &im, const Node &node,
                                    const Value &x, const Window &window,
                                    ReduceKind kind);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_WINDOWS_H
