//===- Manifest.h - a SPIR-V model's manifest -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Read without the compiler's libraries but those for files, as any host would.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_VULKAN_MANIFEST_H
#define LOWBIT_TEST_VULKAN_MANIFEST_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

struct ManifestBuffer {
  std::string name, kind, type;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
  /// Rows of the table that an input has indices of; 0 for none.
  int64_t tableRows = 0;
};

struct ManifestDispatch {
  std::string kernel;
  std::array<uint32_t, 3> workgroups;
  std::vector<unsigned> buffers;
};

/// Kernels that take the place of others on devices with some features.
struct ManifestVariant {
  std::string name;
  std::vector<std::string> features;
  /// Those of them that a caller must ask for, as they change numbers.
  std::vector<std::string> onRequest;
  std::map<std::string, std::string> kernels;
  /// Those of them that are computed in f16.
  std::vector<std::string> halves;
};

/// What one function needs and does.
struct ManifestFunction {
  std::string name;
  std::vector<ManifestBuffer> buffers;
  std::vector<ManifestDispatch> dispatches;
};

/// Functions, and the file with their data.
struct Manifest {
  std::string data;
  std::vector<ManifestFunction> functions;
  /// Those that make use of more first; the last one needs nothing.
  std::vector<ManifestVariant> variants;

  /// The function called `name`, or null.
  const ManifestFunction *find(llvm::StringRef name) const;
};

llvm::Expected<Manifest> readManifest(llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TEST_VULKAN_MANIFEST_H
