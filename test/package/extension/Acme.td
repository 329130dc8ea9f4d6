//===- Acme.td - a number format and a target ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "lowbit/IR/LowbitInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"

def Acme_Dialect : Dialect {
  let name = "acme";
  let cppNamespace = "::acme";
  let useDefaultAttributePrinterParser = 1;
}

def Acme_LogAttr : AttrDef<Acme_Dialect, "Log",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface>]> {
  let mnemonic = "log";
  let summary = "Powers of two with a sign";
  let description = [{
    Code c of `log<b>` has a sign in its highest bit; the others, as a number e,
    stand for 2^-e, and all ones for zero.

    ```mlir
    #lowbit.encoding<#acme.log<4>, group = 32, scale = f16>
    ```
  }];
  let parameters = (ins "unsigned":$width);
  let assemblyFormat = "`<` $width `>`";
  let genVerifyDecl = 1;
}

def Acme_DSPAttr : AttrDef<Acme_Dialect, "DSP"> {
  let mnemonic = "dsp";
  let summary = "A processor that computes `lanes` outputs at once";
  let description = [{
    ```mlir
    module attributes {lowbit.target = #acme.dsp<lanes = 16>} {}
    ```
  }];
  let parameters = (ins "int64_t":$lanes);
  let assemblyFormat = "`<` struct(params) `>`";
}
