//===- LowbitFeatureInterface.td - what some devices have ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITFEATUREINTERFACE
#define LOWBIT_IR_LOWBITFEATUREINTERFACE

include "mlir/IR/OpBase.td"

def Lowbit_DeviceFeatureInterface : OpInterface<"DeviceFeatureInterface"> {
  let cppNamespace = "::lowbit";
  let description = [{
    An operation of a GPU kernel that some devices have an instruction for.
    Every device can compute the same from other operations, integers to the
    bit, sums of floats in another order: a kernel that has it comes in two
    variants.
  }];
  let methods = [
    InterfaceMethod<[{
      The name of the devices' feature, such as `packed_dot`: see GPUVariants.h.
      Empty where no device does this one better than others.
    }], "::llvm::StringRef", "getDeviceFeature">,
    InterfaceMethod<[{
      Builds the results from operations that every device has.
    }], "::llvm::SmallVector<::mlir::Value>", "buildPortable",
    (ins "::mlir::OpBuilder &":$builder)>,
    InterfaceMethod<[{
      Builds the results for devices that have the feature. Nothing where
      printers and conversions know the operation itself.
    }], "::llvm::SmallVector<::mlir::Value>", "buildNative",
    (ins "::mlir::OpBuilder &":$builder), /*methodBody=*/"",
    /*defaultImplementation=*/"return {};">,
  ];
}

#endif // LOWBIT_IR_LOWBITFEATUREINTERFACE
