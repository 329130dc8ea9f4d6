//===- PlanMemory.cpp - buffers get places in one workspace ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The largest buffers first, each at the lowest address that is free as long as
// it lives: the greedy rule of Pisarchyk and Lee, "Efficient Memory Management
// for Deep Neural Net Inference" (2020). Buffers are few hundred, so comparing
// each with all that have a place is quick.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUPLANMEMORYPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Addresses are multiples of a line of the cache.
static constexpr int64_t kLine = 64;
static_assert(kAllocationLine % kLine == 0, "blocks begin at lines");

namespace {
/// A buffer of the function's body: when it lives, in operations, and where it
/// is.
struct Buffer {
  memref::AllocOp alloc;
  SmallVector<memref::DeallocOp, 1> deallocs;
  int64_t bytes = 0;
  int64_t first = 0;
  int64_t last = 0;
  int64_t offset = 0;
};
} // namespace

/// The most bytes that the buffer has; nothing where no bound is known.
static std::optional<int64_t> getMostBytes(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  // An index has the bits of an address, of which there are 64 at most.
  Type element = type.getElementType();
  unsigned bits = element.isIndex() ? IndexType::kInternalStorageBitWidth
                                    : element.getIntOrFloatBitWidth();
  int64_t bytes = llvm::divideCeil(bits, 8);
  unsigned next = 0;
  for (int64_t extent : type.getShape()) {
    if (ShapedType::isDynamic(extent)) {
      FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
          presburger::BoundType::UB, alloc.getDynamicSizes()[next++],
          /*stopCondition=*/nullptr, /*closedUB=*/true);
      if (failed(bound))
        return std::nullopt;
      extent = *bound;
    }
    if (extent < 0 || llvm::MulOverflow(bytes, extent, bytes))
      return std::nullopt;
  }
  return llvm::alignTo(std::max<int64_t>(bytes, 1), kLine);
}

namespace {
struct CPUPlanMemoryPass
    : lowbit::impl::CPUPlanMemoryPassBase<CPUPlanMemoryPass> {
  void runOnOperation() override {
    bool isForAll = getOperation()->hasAttr(kWorkspacesAttrName);
    for (auto function :
         llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      auto signature = getOperation()->getAttrOfType<DictionaryAttr>(
          getSignatureAttrName(function.getSymName()));
      if (!signature || !(isForAll || signature.get("states")))
        continue;
      SmallVector<Buffer> buffers;
      if (!collect(function, buffers))
        continue;
      int64_t bytes = place(buffers);
      rewrite(function, buffers, bytes);
      NamedAttrList attrs(signature);
      attrs.set("workspace", Builder(&getContext()).getI64IntegerAttr(bytes));
      getOperation()->setAttr(getSignatureAttrName(function.getSymName()),
                              attrs.getDictionary(&getContext()));
      numBuffers += buffers.size();
      numBytes += bytes;
    }
    std::optional<int64_t> temporaries;
    if (isForAll)
      temporaries = countTemporaries();
    if (temporaries)
      getOperation()->setAttr(
          kTemporariesAttrName,
          Builder(&getContext()).getI64IntegerAttr(*temporaries));
  }

private:
  /// The most bytes of a function's own allocations, none of them in another's.
  std::optional<int64_t> countTemporaries() {
    int64_t most = 0;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      int64_t bytes = 0;
      bool isBounded = true, calls = false;
      function.walk([&](Operation *op) {
        calls |= isa<func::CallOp>(op);
        auto alloc = dyn_cast<memref::AllocOp>(op);
        if (!alloc)
          return;
        std::optional<int64_t> own = getMostBytes(alloc);
        isBounded &= own.has_value();
        // What is aligned is cut out of more.
        int64_t alignment = alloc.getAlignment().value_or(0);
        bytes +=
            llvm::alignTo(own.value_or(0) + alignment, kLine) + kAllocationLine;
      });
      if (!isBounded || (bytes > 0 && calls))
        return std::nullopt;
      most = std::max(most, bytes);
    }
    return most;
  }

  /// False where some buffer can't be placed.
  static bool collect(func::FuncOp function, SmallVectorImpl<Buffer> &buffers) {
    if (!function.getBody().hasOneBlock())
      return false;
    Block &body = function.getBody().front();
    DenseMap<Operation *, int64_t> order;
    for (auto [i, op] : llvm::enumerate(body))
      order[&op] = i;
    BufferViewFlowAnalysis views(function);
    bool fits = true;
    function.walk([&](memref::AllocOp alloc) {
      std::optional<int64_t> bytes = getMostBytes(alloc);
      if (alloc->getBlock() != &body || !bytes ||
          !alloc.getType().getLayout().isIdentity()) {
        fits = false;
        return;
      }
      Buffer buffer;
      buffer.alloc = alloc;
      buffer.bytes = *bytes;
      buffer.first = order[alloc];
      buffer.last = buffer.first;
      // Buffers are freed at the end of the function; they live until their
      // last use.
      for (Value view : views.resolve(alloc.getResult()))
        for (Operation *user : view.getUsers())
          if (auto dealloc = dyn_cast<memref::DeallocOp>(user))
            buffer.deallocs.push_back(dealloc);
          else
            buffer.last = std::max(
                buffer.last, order.lookup(body.findAncestorOpInBlock(*user)));
      buffers.push_back(buffer);
    });
    return fits;
  }

  /// Sets offsets; the bytes of the workspace.
  static int64_t place(MutableArrayRef<Buffer> buffers) {
    SmallVector<Buffer *> queue, placed;
    for (Buffer &buffer : buffers)
      queue.push_back(&buffer);
    llvm::sort(queue, [](const Buffer *a, const Buffer *b) {
      return a->bytes != b->bytes ? a->bytes > b->bytes : a->first < b->first;
    });
    int64_t total = 0;
    for (Buffer *buffer : queue) {
      int64_t offset = 0;
      // In the order of addresses.
      for (const Buffer *other : placed) {
        if (other->last < buffer->first || buffer->last < other->first)
          continue;
        if (offset + buffer->bytes <= other->offset)
          break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      buffer->offset = offset;
      total = std::max(total, offset + buffer->bytes);
      placed.insert(llvm::upper_bound(placed, buffer,
                                      [](const Buffer *a, const Buffer *b) {
                                        return a->offset < b->offset;
                                      }),
                    buffer);
    }
    return total;
  }

  static void rewrite(func::FuncOp function, MutableArrayRef<Buffer> buffers,
                      int64_t bytes) {
    Location loc = function.getLoc();
    OpBuilder b(function.getContext());
    auto type = MemRefType::get({bytes}, b.getI8Type());
    (void)function.insertArgument(function.getNumArguments(), type, {}, loc);
    Value workspace = function.getArguments().back();
    llvm::SmallSetVector<Operation *, 16> deallocs;
    for (Buffer &buffer : buffers) {
      b.setInsertionPoint(buffer.alloc);
      Value offset = arith::ConstantIndexOp::create(b, loc, buffer.offset);
      Value view = memref::ViewOp::create(
          b, buffer.alloc.getLoc(), buffer.alloc.getType(), workspace, offset,
          buffer.alloc.getDynamicSizes());
      deallocs.insert(buffer.deallocs.begin(), buffer.deallocs.end());
      buffer.alloc.getResult().replaceAllUsesWith(view);
      buffer.alloc->erase();
    }
    for (Operation *dealloc : deallocs)
      dealloc->erase();
  }
};
} // namespace
