//===- Profile.h - time and memory of each phase ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What compiling costs, phase by phase: wall-clock time, processor time of all
// threads, and the peak of anonymous memory. Anonymous memory is what a machine
// must have: pages of mapped files can be dropped and read again.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_PROFILE_H
#define LOWBIT_TOOLS_PROFILE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace lowbit {

/// Anonymous memory of this process that is resident now, in bytes; nothing
/// where the system doesn't tell (it does on Linux).
std::optional<uint64_t> getAnonymousMemory();

/// Measures phases of this process. Memory is read every millisecond by a
/// thread of its own, so peaks that are shorter may be missed.
class Profile {
public:
  Profile();
  ~Profile();
  Profile(const Profile &) = delete;
  Profile &operator=(const Profile &) = delete;

  /// While one lives, time and memory count for its phase; the phase around it
  /// pauses. Phases of one name are one. Without a profile it does nothing.
  class Scope {
  public:
    Scope(Profile *profile, llvm::StringRef phase);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    Profile *profile;
    size_t outer = 0;
  };

  /// A table with a line for each phase, in the order of their first use, and
  /// one for their sum and largest peak.
  void print(llvm::raw_ostream &os);

private:
  struct Times {
    double wall = 0, processor = 0;
  };
  struct Phase {
    std::string name;
    Times times;
    uint64_t peak = 0;
  };

  static Times now();
  size_t find(llvm::StringRef name);
  size_t enter(size_t phase);
  void noteMemory();
  void watch();

  std::mutex mutex;
  std::condition_variable stop;
  bool isStopped = false;
  llvm::SmallVector<Phase> phases;
  size_t current;
  Times entered;
  std::thread watcher;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_PROFILE_H
