//===- NamedEncodings.cpp - number formats by name ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Definitions: NF4, Dettmers et al., QLoRA, appendix E; the FP4 of
// bitsandbytes, sign and 3 bits in the order of its codes; MX formats, the OCP
// Microscaling specification 1.0; NVFP4, blocks of 16 in E2M1 with scales in
// E4M3 and one f32 for the tensor; K-quants, the blocks of ggml's Q2_K to Q6_K,
// whose scales are quantized by themselves.
//
//===----------------------------------------------------------------------===//

#include "NamedEncodings.h"
#include "lowbit/Numerics/Lattice.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;

static constexpr llvm::StringLiteral
    kNF4("codebook<dense<[-1.0, -0.6961928009986877, -0.5250730514526367, "
         "-0.39491748809814453, -0.28444138169288635, -0.18477343022823334, "
         "-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, "
         "0.24611230194568634, 0.33791524171829224, 0.44070982933044434, "
         "0.5626170039176941, 0.7229568362236023, 1.0]> : tensor<16xf32>>");
static constexpr llvm::StringLiteral kBitsAndBytesFP4(
    "codebook<dense<[0.0, 0.005208333333333333, 0.6666666666666666, 1.0, "
    "0.3333333333333333, 0.5, 0.16666666666666666, 0.25, -0.0, "
    "-0.005208333333333333, -0.6666666666666666, -1.0, -0.3333333333333333, "
    "-0.5, -0.16666666666666666, -0.25]> : tensor<16xf32>>");

static constexpr NamedEncoding kNamedEncodings[] = {
    {"nf4", kNF4, 64, true, "f16"},
    {"fp4", "float<f4E2M1FN>", 64, true, "f16"},
    {"bnb-fp4", kBitsAndBytesFP4, 64, true, "f16"},
    {"fp8-e4m3", "float<f8E4M3FN>", 0, true, "f16"},
    {"fp8-e5m2", "float<f8E5M2>", 0, true, "f16"},
    {"mxfp4", "float<f4E2M1FN>", 32, false, "f8E8M0FNU"},
    {"mxfp6-e2m3", "float<f6E2M3FN>", 32, false, "f8E8M0FNU"},
    {"mxfp6-e3m2", "float<f6E3M2FN>", 32, false, "f8E8M0FNU"},
    {"mxfp8-e4m3", "float<f8E4M3FN>", 32, false, "f8E8M0FNU"},
    {"mxfp8-e5m2", "float<f8E5M2>", 32, false, "f8E8M0FNU"},
    {"mxint8", "int<8>", 32, false, "f8E8M0FNU"},
    {"nvfp4", "float<f4E2M1FN>", 16, false, "f8E4M3FN, tensor_scale"},
    {"ternary", "int<2, restricted>", 64, true, "f16"},
    {"cb2", "codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>", 0, true,
     "f16"},
    {"cb2-uniform",
     "codebook<dense<[-1.0, -0.3333333333333333, 0.3333333333333333, 1.0]> : "
     "tensor<4xf32>>",
     0, true, "f16"},
    {"q2_k", "uint<2>, minimum", 16, false,
     "f16 as <uint<4>, group = 16, scale = f16>"},
    {"q3_k", "int<3>", 16, false, "f16 as <int<6>, group = 16, scale = f16>"},
    {"q4_k", "uint<4>, minimum", 32, false,
     "f16 as <uint<6>, group = 8, scale = f16>"},
    {"q5_k", "uint<5>, minimum", 32, false,
     "f16 as <uint<6>, group = 8, scale = f16>"},
    {"q6_k", "int<6>", 16, false, "f16 as <int<8>, group = 16, scale = f16>"},
};

llvm::ArrayRef<NamedEncoding> lowbit::getNamedEncodings() {
  return kNamedEncodings;
}

const NamedEncoding *lowbit::takeNamedEncoding(llvm::StringRef &text) {
  const NamedEncoding *longest = nullptr;
  for (const NamedEncoding &encoding : kNamedEncodings) {
    llvm::StringRef rest = text;
    if (rest.consume_front(encoding.name) &&
        (rest.empty() || rest.starts_with("-")) &&
        (!longest || longest->name.size() < encoding.name.size()))
      longest = &encoding;
  }
  if (longest)
    text = text.drop_front(longest->name.size());
  return longest;
}

EncodingAttr lowbit::getLatticeEncoding(mlir::MLIRContext *context, double rate,
                                        int64_t size) {
  constexpr int64_t kBlock = 256, kColumns = 32;
  unsigned values = rate <= 2 ? 8 : 4;
  double bits = rate * values;
  if (bits != std::floor(bits) || bits < 1 || bits > 16 ||
      !numerics::LatticeFormat{values, unsigned(bits)}.isValid())
    return {};
  context->getOrLoadDialect<LowbitDialect>();
  int64_t columns = size ? size : kColumns;
  std::string text = llvm::formatv(
      "#lowbit.encoding<lattice<{0} in {1}>, group = {2}, scale = f16 as "
      "<uint<4>, group = {3}, scale = f16>>",
      values, unsigned(bits), columns, std::max<int64_t>(1, kBlock / columns));
  return mlir::cast<EncodingAttr>(mlir::parseAttribute(text, context));
}

EncodingAttr lowbit::getTrellisEncoding(mlir::MLIRContext *context,
                                        unsigned state, unsigned rate) {
  auto columnScale = EncodingAttr::get(
      context, LogAttr::get(context, 5, 8), ZeroPointKind::None,
      /*minimum=*/false, PerTensorAttr::get(context),
      mlir::Float16Type::get(context), /*permuted=*/false);
  return EncodingAttr::get(
      context, TrellisAttr::get(context, state, rate), ZeroPointKind::None,
      /*minimum=*/false, PerChannelAttr::get(context),
      mlir::Float8E4M3FNType::get(context), /*permuted=*/false,
      OuterScaleKind::Tensor, /*storedScale=*/mlir::Attribute(), columnScale);
}

EncodingAttr NamedEncoding::get(mlir::MLIRContext *context, int64_t size,
                                int64_t rows) const {
  context->getOrLoadDialect<LowbitDialect>();
  int64_t columns = size ? size : group;
  std::string granularity =
      columns ? "group = " + std::to_string(columns) : "channel";
  if (rows != 1)
    granularity = llvm::formatv("block = [{0}, {1}]", rows, columns);
  std::string text = llvm::formatv("#lowbit.encoding<{0}, {1}, scale = {2}>",
                                   element, granularity, scale);
  return mlir::cast<EncodingAttr>(mlir::parseAttribute(text, context));
}
