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
#include <list>

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

namespace {
/// The parameter of a quantized parameter that a component is of: the place of
/// the latter in QuantizedMatrix::stored, and the buffer of the former.
struct StoredPart {
  unsigned place, buffer;
};
} // namespace

static std::optional<StoredPart> findStoredPart(StringRef name) {
  unsigned place = 0;
  for (StringRef kind :
       {component::kScale, component::kZeroPoint, component::kMinimum}) {
    StringRef part = name;
    if (part.consume_front(kind) && part.consume_front(component::kSeparator))
      return StoredPart{place, bufferOf(part)};
    ++place;
  }
  return std::nullopt;
}

/// Packs one of the matrices of stored parameters, densely.
static numerics::PackedMatrix
packStored(const numerics::QuantizedMatrix &from) {
  numerics::BoundLayout layout(
      numerics::Layout::dense(from.encoding.element.codeBits()), from.encoding,
      from.rows, from.columns);
  return numerics::pack(layout, from);
}

template <typename Number>
static std::vector<uint8_t> bytesOf(const std::vector<Number> &numbers) {
  auto raw = reinterpret_cast<const uint8_t *>(numbers.data());
  return {raw, raw + numbers.size() * sizeof(Number)};
}

/// The bytes of a component that the layout doesn't place.
static std::vector<uint8_t>
packUnplaced(const numerics::QuantizedMatrix &matrix, StringRef name) {
  if (name == component::kOuterScale)
    return bytesOf(matrix.outerScales);
  if (name == component::kTable)
    return bytesOf(matrix.tables);
  StoredPart part = *findStoredPart(name);
  return packStored(matrix.stored[part.place]).buffers[part.buffer];
}

/// Whether `type`'s layout places component `name`.
static bool isPlaced(QuantizedTensorType type, StringRef name) {
  bool isAtom = type.getLayout() && type.bindLayout().layout().parameters ==
                                        numerics::ParameterPlacement::Atom;
  return name == component::kBlob || name == component::kCodes ||
         EncodingAttr::isPlaced(name, isAtom);
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

/// Packs a matrix whose columns have one format.
static numerics::PackedMatrix
packUniform(QuantizedTensorType type, const numerics::QuantizedMatrix &matrix) {
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
  return packed;
}

/// The parts' codes one behind the other, and the parameters they share.
static numerics::PackedMatrix packAny(QuantizedTensorType type,
                                      const numerics::QuantizedMatrix &matrix) {
  MixedAttr mixed = type.getEncoding().getMixed();
  if (!mixed)
    return packUniform(type, matrix);
  numerics::PackedMatrix result;
  for (size_t i = 0; i < mixed.getFormats().size(); ++i) {
    numerics::PackedMatrix part = packUniform(type.getPart(i), matrix.part(i));
    part.buffers[0].insert(part.buffers[0].begin(), result.buffers[0].begin(),
                           result.buffers[0].end());
    result = std::move(part);
  }
  return result;
}

/// The dense tensor of the factors of `type`'s columns.
static QuantizedTensorType getColumnScaleType(QuantizedTensorType type) {
  return QuantizedTensorType::get({1, type.getColumns()}, type.getElementType(),
                                  type.getEncoding().getColumnScaleEncoding());
}

DictionaryAttr lowbit::packComponents(QuantizedTensorType type,
                                      const numerics::QuantizedMatrix &matrix,
                                      StringRef name, Attribute permutation) {
  numerics::PackedMatrix packed = packAny(type, matrix), columnScale;
  if (matrix.columnScale)
    columnScale = packUniform(getColumnScaleType(type), *matrix.columnScale);
  auto getBytes = [&](StringRef component) -> std::vector<uint8_t> {
    if (component == component::kColumnScale)
      return std::move(columnScale.buffers[0]);
    if (component == component::kColumnScaleScale)
      return std::move(columnScale.buffers[1]);
    if (component == component::kColumnPart)
      return numerics::writeStream(matrix.columnParts,
                                   matrix.encoding.partBits());
    return isPlaced(type, component)
               ? std::move(packed.buffers[bufferOf(component)])
               : packUnplaced(matrix, component);
  };
  SmallVector<NamedAttribute> components;
  Builder builder(type.getContext());
  for (auto &[component, componentType] : type.getComponents()) {
    Attribute data = permutation;
    if (component != component::kPermutation)
      data = makeElements(componentType, (name + "." + component).str(),
                          getBytes(component));
    components.push_back(builder.getNamedAttr(component, data));
  }
  return builder.getDictionaryAttr(components);
}

static numerics::QuantizedMatrix
unpackUniform(QuantizedTensorType type, const uint8_t *const buffers[4]) {
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

namespace {
/// The bytes of a global's components.
class ComponentBytes {
public:
  explicit ComponentBytes(GlobalOp global) : global(global) {}

  /// The bytes of component `name`, which are kept as long as this is. Fails,
  /// with a diagnostic, if they aren't at hand.
  FailureOr<const uint8_t *> get(StringRef name);

private:
  GlobalOp global;
  /// Splats, written out.
  std::list<std::vector<uint8_t>> expanded;
};
} // namespace

FailureOr<const uint8_t *> ComponentBytes::get(StringRef name) {
  ElementsAttr elements = global.getComponent(name);
  ShapedType type = elements.getShapedType();
  if (isHugeSplat(elements))
    return global.emitOpError()
           << "requires component '" << name << "' to be a splat of at most "
           << kSplatBytes << " bytes when written out, found " << type;
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (dense && dense.isSplat()) {
    ArrayRef<char> one = dense.getRawData();
    std::vector<uint8_t> &bytes = expanded.emplace_back();
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      bytes.insert(bytes.end(), one.begin(), one.end());
    return bytes.data();
  }
  ArrayRef<char> raw = getRawBytes(elements);
  if (raw.empty() && type.getNumElements() != 0)
    return global.emitOpError() << "requires the data of component '" << name
                                << "', found none; is the sidecar loaded?";
  return reinterpret_cast<const uint8_t *>(raw.data());
}

/// Columns of several formats. Buffers are those of packAny.
static numerics::QuantizedMatrix unpackParts(QuantizedTensorType type,
                                             const uint8_t *const buffers[4],
                                             const uint8_t *columnParts) {
  numerics::QuantizedMatrix matrix;
  matrix.reset(type.getEncoding().getNumerics(), type.getRows(),
               type.getColumns());
  unsigned bits = matrix.encoding.partBits();
  for (auto [k, part] : llvm::enumerate(matrix.columnParts))
    part = numerics::readStream(columnParts, k, bits);
  for (size_t i = 0; i < matrix.encoding.element.parts()->size(); ++i) {
    const uint8_t *part[4] = {buffers[0] + type.getPartOffset(i), buffers[1],
                              nullptr, nullptr};
    numerics::QuantizedMatrix codes = unpackUniform(type.getPart(i), part);
    matrix.setPart(i, codes);
    matrix.scales = codes.scales;
  }
  return matrix;
}

template <typename Number>
static void readNumbers(const uint8_t *bytes, std::vector<Number> &numbers) {
  if (!numbers.empty())
    std::memcpy(numbers.data(), bytes, numbers.size() * sizeof(Number));
}

/// Reads the numbers of the parameter in `buffer` of a matrix of parameters.
static void unpackStored(const uint8_t *bytes, unsigned buffer,
                         numerics::QuantizedMatrix &matrix) {
  numerics::BoundLayout layout(
      numerics::Layout::dense(matrix.encoding.element.codeBits()),
      matrix.encoding, matrix.rows, matrix.columns);
  numerics::PackedMatrix packed(layout);
  readNumbers(bytes, packed.buffers[buffer]);
  numerics::QuantizedMatrix read = numerics::unpack(layout, packed);
  matrix.parametersOf(buffer - 1) = read.parametersOf(buffer - 1);
}

FailureOr<numerics::QuantizedMatrix> lowbit::unpackComponents(GlobalOp global) {
  auto type = cast<QuantizedTensorType>(global.getType());
  ComponentBytes bytes(global);
  const uint8_t *buffers[4] = {}, *columnScale[4] = {}, *columnParts = nullptr;
  SmallVector<std::pair<StringRef, const uint8_t *>> unplaced;
  for (auto &[name, componentType] : type.getComponents()) {
    if (name == component::kPermutation)
      continue;
    FailureOr<const uint8_t *> data = bytes.get(name);
    if (failed(data))
      return failure();
    if (name == component::kColumnScale)
      columnScale[0] = *data;
    else if (name == component::kColumnScaleScale)
      columnScale[1] = *data;
    else if (name == component::kColumnPart)
      columnParts = *data;
    else if (isPlaced(type, name))
      buffers[bufferOf(name)] = *data;
    else
      unplaced.emplace_back(name, *data);
  }
  numerics::QuantizedMatrix matrix =
      columnParts ? unpackParts(type, buffers, columnParts)
                  : unpackUniform(type, buffers);
  for (auto [name, data] : unplaced) {
    if (name == component::kOuterScale) {
      readNumbers(data, matrix.outerScales);
    } else if (name == component::kTable) {
      readNumbers(data, matrix.tables);
    } else {
      StoredPart part = *findStoredPart(name);
      unpackStored(data, part.buffer, matrix.stored[part.place]);
    }
  }
  matrix.readStored();
  if (columnScale[0])
    matrix.columnScale = std::make_shared<const numerics::QuantizedMatrix>(
        unpackUniform(getColumnScaleType(type), columnScale));
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
  // Others have components, and may say what they were rounded from.
  for (GlobalOp other : module.getOps<GlobalOp>())
    other->getAttrDictionary().walk(
        [&](DenseResourceElementsAttr data) { unused.erase(getEntry(data)); });
  for (auto &[entry, data] : unused)
    getEntry(data)->setBlob(AsmResourceBlob());
}

bool GlobalEraser::eraseIfUnused(GlobalOp global) {
  if (!SymbolTable::symbolKnownUseEmpty(global, module))
    return false;
  erase(global);
  return true;
}
