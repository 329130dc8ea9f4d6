//===- LowbitInterfaces.td - attribute interfaces ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITINTERFACES
#define LOWBIT_IR_LOWBITINTERFACES

include "mlir/IR/OpBase.td"

def Lowbit_ElementFormatInterface : AttrInterface<"ElementFormatInterface"> {
  let cppNamespace = "::lowbit";
  let description = [{
    What one code stands for before zero point and scale. Scalar formats give
    one value per code; a vector codebook gives several; a trellis reads a
    window of the code stream that is wider than the code: each column of codes
    is a stream that runs down its rows, the code is the window's low end, and
    zeros stand before the beginning.

    A format needs `getCodeBits` and `decode` alone; quantizing, packing and the
    reference lowering then work from the table of what `decode` gives.
  }];
  let methods = [
    InterfaceMethod<"Bits that one code adds to the stream.",
      "unsigned", "getCodeBits">,
    InterfaceMethod<"Consecutive columns that one code stands for.",
      "unsigned", "getValuesPerCode", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<"Bits of the stream that decide a value, code included.",
      "unsigned", "getWindowBits", (ins), [{}],
      [{ return $_attr.getCodeBits(); }]>,
    InterfaceMethod<[{
      Writes the `getValuesPerCode()` numbers that `window` stands for.
    }], "void", "decode",
      (ins "uint64_t":$window, "::llvm::MutableArrayRef<float>":$values)>,
    InterfaceMethod<[{
      Builds the same in IR: `window` is an i32, `index` an index that selects
      among the code's values (null when there is one); returns f32. Looks the
      numbers up in a constant tensor unless a format knows better.
    }], "::mlir::Value", "buildDecode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$window, "::mlir::Value":$index), [{}], [{
        return ::lowbit::buildTableDecode($_attr, builder, loc, window, index);
      }]>,
    InterfaceMethod<[{
      Who has the numbers that codes stand for: the format, or each tensor, in
      its component `table`. `decode` is not called for the latter.
    }], "::lowbit::numerics::TableOwner", "getTableOwner", (ins), [{}],
      [{ return ::lowbit::numerics::TableOwner::Format; }]>,
    InterfaceMethod<[{
      The integer format of the numerics library, for formats that are integers.
    }], "std::optional<::lowbit::numerics::IntegerFormat>", "getIntegerFormat",
      (ins), [{}], [{ return std::nullopt; }]>,
  ];
  let extraSharedClassDeclaration = [{
    /// The format as the numerics library spells it: an integer, or a table of
    /// what `decode` gives, which is made once per context.
    ::lowbit::numerics::ElementFormat getNumerics() const {
      return ::lowbit::getNumericsFormat($_attr);
    }
  }];
}

def Lowbit_GranularityInterface : AttrInterface<"GranularityInterface"> {
  let cppNamespace = "::lowbit";
  let description = [{
    Which part of a matrix shares one scale (and zero point and minimum).
  }];
  let methods = [
    InterfaceMethod<[{
      Shape of a parameter tensor for a matrix of `rows` x `columns`; dynamic
      extents give dynamic ones.
    }], "std::array<int64_t, 2>", "getParameterShape",
      (ins "int64_t":$rows, "int64_t":$columns)>,
    InterfaceMethod<"Columns per group, or 0 for whole rows.",
      "int64_t", "getGroupSize", (ins), [{}], [{ return 0; }]>,
    InterfaceMethod<"Rows that share parameters; others than 1 beside groups.",
      "int64_t", "getGroupRows", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<"The same as the numerics library spells it.",
      "::lowbit::numerics::Granularity", "getKind">,
  ];
}

def Lowbit_LayoutInterface : AttrInterface<"LayoutInterface"> {
  let cppNamespace = "::lowbit";
  let description = [{
    Where the bits of a quantized tensor live. Packers, the reference lowering
    and kernels all ask for the same `numerics::Layout`.
  }];
  let methods = [
    InterfaceMethod<"The layout's function for codes of `codeBits` bits.",
      "::lowbit::numerics::Layout", "getLayout", (ins "unsigned":$codeBits)>,
    InterfaceMethod<[{
      Checks that this layout has a form for codes of `codeBits` bits, or emits
      what doesn't fit.
    }], "::llvm::LogicalResult", "verifyCodeBits",
      (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
           "unsigned":$codeBits), [{}], [{ return ::llvm::success(); }]>,
  ];
}

def Lowbit_TargetInterface : AttrInterface<"TargetInterface"> {
  let cppNamespace = "::lowbit";
  let description = [{
    What a target wants of the packing phase. Code generators attach their
    answers to the target attributes as external models.
  }];
  let methods = [
    InterfaceMethod<[{
      The layout in which kernels read a weight of dense type `weight` (a
      quantized tensor type), or null where the target has no kernel for it;
      `reason` then says why.
    }], "::mlir::Attribute", "getWeightLayout",
      (ins "::mlir::Type":$weight, "std::string &":$reason)>,
    InterfaceMethod<[{
      The quantized tensor type in which kernels take the input of type `input`
      next to a weight of dense type `weight`, `input` itself where they take it
      as it is, or null as above.
    }], "::mlir::Type", "getActivationType",
      (ins "::mlir::Type":$input, "::mlir::Type":$weight,
           "std::string &":$reason)>,
  ];
}

#endif // LOWBIT_IR_LOWBITINTERFACES
