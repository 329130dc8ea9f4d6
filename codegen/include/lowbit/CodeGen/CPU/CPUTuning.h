//===- CPUTuning.h - tile sizes and other choices of CPU code ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which of several correct forms CPU code takes: how many rows share a decoded
// weight, how far ahead memory is asked for, what a thread gets at once. None
// of them changes what is computed, but for the order in which tiles of
// attention add up floats. Passes have each as an option; here they are
// together, with the model that derives them from a machine's constants.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_CPUTUNING_H
#define LOWBIT_CODEGEN_CPU_CPUTUNING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace lowbit {

/// What kernels and tiles cost on a machine: one thread, unless it says
/// otherwise. The numbers here are those of the machine that the defaults of
/// all choices were measured on (bench/results/amd-epyc-zen5-2-cores.md).
struct MachineConstants {
  /// Bytes of the caches that a thread has: data of the first level, second,
  /// third level.
  double l1Bytes = 48 << 10, l2Bytes = 1 << 20, l3Bytes = 32 << 20;
  /// Bytes per second that a plain loop reads from each of them and from
  /// memory.
  double l1Bandwidth = 300e9, l2Bandwidth = 180e9, l3Bandwidth = 72e9,
         memoryBandwidth = 33e9;
  /// Seconds until bytes from memory arrive.
  double memoryLatency = 186e-9;
  /// Products of bytes, and of floats, per second that kernels reach.
  double byteProducts = 350e9, floatProducts = 60e9;
  /// Seconds to hand work to another thread, and to call a layer at all.
  double forkSeconds = 0.75e-6, callSeconds = 1.3e-6;
};

/// The choices. Each is an option of a pass, named in `getTuningChoices`.
struct CPUTuning {
  /// Linear kernels: most rows of activations that share decoded codes; columns
  /// of the innermost loop's body; bytes that packed codes are prefetched ahead
  /// (0: not at all), and the first cache that they go to (1 to 3); most
  /// accumulators of a single row that get a second chain of products, so that
  /// none waits for the one before.
  int64_t kernelRows = 4, kernelColumns = 32, prefetchBytes = 6144,
          prefetchLevel = 1, chainedSums = 4;
  /// Where the machine multiplies tiles: the least rows of activations, of 16,
  /// that they are worth, and rows of weights that are decoded at a time.
  int64_t tileRows = 8, unpackedRows = 128;
  /// Products of a task of a linear kernel, and values of one that quantizes
  /// activations or decodes rows of a table.
  int64_t taskProducts = 1 << 18, taskValues = 1 << 15;
  /// Tiles of float products in a task; elements of any other task; scalar
  /// operations below which nothing is handed to threads.
  int64_t rowTile = 64, columnTile = 128, elementTile = 8192, minWork = 16384;
  /// Rows of a register tile of float products; 0 for as many as the target's
  /// registers hold.
  int64_t registerRows = 0;
  /// Queries and keys of a tile of attention.
  int64_t queryTile = 64, keyTile = 64;
  /// Elements of windows that a task copies, for layers of windows and for
  /// other convolutions, and the least rows of the former.
  int64_t windowElements = 131072, convolutionElements = 32768, windowRows = 48;

  /// `tileRows` of activations in segments of `columns` columns. A tile takes
  /// 64 of them, and short segments leave it half empty.
  int64_t getLeastTileRows(int64_t columns) const;

  bool operator==(const CPUTuning &other) const;
};

/// A choice by name.
struct TuningChoice {
  llvm::StringLiteral name;
  int64_t CPUTuning::*value;
  /// The least and the largest value that code can be made for.
  int64_t least, most;
  /// Whether values are powers of two.
  bool isPower;
  /// The pass and its option.
  llvm::StringLiteral option;
  llvm::StringLiteral description;

  bool allows(int64_t number) const;
  /// Such as "a power of two from 1 to 16".
  std::string describeRange() const;
};

/// All choices.
llvm::ArrayRef<TuningChoice> getTuningChoices();

/// What is wrong with the first value of `tuning` that no code can be made for,
/// such as "row-tile requires a power of two from 1 to 16, found 3"; empty
/// where all can. Names are those of the passes' options.
std::string explainInvalid(const CPUTuning &tuning);

/// A constant by name.
struct MachineConstant {
  llvm::StringLiteral name;
  double MachineConstants::*value;
  /// Values outside of this range are mistakes, such as of a unit.
  double least, most;
  llvm::StringLiteral unit, description;
};

/// All constants.
llvm::ArrayRef<MachineConstant> getMachineConstants();

/// The cost model: what follows for the choices from a machine's constants, and
/// from what is known of its processor, by LLVM's name. The default constants
/// give the default choices where nothing is. Powers of two but for the
/// prefetch distance, so that constants that were measured on a busy machine
/// lead to the same choices.
CPUTuning chooseTuning(const MachineConstants &machine,
                       llvm::StringRef cpu = {});

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_CPUTUNING_H
