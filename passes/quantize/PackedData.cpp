//===- PackedData.cpp - between packed bytes and globals ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Threading.h"
#include <cstring>

using namespace mlir;
using namespace lowbit;

/// The buffer of a layout that holds component `name`.
static unsigned bufferOf(StringRef name) {
  if (name == component::kScale)
    return 1;
  if (name == component::kZeroPoint)
    return 2;
  return name == component::kMinimum ? 3 : 0;
}

/// Calls `work` with ranges of the layout's blocks of rows, all threads of the
/// context busy if blocks are `independent`.
static void
forEachBlocks(QuantizedTensorType type, const numerics::BoundLayout &layout,
              bool independent,
              llvm::function_ref<void(int64_t first, int64_t end)> work) {
  int64_t blockRows = layout.layout().atom.rows;
  int64_t blocks = llvm::divideCeil(type.getDimSize(0), blockRows);
  if (!independent)
    return work(0, blocks);
  // Enough blocks for a task that outweighs its hand-over.
  constexpr int64_t kTaskCodes = 1 << 18;
  int64_t blockCodes = blockRows * std::max<int64_t>(type.getDimSize(1), 1);
  int64_t grain = std::max<int64_t>(1, kTaskCodes / blockCodes);
  parallelFor(type.getContext(), 0, llvm::divideCeil(blocks, grain),
              [&](size_t i) {
                int64_t first = i * grain;
                work(first, std::min(blocks, first + grain));
              });
}

DictionaryAttr lowbit::packComponents(QuantizedTensorType type,
                                      const numerics::QuantizedMatrix &matrix,
                                      StringRef name, Attribute permutation) {
  numerics::BoundLayout layout = type.bindLayout();
  numerics::Packer packer(layout);
  numerics::PackedMatrix packed(layout);
  uint8_t *buffers[4];
  for (unsigned i = 0; i < 4; ++i)
    buffers[i] = packed.buffers[i].data();
  forEachBlocks(type, layout, packer.blocksAreIndependent(),
                [&](int64_t first, int64_t end) {
                  packer.packBlocks(matrix, first, end, buffers);
                });

  SmallVector<NamedAttribute> components;
  Builder builder(type.getContext());
  for (auto &[component, componentType] : type.getComponents()) {
    if (component == component::kPermutation) {
      components.push_back(builder.getNamedAttr(component, permutation));
      continue;
    }
    std::string key = (name + "." + component).str();
    if (component == component::kOuterScale) {
      auto raw = reinterpret_cast<const uint8_t *>(matrix.outerScales.data());
      components.push_back(builder.getNamedAttr(
          component, makeElements(componentType, key,
                                  {raw, raw + matrix.outerScales.size() *
                                                  sizeof(float)})));
      continue;
    }
    components.push_back(builder.getNamedAttr(
        component,
        makeElements(componentType, key,
                     std::move(packed.buffers[bufferOf(component)]))));
  }
  return builder.getDictionaryAttr(components);
}

static numerics::QuantizedMatrix
unpackBuffers(QuantizedTensorType type, const uint8_t *const buffers[4]) {
  numerics::BoundLayout layout = type.bindLayout();
  numerics::Packer packer(layout);
  numerics::QuantizedMatrix matrix;
  matrix.reset(layout.encoding(), layout.rows(),
               layout.columns() * layout.encoding().element.valuesPerCode());
  forEachBlocks(type, layout, packer.blocksAreIndependent(),
                [&](int64_t first, int64_t end) {
                  packer.unpackBlocks(buffers, first, end, matrix);
                });
  return matrix;
}

/// The numbers of a small component of f32; none where they aren't at hand.
static std::vector<float> readFloats(ElementsAttr elements) {
  auto type = cast<ShapedType>(elements.getType());
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return {dense.value_begin<float>(), dense.value_end<float>()};
  ArrayRef<char> raw = getRawBytes(elements);
  std::vector<float> numbers(raw.empty() ? 0 : type.getNumElements());
  std::memcpy(numbers.data(), raw.data(), numbers.size() * sizeof(float));
  return numbers;
}

FailureOr<numerics::QuantizedMatrix> lowbit::unpackComponents(GlobalOp global) {
  auto type = cast<QuantizedTensorType>(global.getType());
  std::vector<uint8_t> expanded[4];
  const uint8_t *buffers[4] = {};
  std::vector<float> outerScales;
  for (auto &[name, componentType] : type.getComponents()) {
    ElementsAttr elements = global.getComponent(name);
    if (name == component::kOuterScale && !isHugeSplat(elements))
      outerScales = readFloats(elements);
    if (component::isOutsideOfLayouts(name))
      continue;
    unsigned buffer = bufferOf(name);
    if (isHugeSplat(elements))
      return global.emitOpError()
             << "requires component '" << name << "' to be a splat of at most "
             << kSplatBytes << " bytes when written out, found "
             << componentType;
    auto dense = dyn_cast<DenseElementsAttr>(elements);
    if (dense && dense.isSplat()) {
      ArrayRef<char> one = dense.getRawData();
      for (int64_t i = 0; i < componentType.getNumElements(); ++i)
        expanded[buffer].insert(expanded[buffer].end(), one.begin(), one.end());
      buffers[buffer] = expanded[buffer].data();
      continue;
    }
    ArrayRef<char> raw = getRawBytes(elements);
    if (raw.empty() && componentType.getNumElements() != 0)
      return global.emitOpError() << "requires the data of component '" << name
                                  << "', found none; is the sidecar loaded?";
    buffers[buffer] = reinterpret_cast<const uint8_t *>(raw.data());
  }
  numerics::QuantizedMatrix matrix = unpackBuffers(type, buffers);
  if (outerScales.size() != matrix.outerScales.size())
    return global.emitOpError()
           << "requires the data of component '" << component::kOuterScale
           << "', found none; is the sidecar loaded?";
  matrix.outerScales = std::move(outerScales);
  return matrix;
}

//===----------------------------------------------------------------------===//
// The end of globals
//===----------------------------------------------------------------------===//

static auto *getEntry(DenseResourceElementsAttr attribute) {
  return attribute.getRawHandle().getResource();
}

GlobalEraser::GlobalEraser(ModuleOp module, bool releasesData)
    : module(module), releasesData(releasesData) {
  if (!releasesData)
    return;
  module.walk([&](Operation *op) {
    if (!isa<GlobalOp>(op))
      op->getAttrDictionary().walk([&](DenseResourceElementsAttr attribute) {
        elsewhere.insert(getEntry(attribute));
      });
  });
}

void GlobalEraser::erase(GlobalOp global) {
  llvm::SmallDenseMap<const void *, DenseResourceElementsAttr> unused;
  if (releasesData)
    for (NamedAttribute named : global.getComponents())
      if (auto data = dyn_cast<DenseResourceElementsAttr>(named.getValue());
          data && !elsewhere.contains(getEntry(data)))
        unused[getEntry(data)] = data;
  global.erase();
  if (unused.empty())
    return;
  for (GlobalOp other : module.getOps<GlobalOp>())
    for (NamedAttribute named : other.getComponents())
      if (auto data = dyn_cast<DenseResourceElementsAttr>(named.getValue()))
        unused.erase(getEntry(data));
  for (auto &[entry, data] : unused)
    getEntry(data)->setBlob(AsmResourceBlob());
}

bool GlobalEraser::eraseIfUnused(GlobalOp global) {
  if (!SymbolTable::symbolKnownUseEmpty(global, module))
    return false;
  erase(global);
  return true;
}
