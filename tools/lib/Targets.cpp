//===- Targets.cpp - what code can be for ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Targets.h"
#include "lowbit/Tools/Limits.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/TargetParser/Host.h"
#include <thread>
#include <unistd.h>

using namespace lowbit;

/// `--target` names them beside CPUs, whose instruction sets have rows.
static constexpr struct {
  llvm::StringLiteral name, meaning;
} kGPUTargets[] = {{"spirv", "GPUs with Vulkan"},
                   {"webgpu", "GPUs in browsers"}};

uint64_t lowbit::getMachineMemory() {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? uint64_t(pages) * uint64_t(size) : 0;
}

llvm::Expected<MachineDescription>
lowbit::describeMachine(llvm::StringRef cpu, llvm::StringRef triple) {
  llvm::Expected<const CPUDescription *> kernels =
      findCPUDescription(cpu, triple);
  if (!kernels)
    return kernels.takeError();
  std::string name =
      triple.empty() ? llvm::sys::getDefaultTargetTriple() : triple.str();
  MachineDescription machine;
  machine.kernels = *kernels;
  machine.architecture = llvm::Triple::getArchTypeName(
      llvm::Triple(llvm::Triple::normalize(name)).getArch());
  machine.cpu = cpu;
  if (cpu != "native")
    return machine;
  machine.cpu = llvm::sys::getHostCPUName();
  machine.processors = std::thread::hardware_concurrency();
  machine.memory = getMachineMemory();
  machine.caches = findCacheBytes();
  return machine;
}

static void printText(const MachineDescription &machine,
                      llvm::raw_ostream &os) {
  os << machine.cpu << " (" << machine.architecture << "): kernels for "
     << machine.kernels->name;
  if (machine.processors)
    os << ", " << machine.processors << " processors";
  if (machine.memory)
    os << ", " << formatBytes(machine.memory) << " of memory";
  for (auto [i, bytes] : llvm::enumerate(machine.caches))
    if (bytes)
      os << ", L" << i + 1 << " " << formatBytes(bytes);
  os << "\n\n";
  printCPUDescriptions(os);
  for (const auto &target : kGPUTargets)
    os << llvm::formatv("  {0,-12} {1}\n", target.name, target.meaning);
  os << "\nmethods: " << llvm::join(getQuantizationMethods(), " ") << "\n";
}

static void printJson(const MachineDescription &machine,
                      llvm::raw_ostream &os) {
  llvm::json::OStream json(os, /*IndentSize=*/2);
  auto addKnown = [&](llvm::StringRef key, uint64_t value) {
    if (value)
      json.attribute(key, int64_t(value));
  };
  auto addTarget = [&](const CPUDescription &description) {
    bool isAny = description.arch == llvm::Triple::UnknownArch;
    json.object([&] {
      json.attribute("name", description.name);
      json.attribute("architecture",
                     isAny ? llvm::StringRef("any")
                           : llvm::Triple::getArchTypeName(description.arch));
      json.attribute("registers", description.registers);
      json.attribute("vectorBits", description.vectorBits);
      json.attributeArray("features", [&] {
        for (llvm::StringRef feature : description.getFeatures())
          json.value(feature);
      });
    });
  };
  json.object([&] {
    json.attribute("schema", "lowbit-targets/1");
    json.attributeObject("machine", [&] {
      json.attribute("cpu", machine.cpu);
      json.attribute("architecture", machine.architecture);
      json.attribute("kernels", machine.kernels->name);
      addKnown("processors", machine.processors);
      addKnown("memoryBytes", machine.memory);
      for (auto [i, bytes] : llvm::enumerate(machine.caches))
        addKnown("l" + std::to_string(i + 1) + "Bytes", bytes);
    });
    json.attributeArray("targets", [&] {
      for (const CPUDescription &description : getCPUDescriptions())
        addTarget(description);
      for (const auto &target : kGPUTargets)
        json.object([&] { json.attribute("name", target.name); });
    });
    json.attributeArray("methods", [&] {
      for (const std::string &method : getQuantizationMethods())
        json.value(method);
    });
  });
  os << "\n";
}

void lowbit::printTargets(const MachineDescription &machine,
                          llvm::raw_ostream &os, bool json) {
  if (json)
    printJson(machine, os);
  else
    printText(machine, os);
}
