//===- Printer.cpp - WGSL text of kernels ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/WGSL/Printer.h"
#include "Expressions.h"
#include "Subset.h"
#include "Verify.h"
#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;

namespace {

/// The builtin values of an entry point, in the order of its parameters.
struct Builtin {
  StringRef name, attribute, type;
};
constexpr Builtin kBuiltins[] = {
    {"local_id", "local_invocation_id", "vec3<u32>"},
    {"workgroup_id", "workgroup_id", "vec3<u32>"},
    {"global_id", "global_invocation_id", "vec3<u32>"},
    {"num_workgroups", "num_workgroups", "vec3<u32>"},
    {"subgroup_size", "subgroup_size", "u32"},
    {"subgroup_invocation_id", "subgroup_invocation_id", "u32"},
};

class KernelPrinter {
public:
  KernelPrinter(gpu::GPUFuncOp kernel, raw_ostream &os)
      : kernel(kernel), os(os) {}

  void print() {
    collect();
    printHeader();
    printDeclarations();
    printEntryPoint();
    depth = 1;
    printBlock(kernel.getBody().front());
    os << "}\n";
  }

private:
  raw_ostream &line() { return os.indent(2 * depth); }

  /// Features and builtin values that the kernel uses.
  void collect() {
    kernel.walk([&](Operation *op) {
      std::string builtin = getBuiltinText(op);
      if (!builtin.empty())
        builtins.insert(StringRef(builtin).split('.').first);
      StringRef feature = getRequiredFeature(op);
      if (!feature.empty())
        features.insert(feature);
    });
  }

  int64_t getBlockSize(unsigned dimension) {
    return (*kernel.getKnownBlockSize())[dimension];
  }

  std::string printBlockSize(unsigned dimension) {
    std::string name = std::string("workgroup_size_") + "xyz"[dimension];
    if (builtins.contains(name))
      return name;
    return std::to_string(getBlockSize(dimension));
  }

  static std::string printMemory(MemRefType type) {
    std::string element = *getWGSLType(type.getElementType());
    if (!type.hasStaticShape())
      return "array<" + element + ">";
    return "array<" + element + ", " + std::to_string(type.getNumElements()) +
           ">";
  }

  /// An array with so many elements for the size that a kernel is made for,
  /// and more for larger ones.
  std::string printGrowing(MemRefType type) {
    int64_t elements = type.getNumElements(), size = getBlockSize(0);
    int64_t common = std::gcd(elements, size);
    std::string count =
        std::to_string(elements / common) + "u * " + printBlockSize(0);
    if (common != size)
      count += " / " + std::to_string(size / common) + "u";
    return "array<" + *getWGSLType(type.getElementType()) + ", " + count + ">";
  }

  static StringRef printAccess(Value buffer) {
    return isWritten(buffer) ? "read_write" : "read";
  }

  static StringRef getText(Attribute attribute) {
    auto text = dyn_cast_or_null<StringAttr>(attribute);
    return text ? text.getValue() : "";
  }

  /// What a reader wants to know before the code: what it computes, the shape
  /// and format of each buffer, and what it asks of the adapter.
  void printHeader() {
    os << "// " << kernel.getName();
    StringRef about = getText(kernel->getAttr(kWGSLDescriptionAttrName));
    if (!about.empty())
      os << ": " << about;
    os << "\n//\n// workgroup  " << getBlockSize(0) << " x " << getBlockSize(1)
       << " x " << getBlockSize(2);
    if (auto grid = kernel.getKnownGridSize())
      os << " in a grid of " << (*grid)[0] << " x " << (*grid)[1] << " x "
         << (*grid)[2];
    os << "\n";
    printSources();
    for (BlockArgument buffer : getBuffers(kernel))
      printBindingLine(buffer);
    os << "\n";
  }

  /// The nodes of the model that a kernel was made for, as its location has
  /// them; others that need the same code share it.
  void printSources() {
    llvm::SetVector<StringRef> names;
    kernel.getLoc()->walk([&](Location loc) {
      if (auto named = dyn_cast<NameLoc>(loc))
        names.insert(named.getName().getValue());
      return WalkResult::advance();
    });
    // A line break would end the comment.
    auto hasBreak = [](StringRef name) {
      return llvm::any_of(name, [](char c) { return !llvm::isPrint(c); });
    };
    names.remove_if(hasBreak);
    if (!names.empty())
      os << "// made for   " << llvm::join(names, ", ") << "\n";
  }

  void printBindingLine(BlockArgument buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    unsigned number = buffer.getArgNumber();
    os << "// binding " << number << "  " << getValueName(buffer) << ": ";
    if (type.hasStaticShape())
      os << type.getNumElements() << " ";
    os << *getWGSLType(type.getElementType());
    if (type.hasStaticShape())
      os << ", "
         << type.getNumElements() * *getElementBytes(type.getElementType())
         << " bytes";
    os << ", "
       << (isWritten(buffer) ? isRead(buffer) ? "updated" : "written" : "read");
    StringRef about =
        getText(kernel.getArgAttr(number, kWGSLDescriptionAttrName));
    if (!about.empty())
      os << "; " << about;
    os << "\n";
  }

  void printDeclarations() {
    if (features.contains("f16"))
      os << "enable f16;\n";
    if (features.contains("subgroups")) {
      os << "enable subgroups;\n";
      // Branches that a subgroup takes as one are no error where a workgroup
      // may split: compilers can't tell these apart.
      os << "diagnostic(off, subgroup_uniformity);\n";
    }
    for (unsigned dimension : {0, 1, 2}) {
      std::string size = printBlockSize(dimension);
      if (!llvm::isDigit(size.front()))
        os << "override " << size << ": u32 = " << getBlockSize(dimension)
           << "u;\n";
    }
    for (BlockArgument buffer : getBuffers(kernel))
      os << "@group(0) @binding(" << buffer.getArgNumber() << ") var<storage, "
         << printAccess(buffer) << "> " << getValueName(buffer) << ": "
         << printMemory(cast<MemRefType>(buffer.getType())) << ";\n";
    auto grows = kernel->getAttrOfType<DenseBoolArrayAttr>(kGPUGrowsAttrName);
    for (auto [i, memory] :
         llvm::enumerate(kernel.getWorkgroupAttributions())) {
      auto type = cast<MemRefType>(memory.getType());
      os << "var<workgroup> " << getValueName(memory) << ": "
         << (grows && grows[i] ? printGrowing(type) : printMemory(type))
         << ";\n";
    }
  }

  void printEntryPoint() {
    os << "\n@compute @workgroup_size(" << printBlockSize(0) << ", "
       << printBlockSize(1) << ", " << printBlockSize(2) << ")\nfn "
       << kernel.getName() << "(";
    SmallVector<std::string> parameters;
    for (const Builtin &builtin : kBuiltins)
      if (builtins.contains(builtin.name))
        parameters.push_back(llvm::formatv("@builtin({0}) {1}: {2}",
                                           builtin.attribute, builtin.name,
                                           builtin.type));
    os << llvm::join(parameters,
                     ",\n    " + std::string(kernel.getName().size(), ' '))
       << ") {\n";
  }

  void printBlock(Block &block) {
    for (Operation &op : block.without_terminator())
      printOperation(&op);
  }

  void printOperation(Operation *op) {
    if (auto store = dyn_cast<memref::StoreOp>(op)) {
      line() << printElement(store.getMemRef(), store.getIndices()) << " = "
             << printValue(store.getValueToStore()) << ";\n";
    } else if (isa<gpu::BarrierOp>(op)) {
      printBarrier();
    } else if (auto memory = dyn_cast<memref::AllocaOp>(op)) {
      line() << "var " << getValueName(memory) << ": "
             << printMemory(memory.getType()) << ";\n";
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      printFor(loop);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      printWhile(loop);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      printIf(branch);
    } else if (op->hasAttr(kWGSLNamesAttrName)) {
      line() << "let " << getValueName(op->getResult(0)) << " = "
             << printExpression(op).text << ";\n";
    }
  }

  /// Invocations wait for each other; what they wrote to workgroup memory is
  /// then seen by all, and what they wrote to buffers if one of them reads it.
  void printBarrier() {
    if (llvm::any_of(getBuffers(kernel), [](Value buffer) {
          return isWritten(buffer) && isRead(buffer);
        }))
      line() << "storageBarrier();\n";
    line() << "workgroupBarrier();\n";
  }

  /// Variables, but for those of a loop around that have the same names.
  void declare(ValueRange variables, ValueRange starts) {
    for (auto [variable, start] : llvm::zip_equal(variables, starts))
      if (getValueName(variable) != getValueName(start))
        line() << "var " << getValueName(variable) << " = " << printValue(start)
               << ";\n";
  }

  void declare(ValueRange variables) {
    for (Value variable : variables)
      line() << "var " << getValueName(variable) << ": "
             << *getWGSLType(variable.getType()) << ";\n";
  }

  /// All variables get their next values at once: one that another needs the
  /// last value of is kept aside.
  void assign(ValueRange variables, ValueRange values) {
    SmallVector<std::string> texts;
    llvm::StringSet<> assigned;
    for (auto [variable, value] : llvm::zip_equal(variables, values)) {
      std::string text = printValue(value);
      if (assigned.contains(text)) {
        line() << "let next_" << getValueName(variable) << " = " << text
               << ";\n";
        text = ("next_" + getValueName(variable)).str();
      }
      assigned.insert(getValueName(variable));
      texts.push_back(text);
    }
    for (auto [variable, text] : llvm::zip_equal(variables, texts))
      if (getValueName(variable) != text)
        line() << getValueName(variable) << " = " << text << ";\n";
  }

  void printFor(scf::ForOp loop) {
    declare(loop.getResults(), loop.getInitArgs());
    StringRef i = getValueName(loop.getInductionVar());
    line() << "for (var " << i << " = " << printValue(loop.getLowerBound())
           << "; " << i << " < "
           << printValue(loop.getUpperBound(), Binding::Sum) << "; " << i
           << " += " << printValue(loop.getStep()) << ") {\n";
    ++depth;
    printBlock(*loop.getBody());
    assign(loop.getResults(), loop.getYieldedValues());
    --depth;
    line() << "}\n";
  }

  void printWhile(scf::WhileOp loop) {
    declare(loop.getBeforeArguments(), loop.getInits());
    declare(loop.getResults());
    line() << "loop {\n";
    ++depth;
    printBlock(*loop.getBeforeBody());
    scf::ConditionOp condition = loop.getConditionOp();
    assign(loop.getResults(), condition.getArgs());
    line() << "if (!" << printValue(condition.getCondition(), Binding::Primary)
           << ") {\n";
    line() << "  break;\n";
    line() << "}\n";
    printBlock(*loop.getAfterBody());
    assign(loop.getBeforeArguments(), loop.getYieldOp().getResults());
    --depth;
    line() << "}\n";
  }

  void printIf(scf::IfOp branch) {
    declare(branch.getResults());
    line() << "if (" << printValue(branch.getCondition()) << ") {\n";
    ++depth;
    printBlock(*branch.thenBlock());
    assign(branch.getResults(), branch.thenYield().getResults());
    --depth;
    if (Block *otherwise = branch.elseBlock()) {
      line() << "} else {\n";
      ++depth;
      printBlock(*otherwise);
      assign(branch.getResults(), branch.elseYield().getResults());
      --depth;
    }
    line() << "}\n";
  }

  gpu::GPUFuncOp kernel;
  raw_ostream &os;
  unsigned depth = 0;
  llvm::StringSet<> builtins, features;
};

} // namespace

LogicalResult lowbit::printWGSL(gpu::GPUFuncOp kernel, raw_ostream &os) {
  if (failed(verifyWGSLSubset(kernel, {"f16", "packed_dot", "subgroups"})))
    return failure();
  KernelPrinter(kernel, os).print();
  return success();
}
