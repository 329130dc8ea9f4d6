//===- CPUTables.cpp - the instruction sets -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that says what a target has. A new one is a row here and a name
// in the enumeration of `#lowbit.cpu` (and a ByteDot, if it multiplies bytes in
// a way of its own, or a ByteLookup).
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "ByteDot.h"
#include "ByteLookup.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lowbit;

// Why each number is what it is:
//
// inPlaceLimit: 255 where products of any bytes are exact, and 127 where codes
// are signed bytes. Sums in 16 bits hold 8 products of codes up to 15 but only
// 2 of codes up to 63, so that there a shift is cheaper than wide codes.
//
// signedBytes: where codes up to 255 would take two multiplications.
static const CPUDescription kDescriptions[] = {
    {CPUTable::AVX512AMX, "avx512_amx", llvm::Triple::x86_64,
     "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi,gfni,avx512bf16,amx-tile,"
     "amx-int8,amx-bf16",
     "sapphirerapids", /*vectorBits=*/512, /*registers=*/32,
     /*inPlaceLimit=*/255, /*signedBytes=*/false, /*hasMasks=*/true,
     /*hasHalf=*/true, getVNNIByteDot, getVBMILookup,
     /*hasFMA=*/true, /*hasTiles=*/true},
    {CPUTable::AVX512BF16, "avx512_bf16", llvm::Triple::x86_64,
     "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi,gfni,avx512bf16",
     "znver4",
     /*vectorBits=*/512, /*registers=*/32, /*inPlaceLimit=*/255,
     /*signedBytes=*/false, /*hasMasks=*/true, /*hasHalf=*/true, getVNNIByteDot,
     getVBMILookup, /*hasFMA=*/true, /*hasTiles=*/false,
     /*hasBFloat=*/true},
    {CPUTable::AVX512VBMI, "avx512_vbmi", llvm::Triple::x86_64,
     "avx512f,avx512bw,avx512vl,avx512vnni,avx512vbmi,gfni", "icelake-server",
     /*vectorBits=*/512, /*registers=*/32, /*inPlaceLimit=*/255,
     /*signedBytes=*/false, /*hasMasks=*/true, /*hasHalf=*/true, getVNNIByteDot,
     getVBMILookup},
    {CPUTable::AVX512VNNI, "avx512_vnni", llvm::Triple::x86_64,
     "avx512f,avx512bw,avx512vl,avx512vnni", "cascadelake",
     /*vectorBits=*/512, /*registers=*/32, /*inPlaceLimit=*/255,
     /*signedBytes=*/false, /*hasMasks=*/true, /*hasHalf=*/true, getVNNIByteDot,
     getShuffleLookup},
    {CPUTable::AVXVNNI, "avx_vnni", llvm::Triple::x86_64,
     "avx2,fma,f16c,avxvnni", "alderlake",
     /*vectorBits=*/256, /*registers=*/16, /*inPlaceLimit=*/255,
     /*signedBytes=*/false, /*hasMasks=*/true, /*hasHalf=*/true, getVNNIByteDot,
     getShuffleLookup},
    {CPUTable::AVX2, "avx2", llvm::Triple::x86_64, "avx2,fma,f16c", "haswell",
     /*vectorBits=*/256, /*registers=*/16, /*inPlaceLimit=*/15,
     /*signedBytes=*/false, /*hasMasks=*/true, /*hasHalf=*/true, getAVX2ByteDot,
     getShuffleLookup},
    {CPUTable::NeonI8MM, "neon_i8mm", llvm::Triple::aarch64,
     "neon,dotprod,i8mm", "neoverse-v1",
     /*vectorBits=*/128, /*registers=*/32, /*inPlaceLimit=*/255,
     /*signedBytes=*/false, /*hasMasks=*/false, /*hasHalf=*/true,
     getUSDotByteDot, getNeonLookup},
    {CPUTable::NeonDotProd, "neon_dotprod", llvm::Triple::aarch64,
     "neon,dotprod", "neoverse-n1",
     /*vectorBits=*/128, /*registers=*/32, /*inPlaceLimit=*/127,
     /*signedBytes=*/true, /*hasMasks=*/false, /*hasHalf=*/true, getSDotByteDot,
     getNeonLookup},
    {CPUTable::Neon, "neon", llvm::Triple::aarch64, "neon", "cortex-a72",
     /*vectorBits=*/128, /*registers=*/32, /*inPlaceLimit=*/15,
     /*signedBytes=*/true, /*hasMasks=*/false, /*hasHalf=*/true, getNeonByteDot,
     getNeonLookup},
    // Engines have sixteen registers on x86. Operands of the relaxed product of
    // which one is a code up to 127 are within what all engines agree on.
    {CPUTable::WasmRelaxed, "wasm_relaxed", llvm::Triple::wasm32,
     "simd128,relaxed-simd", "relaxed-simd",
     /*vectorBits=*/128, /*registers=*/16, /*inPlaceLimit=*/127,
     /*signedBytes=*/false, /*hasMasks=*/false, /*hasHalf=*/false,
     getWasmRelaxedByteDot, getWasmRelaxedLookup, /*hasFMA=*/false,
     /*hasTiles=*/false, /*hasBFloat=*/false, /*hasWords=*/false,
     /*mostColumns=*/4},
    {CPUTable::Wasm, "wasm", llvm::Triple::wasm32, "simd128", "simd128",
     /*vectorBits=*/128, /*registers=*/16, /*inPlaceLimit=*/15,
     /*signedBytes=*/false, /*hasMasks=*/false, /*hasHalf=*/false,
     getWasmByteDot, getWasmLookup, /*hasFMA=*/false, /*hasTiles=*/false,
     /*hasBFloat=*/false, /*hasWords=*/true, /*mostColumns=*/4},
    {CPUTable::Portable, "portable", llvm::Triple::UnknownArch, "", "portable",
     /*vectorBits=*/128, /*registers=*/16, /*inPlaceLimit=*/15,
     /*signedBytes=*/false, /*hasMasks=*/false, /*hasHalf=*/false,
     getPortableByteDot, getPortableLookup},
};

llvm::SmallVector<llvm::StringRef> CPUDescription::getFeatures() const {
  llvm::SmallVector<llvm::StringRef> names;
  llvm::StringRef(features).split(names, ',', /*MaxSplit=*/-1,
                                  /*KeepEmpty=*/false);
  return names;
}

llvm::ArrayRef<CPUDescription> lowbit::getCPUDescriptions() {
  return kDescriptions;
}

const CPUDescription &lowbit::getCPUDescription(CPUTable table) {
  return *llvm::find_if(kDescriptions, [&](const CPUDescription &description) {
    return description.table == table;
  });
}

const CPUDescription &lowbit::getCPUDescription(mlir::ModuleOp module) {
  auto target = module->getAttrOfType<CPUTargetAttr>(kTargetAttrName);
  return getCPUDescription(target ? target.getTable() : CPUTable::Portable);
}

void lowbit::printCPUDescriptions(llvm::raw_ostream &os) {
  auto host = findCPUDescription("native", "");
  const CPUDescription *native = host ? *host : nullptr;
  if (!host)
    llvm::consumeError(host.takeError());
  for (const CPUDescription &description : kDescriptions) {
    bool isAny = description.arch == llvm::Triple::UnknownArch;
    os << llvm::formatv("{0} {1,-12} {2,-8} {3,2} x {4,3} bits  {5}\n",
                        &description == native ? '*' : ' ', description.name,
                        isAny ? "any"
                              : llvm::Triple::getArchTypeName(description.arch),
                        description.registers, description.vectorBits,
                        llvm::join(description.getFeatures(), " "));
  }
}
