//===- LowbitDialect.td - the lowbit dialect ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITDIALECT
#define LOWBIT_IR_LOWBITDIALECT

include "mlir/IR/DialectBase.td"

def Lowbit_Dialect : Dialect {
  let name = "lowbit";
  let cppNamespace = "::lowbit";
  let summary = "Low-bit neural networks: encodings, packed layouts, fused layers";
  let description = [{
    A quantized weight is one SSA value of type `!lowbit.tensor`: a logical
    shape, an *encoding* that says what codes mean, and, after packing, a
    *layout* that says where their bits live. Scales, zero points and minima
    are data beside the codes, never part of a type.

    `dialect/SPEC.md` numbers the constraints that the verifiers cite;
    `dialect/RATIONALE.md` has the reasons.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();

    /// The table of `format`, which isn't an integer.
    std::shared_ptr<const ::lowbit::numerics::CodeTable>
    getTable(::mlir::Attribute format);

  private:
    std::mutex tablesMutex;
    ::llvm::DenseMap<::mlir::Attribute,
                     std::shared_ptr<const ::lowbit::numerics::CodeTable>>
        tables;

  public:
  }];
}

#endif // LOWBIT_IR_LOWBITDIALECT
