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
    Every device can compute the same from other operations, to the bit: a
    kernel that has it comes in two variants.
  }];
  let methods = [
    InterfaceMethod<[{
      The name of the devices' feature, such as `packed_dot`: see GPUVariants.h.
    }], "::llvm::StringRef", "getDeviceFeature">,
    InterfaceMethod<[{
      Builds the result from operations that every device has.
    }], "::mlir::Value", "buildPortable", (ins "::mlir::OpBuilder &":$builder)>,
  ];
}

#endif // LOWBIT_IR_LOWBITFEATUREINTERFACE
