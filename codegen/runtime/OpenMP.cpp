//===- OpenMP.cpp - the threads that compiled code runs on ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/OpenMP.h"
#include <dlfcn.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

static constexpr const char *kNames[] = {"libomp.so.5", "libomp.so"};

static void *load(const std::string &path) {
  return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
}

/// LLVM's library registers each process that uses it in shared memory, by its
/// number. What a process that was killed left there it reads when the number
/// comes again, and an entry without text ends it (strlen of null, LLVM 22). As
/// long as the library isn't loaded, what has this number is of another
/// process.
static void forgetFormerProcess() {
  for (const char *name : kNames)
    if (void *loaded = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {
      dlclose(loaded);
      return;
    }
  std::string entry = "/__KMP_REGISTERED_LIB_" + std::to_string(getpid()) +
                      "_" + std::to_string(getuid());
  shm_unlink(entry.c_str());
}

void *lowbit_load_openmp(const void *address) {
  forgetFormerProcess();
  Dl_info info;
  if (address && dladdr(address, &info) && info.dli_fname) {
    std::string folder = info.dli_fname;
    folder.resize(folder.rfind('/') + 1);
    if (!folder.empty())
      for (const char *name : kNames)
        if (void *handle = load(folder + name))
          return handle;
  }
  for (const char *name : kNames)
    if (void *handle = load(name))
      return handle;
  return nullptr;
}
