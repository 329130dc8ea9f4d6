//===- Profile.cpp - time and memory of each phase ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <cstdio>
#include <ctime>

using namespace lowbit;

std::optional<uint64_t> lowbit::getAnonymousMemory() {
  // The C library's own file, whose buffer is on the stack: measuring must not
  // allocate what it measures.
  std::FILE *file = std::fopen("/proc/self/status", "r");
  if (!file)
    return std::nullopt;
  std::optional<uint64_t> result;
  char line[256];
  unsigned long long kibibytes;
  while (!result && std::fgets(line, sizeof(line), file))
    if (std::sscanf(line, "RssAnon: %llu kB", &kibibytes) == 1)
      result = kibibytes * 1024;
  std::fclose(file);
  return result;
}

/// The phase of what no scope claims.
static constexpr llvm::StringLiteral kOther("other");

Profile::Profile() : current(find(kOther)), entered(now()) {
  watcher = std::thread([this] { watch(); });
}

Profile::~Profile() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    isStopped = true;
  }
  stop.notify_one();
  watcher.join();
}

Profile::Times Profile::now() {
  auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          double(std::clock()) / CLOCKS_PER_SEC};
}

size_t Profile::find(llvm::StringRef name) {
  auto *found = llvm::find_if(
      phases, [&](const Phase &phase) { return phase.name == name; });
  if (found == phases.end())
    phases.push_back({name.str(), {}, 0});
  else
    return found - phases.begin();
  return phases.size() - 1;
}

/// What has passed counts for the phase until now; returns that phase.
size_t Profile::enter(size_t phase) {
  Times time = now();
  phases[current].times.wall += time.wall - entered.wall;
  phases[current].times.processor += time.processor - entered.processor;
  entered = time;
  return std::exchange(current, phase);
}

void Profile::noteMemory() {
  uint64_t bytes = getAnonymousMemory().value_or(0);
  phases[current].peak = std::max(phases[current].peak, bytes);
}

void Profile::watch() {
  std::unique_lock<std::mutex> lock(mutex);
  while (!stop.wait_for(lock, std::chrono::milliseconds(1),
                        [this] { return isStopped; }))
    noteMemory();
}

Profile::Scope::Scope(Profile *profile, llvm::StringRef phase)
    : profile(profile) {
  if (!profile)
    return;
  std::lock_guard<std::mutex> lock(profile->mutex);
  profile->noteMemory();
  outer = profile->enter(profile->find(phase));
  profile->noteMemory();
}

Profile::Scope::~Scope() {
  if (!profile)
    return;
  std::lock_guard<std::mutex> lock(profile->mutex);
  profile->noteMemory();
  profile->enter(outer);
  profile->noteMemory();
}

void Profile::print(llvm::raw_ostream &os) {
  std::lock_guard<std::mutex> lock(mutex);
  enter(current);
  Phase total{"total", {}, 0};
  auto printRow = [&](const Phase &phase) {
    os << llvm::format("%-10s %10.3f %10.3f %14.1f\n", phase.name.c_str(),
                       phase.times.wall, phase.times.processor,
                       1e-6 * phase.peak);
  };
  os << llvm::format("%-10s %10s %10s %14s\n", "phase", "seconds", "cpu s",
                     "peak anon MB");
  // What no scope claims comes last.
  auto order = llvm::concat<Phase>(llvm::drop_begin(phases),
                                   llvm::make_range(&phases[0], &phases[1]));
  for (const Phase &phase : order) {
    printRow(phase);
    total.times.wall += phase.times.wall;
    total.times.processor += phase.times.processor;
    total.peak = std::max(total.peak, phase.peak);
  }
  printRow(total);
}
