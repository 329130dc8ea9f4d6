//===- EmbeddingKernelTest.cpp - rows of quantized tables -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels must give the very numbers that the numerics library gives, wherever
// in a byte a row begins.
//
//===----------------------------------------------------------------------===//

#include "GuardedProgram.h"
#include "LayerProgram.h"
#include "lowbit/Numerics/Lattice.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

constexpr int64_t kRows = 11, kColumns = 37;
/// The last ones are counted from the end, or clamped.
const std::vector<int64_t> kIndices = {0, 3, 10, 7, 1, -1, -11, 11, -100, 1000};

/// Any numbers for codes of `bits` bits.
numerics::ElementFormat createFormat(unsigned bits, unsigned values) {
  return std::make_shared<const numerics::CodeTable>(numerics::CodeTable{
      bits, bits, values, createNumbers(values << bits, bits)});
}

/// Codes that are looked up: of a width, and of one also more bits than a byte
/// has, and vectors that are whole rows.
std::vector<numerics::Encoding> createLookedUp(unsigned width) {
  numerics::Encoding scalar;
  scalar.element = createFormat(width, 1);
  scalar.granularity = numerics::Granularity::Group;
  scalar.groupSize = 20;
  scalar.scale = numerics::ScaleFormat::E4M3;
  scalar.outer = numerics::OuterScale::Channel;
  if (width != 4)
    return {scalar};
  numerics::Encoding wide = scalar, vectors;
  wide.element = createFormat(11, 1);
  wide.scale = numerics::ScaleFormat::BF16;
  wide.outer = numerics::OuterScale::Tensor;
  vectors.element = createFormat(9, kColumns);
  numerics::Encoding blocks = scalar, eights, fours;
  blocks.outer = numerics::OuterScale::None;
  blocks.groupRows = 4;
  eights.element = numerics::latticeTable({8, 15});
  fours.element = numerics::latticeTable({4, 13});
  fours.granularity = numerics::Granularity::Group;
  fours.groupSize = 12;
  return {scalar, wide, vectors, blocks, eights, fours};
}

/// The tables of a width: each granularity, with and without zero points and
/// minima.
std::vector<numerics::QuantizedMatrix> createTables(unsigned width) {
  using numerics::ZeroPointKind;
  constexpr struct {
    numerics::IntegerKind integer;
    ZeroPointKind zeroPoint;
    bool hasMinimum;
    numerics::Granularity granularity;
    numerics::ScaleFormat scale;
  } kinds[] = {
      {numerics::IntegerKind::Signed, ZeroPointKind::None, false,
       numerics::Granularity::Group, numerics::ScaleFormat::F16},
      {numerics::IntegerKind::Unsigned, ZeroPointKind::None, true,
       numerics::Granularity::Channel, numerics::ScaleFormat::F16},
      {numerics::IntegerKind::Unsigned, ZeroPointKind::Integer, false,
       numerics::Granularity::Group, numerics::ScaleFormat::F32},
      {numerics::IntegerKind::Signed, ZeroPointKind::None, false,
       numerics::Granularity::Tensor, numerics::ScaleFormat::F32},
  };
  std::vector<float> numbers = createNumbers(kRows * kColumns, width);
  std::vector<numerics::QuantizedMatrix> tables;
  std::vector<numerics::Encoding> encodings = createLookedUp(width);
  for (auto [integer, zeroPoint, hasMinimum, granularity, scale] : kinds) {
    numerics::Encoding &encoding = encodings.emplace_back();
    encoding.element = {width, integer};
    encoding.zeroPoint = zeroPoint;
    encoding.hasMinimum = hasMinimum;
    encoding.granularity = granularity;
    encoding.groupSize = granularity == numerics::Granularity::Group ? 20 : 0;
    encoding.scale = scale;
  }
  for (const numerics::Encoding &encoding : encodings) {
    // A row of a lattice holds whole codes.
    int64_t columns =
        encoding.element.isLattice() ? kColumns / 8 * 8 : kColumns;
    numerics::Status status = numerics::quantize(
        numbers.data(), kRows, columns, encoding,
        {numerics::ScaleSearch::AbsMax, nullptr}, tables.emplace_back());
    EXPECT_TRUE(status.ok()) << status.message;
  }
  return tables;
}

std::string getText(mlir::MLIRContext &context,
                    const std::vector<numerics::QuantizedMatrix> &tables) {
  std::string globals, body, results, types;
  for (auto [i, table] : llvm::enumerate(tables)) {
    auto encoding = EncodingAttr::get(&context, table.encoding);
    std::string name = std::to_string(i), weight;
    std::string columns = std::to_string(table.columns);
    llvm::raw_string_ostream(weight)
        << "!lowbit.tensor<11x" << columns << "xf32, " << encoding << ">";
    globals += printWeight("t" + name, table, encoding);
    body += "%w" + name + " = lowbit.weight @t" + name + " : " + weight +
            "\n%y" + name + " = lowbit.embedding %x, %w" + name +
            " : tensor<?xi64>, " + weight + " -> tensor<?x" + columns +
            "xf32>\n";
    results += (i ? ", %y" : "%y") + name;
    types += (i ? ", tensor<?x" : "tensor<?x") + columns + "xf32>";
  }
  return globals + "func.func @main(%x: tensor<?xi64>) -> (" + types + ") {\n" +
         body + "return " + results + " : " + types + "\n}\n";
}

/// Expects the numbers of the rows that the indices name, exactly.
void expectRows(const std::vector<numerics::QuantizedMatrix> &tables,
                llvm::ArrayRef<HostTensor> results) {
  for (auto [table, result] : llvm::zip_equal(tables, results)) {
    int64_t columns = table.columns;
    std::vector<float> numbers(kRows * columns);
    numerics::dequantize(table, numbers.data());
    llvm::ArrayRef<float> found = result.getAs<float>();
    ASSERT_EQ(found.size(), kIndices.size() * columns);
    for (auto [place, index] : llvm::enumerate(kIndices)) {
      int64_t row =
          std::clamp<int64_t>(index < 0 ? index + kRows : index, 0, kRows - 1);
      for (int64_t k = 0; k < columns; ++k)
        ASSERT_EQ(found[place * columns + k], numbers[row * columns + k])
            << "index " << index << " column " << k;
    }
  }
}

HostTensor createIndices() {
  HostTensor indices =
      HostTensor::allocate(ElementType::I64, {int64_t(kIndices.size())});
  llvm::copy(kIndices, indices.getMutableAs<int64_t>().begin());
  return indices;
}

/// The program that looks rows up in all of the tables, in the LLVM dialect.
struct Compiled {
  Compiled(const std::vector<numerics::QuantizedMatrix> &tables,
           const CompileOptions &options) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<LowbitDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(getText(context, tables),
                                                     &context);
    if (!module) {
      ADD_FAILURE() << "the text is not a module";
    } else if (llvm::Error error =
                   compileModule(*module, Phase::Lower, options)) {
      ADD_FAILURE() << llvm::toString(std::move(error));
      module = {};
    }
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

class EmbeddingKernel
    : public testing::TestWithParam<std::tuple<unsigned, const char *>> {};

INSTANTIATE_TEST_SUITE_P(
    Widths, EmbeddingKernel,
    testing::Values(std::tuple(1u, "native"), std::tuple(2u, "portable"),
                    std::tuple(3u, "native"), std::tuple(4u, "native"),
                    std::tuple(5u, "portable"), std::tuple(6u, "native"),
                    std::tuple(7u, "native"), std::tuple(8u, "native")));

TEST_P(EmbeddingKernel, GivesTheNumbersOfRows) {
  auto [width, cpu] = GetParam();
  std::vector<numerics::QuantizedMatrix> tables = createTables(width);
  CompileOptions options;
  options.cpu = cpu;
  Compiled compiled(tables, options);
  if (!compiled.module)
    return;
  ExecutableOptions execution;
  execution.optLevel = 1;
  auto executable = Executable::create(*compiled.module, execution);
  ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
  auto results = (*executable)->run(createIndices());
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectRows(tables, *results);
}

TEST_P(EmbeddingKernel, StaysInItsBuffers) {
  auto [width, cpu] = GetParam();
  std::vector<numerics::QuantizedMatrix> tables = createTables(width);
  CompileOptions options;
  options.cpu = cpu;
  Compiled compiled(tables, guarded(options));
  if (!compiled.module)
    return;
  for (auto &results : runGuarded(*compiled.module, cpu, {{createIndices()}}))
    expectRows(tables, results);
}

} // namespace
