//===- LowbitTypes.td - the quantized tensor ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITTYPES
#define LOWBIT_IR_LOWBITTYPES

include "lowbit/IR/LowbitAttributes.td"
include "mlir/IR/BuiltinTypeInterfaces.td"

def Lowbit_TensorType : TypeDef<Lowbit_Dialect, "QuantizedTensor",
    [DeclareTypeInterfaceMethods<ShapedTypeInterface>]> {
  let mnemonic = "tensor";
  let summary = "A quantized tensor: shape, expressed type, encoding, layout";
  let description = [{
    The last dimension is K, the one that groups and dot products run along.
    The element type is the *expressed* type: what the values stand for. Without
    a layout the tensor is dense: one LSB-first stream of codes, parameters
    beside it; with one it is a byte blob.

    ```mlir
    #int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
    !lowbit.tensor<3072x768xf32, #int4>
    !lowbit.tensor<3072x768xf32, #int4, #lowbit.planes<rows = 32, padding = 32>>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    "::mlir::Type":$elementType,
    "::lowbit::EncodingAttr":$encoding,
    "::lowbit::LayoutInterface":$layout);
  let builders = [
    TypeBuilderWithInferredContext<(ins "::llvm::ArrayRef<int64_t>":$shape,
      "::mlir::Type":$elementType, "::lowbit::EncodingAttr":$encoding,
      CArg<"::lowbit::LayoutInterface", "{}">:$layout), [{
        return $_get(elementType.getContext(), shape, elementType, encoding, layout);
      }]>,
  ];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Product of all dimensions but the last, or kDynamic.
    int64_t getRows() const;
    /// The last dimension.
    int64_t getColumns() const;
    /// The plain tensor of the same shape and expressed type.
    mlir::RankedTensorType getExpressedType() const;
    /// The same tensor with another layout (null: dense).
    QuantizedTensorType withLayout(LayoutInterface layout) const;
    /// Names and types of the plain tensors that hold the value's data: `codes`
    /// and the parameters when dense, else `blob` (plus what a layout keeps
    /// apart). Static shapes only.
    llvm::SmallVector<std::pair<llvm::StringRef, mlir::RankedTensorType>, 5>
    getComponents() const;
    /// Bytes of the codes or the blob. Static shapes only.
    int64_t getCodeBytes() const;
    /// The dense tensor of part `index` of mixed columns, without column
    /// scales, and the byte of the codes at which it begins.
    QuantizedTensorType getPart(size_t index) const;
    int64_t getPartOffset(size_t index) const;
    /// The address function. Static shapes only, and columns of one format.
    numerics::BoundLayout bindLayout() const;
    /// Bytes stored for the value, parameters included. Static shapes only.
    int64_t getStoredBytes() const;
  }];
}

#endif // LOWBIT_IR_LOWBITTYPES
