//===- OpenMP.cpp - the threads that compiled code runs on ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/OpenMP.h"
#include <dlfcn.h>
#include <string>

static constexpr const char *kNames[] = {"libomp.so.5", "libomp.so"};

static void *load(const std::string &path) {
  return dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
}

void *lowbit_load_openmp(const void *address) {
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
