//===- MachineTuning.h - what is known of a machine -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `quant-opt --tune` measures and `--tuning` reads: a machine's constants,
// what kernels cost on it, and the choices that were fastest there. The default
// is the machine of the defaults. The file is JSON; its schema is
// tools/quant-opt/tuning.schema.json. Code depends on what the file says and on
// nothing of the machine that reads it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_MACHINETUNING_H
#define LOWBIT_TOOLS_MACHINETUNING_H

#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <array>
#include <set>
#include <string>
#include <vector>

namespace lowbit {

/// Picoseconds to decode and multiply a weight on one row, by bits of its code:
/// of integers, and of codes that are looked up in a table. The defaults are
/// from bench/results/amd-epyc-zen5-2-cores.md: one thread, 4096 x 4096, packed
/// weights in the L3 cache; 5, 6 and 7 bits are in planes of 4, 2 and 1, and
/// take what those do, less the multiplication that they share.
struct KernelCosts {
  static constexpr unsigned kMostBits = 8;
  using Costs = std::array<double, kMostBits + 1>;
  Costs integers = {0, 8.0, 6.3, 11.8, 9.1, 13.0, 12.0, 16.0, 13.9};
  Costs tables = {0, 8.0, 8.0, 11.8, 10.0, 14.0, 13.2, 20.0, 23.7};
};

/// Which machine a file is about.
struct MachineName {
  /// LLVM's names of the processor and of its architecture (`x86_64`).
  std::string cpu, architecture;
  /// The instruction set of its kernels, and the features that it needs.
  std::string kernels;
  std::vector<std::string> features;
  unsigned threads = 0;
  /// What wrote the file.
  std::string madeBy;
};

/// How a choice came about: the time of each value, of the one that the cost
/// model gives; what it was measured on.
struct TuningEvidence {
  std::string choice, on;
  std::vector<std::pair<int64_t, double>> times;
};

struct MachineTuning {
  MachineName name;
  MachineConstants constants;
  KernelCosts costs;
  /// Names of the constants, and of the costs as `integers.4`, that were
  /// measured or read. The others are defaults, which files leave out.
  std::set<std::string> known;
  /// What follows from the constants, but for what was measured to be faster.
  CPUTuning choices;
  std::vector<TuningEvidence> evidence;

  void setConstant(double MachineConstants::*constant, double value);
  /// `kind` is `integers` or `tables`.
  void setCost(llvm::StringRef kind, unsigned bits, double picoseconds);
};

/// Reads a file. What it leaves out is default, and choices what follows from
/// its constants. Errors name the file and the key: no JSON, no tuning file or
/// one of another version, unknown keys (with the nearest known ones), numbers
/// of a wrong type or outside of the range that they can have.
llvm::Expected<MachineTuning> readTuning(llvm::StringRef path);

/// Writes one as JSON.
void printTuning(const MachineTuning &tuning, llvm::raw_ostream &os);

/// The JSON Schema of such files.
void printTuningSchema(llvm::raw_ostream &os);

/// An error if `tuning`, from the file `path`, is of another architecture than
/// `triple`, LLVM's name of the machine that code is for; empty for this one.
llvm::Error checkTuning(const MachineTuning &tuning, llvm::StringRef path,
                        llvm::StringRef triple);

/// What to remark where `tuning` is of another processor than `cpu`, LLVM's
/// name or `native`; empty where it is of the same.
std::string describeOtherCPU(const MachineTuning &tuning, llvm::StringRef cpu);

} // namespace lowbit

#endif // LOWBIT_TOOLS_MACHINETUNING_H
