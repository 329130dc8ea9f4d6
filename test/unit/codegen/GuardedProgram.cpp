//===- GuardedProgram.cpp - a program among guard pages -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GuardedProgram.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"
#include <csetjmp>
#include <csignal>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::test;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// Buffers between inaccessible pages.
class GuardedMemory {
public:
  explicit GuardedMemory(GuardedEnd end) : end(end) {}
  ~GuardedMemory() {
    while (!regions.empty())
      unmap(regions.begin());
  }

  /// `size` bytes of which the last `missing` are inaccessible.
  char *allocate(size_t size, std::string name, size_t missing = 0) {
    size_t page = sysconf(_SC_PAGESIZE);
    size_t inner = llvm::alignTo(size - missing, page);
    size_t bytes = inner + 2 * page;
    void *memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                        /*fd=*/-1, /*offset=*/0);
    if (memory == MAP_FAILED) {
      fprintf(stderr, "no memory for a buffer of %zu bytes\n", size);
      abort();
    }
    char *begin = static_cast<char *>(memory);
    if (inner)
      mprotect(begin + page, inner, PROT_READ | PROT_WRITE);
    char *data = begin + page;
    if (end == GuardedEnd::Last)
      data += inner - (size - missing);
    // No number: sums of what was never written are seen.
    memset(begin + page, 0xFF, inner);
    regions[data] = {begin, bytes, size, std::move(name)};
    return data;
  }

  /// Unmaps what `allocate` returned.
  void release(void *data) {
    if (data)
      unmap(regions.find(static_cast<char *>(data)));
  }

  /// Whose surroundings `address` is in; empty where there is no buffer.
  std::string describe(const char *address) const {
    for (const auto &[data, region] : regions) {
      if (address < region.mapped || address >= region.mapped + region.bytes)
        continue;
      std::string place =
          address < data
              ? std::to_string(data - address) + " bytes before the first byte"
              : "byte " + std::to_string(address - data);
      return "generated code accesses " + place + " of " + region.name +
             ", which has " + std::to_string(region.size) + " bytes";
    }
    return {};
  }

private:
  struct Region {
    char *mapped;
    size_t bytes, size;
    std::string name;
  };
  using Regions = std::map<char *, Region>;

  void unmap(Regions::iterator region) {
    ASSERT_NE(region, regions.end()) << "freed what was not allocated";
    munmap(region->second.mapped, region->second.bytes);
    regions.erase(region);
  }

  GuardedEnd end;
  Regions regions;
};
} // namespace

/// That of the only program.
static std::unique_ptr<GuardedMemory> memory;

static void *allocateGuarded(size_t size) {
  return memory->allocate(size, "a buffer that it allocated");
}

static void releaseGuarded(void *data) { memory->release(data); }

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

static sigjmp_buf beforeFault;
static const char *faultAddress;

static void leaveFault(int, siginfo_t *info, void *) {
  faultAddress = static_cast<const char *>(info->si_addr);
  siglongjmp(beforeFault, 1);
}

namespace {
/// Takes over faults while it lives.
class FaultHandler {
public:
  FaultHandler() {
    struct sigaction action = {};
    action.sa_sigaction = leaveFault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &previous[0]);
    sigaction(SIGBUS, &action, &previous[1]);
  }
  ~FaultHandler() {
    sigaction(SIGSEGV, &previous[0], nullptr);
    sigaction(SIGBUS, &previous[1], nullptr);
  }

private:
  struct sigaction previous[2];
};
} // namespace

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

CompileOptions test::guarded(CompileOptions options) {
  options.parallel = false;
  options.bufferAlignment = 0;
  return options;
}

/// Copies the weights of `module` into guarded memory.
static void placeWeights(mlir::ModuleOp module, unsigned missingBytes,
                         llvm::StringMap<const void *> &addresses) {
  auto weights = module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
  if (!weights)
    return;
  for (mlir::NamedAttribute weight : weights) {
    std::vector<char> bytes;
    if (auto resource =
            mlir::dyn_cast<mlir::DenseResourceElementsAttr>(weight.getValue()))
      llvm::append_range(bytes, resource.getRawHandle().getBlob()->getData());
    else if (auto dense =
                 mlir::dyn_cast<mlir::DenseElementsAttr>(weight.getValue()))
      for (int64_t i = 0; i < (dense.isSplat() ? dense.getNumElements() : 1);
           ++i)
        llvm::append_range(bytes, dense.getRawData());
    llvm::StringRef name = weight.getName().strref();
    char *data = memory->allocate(bytes.size(), "weight '" + name.str() + "'",
                                  std::min<size_t>(missingBytes, bytes.size()));
    memcpy(data, bytes.data(),
           bytes.size() - std::min<size_t>(missingBytes, bytes.size()));
    addresses[name] = data;
  }
}

llvm::Expected<std::unique_ptr<GuardedProgram>>
GuardedProgram::create(mlir::ModuleOp module, llvm::StringRef cpu,
                       GuardedEnd end, unsigned missingBytes) {
  std::unique_ptr<GuardedProgram> program(new GuardedProgram);
  memory = std::make_unique<GuardedMemory>(end);
  ExecutableOptions options;
  options.cpu = cpu.str();
  options.threads = 1;
  // Then code makes every access that kernels have, whether LLVM finds a use of
  // it or not.
  options.optLevel = 0;
  options.allocate = allocateGuarded;
  options.release = releaseGuarded;
  placeWeights(module, missingBytes, options.weights);
  auto executable = Executable::create(module, options);
  if (!executable)
    return executable.takeError();
  program->executable = std::move(*executable);
  return program;
}

GuardedProgram::~GuardedProgram() {
  executable.reset();
  memory.reset();
}

llvm::Expected<std::vector<HostTensor>>
GuardedProgram::run(llvm::ArrayRef<HostTensor> inputs) {
  std::vector<HostTensor> arguments, results;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    size_t size = input.getBytes().size();
    char *data = memory->allocate(size, "argument " + std::to_string(i));
    memcpy(data, input.getBytes().data(), size);
    arguments.push_back(
        HostTensor::view(input.getType(), input.getShape(), {data, size},
                         std::shared_ptr<const void>(data, [](const void *p) {
                           releaseGuarded(const_cast<void *>(p));
                         })));
  }
  FaultHandler handler;
  if (sigsetjmp(beforeFault, /*savesMask=*/1) != 0) {
    std::string place = memory->describe(faultAddress);
    return makeError(place.empty() ? "generated code accesses no buffer at all"
                                   : place);
  }
  auto found = executable->run(arguments);
  if (!found)
    return found.takeError();
  // Copies, which may outlive the memory.
  for (const HostTensor &result : *found) {
    HostTensor &copy = results.emplace_back(
        HostTensor::allocate(result.getType(), result.getShape()));
    memcpy(copy.getMutableBytes().data(), result.getBytes().data(),
           result.getBytes().size());
  }
  return results;
}

std::vector<std::vector<HostTensor>>
test::runGuarded(mlir::ModuleOp module, llvm::StringRef cpu,
                 llvm::ArrayRef<std::vector<HostTensor>> inputs) {
  std::vector<std::vector<HostTensor>> results;
  for (GuardedEnd end : {GuardedEnd::First, GuardedEnd::Last}) {
    SCOPED_TRACE(end == GuardedEnd::First ? "guarded before the first byte"
                                          : "guarded after the last byte");
    auto program = GuardedProgram::create(module, cpu, end);
    if (!program) {
      ADD_FAILURE() << llvm::toString(program.takeError());
      return {};
    }
    for (const std::vector<HostTensor> &list : inputs) {
      auto found = (*program)->run(list);
      if (!found) {
        ADD_FAILURE() << llvm::toString(found.takeError());
        return {};
      }
      results.push_back(std::move(*found));
    }
  }
  return results;
}
