//===- Model.cpp - A model that can be run --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks that are the same for every model.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Model.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace lowbit;

static bool accepts(const TensorSpec &spec, const HostTensor &tensor) {
  if (spec.type != tensor.getType() ||
      spec.shape.size() != tensor.getShape().size())
    return false;
  return llvm::all_of(llvm::zip(spec.shape, tensor.getShape()),
                      [](auto extents) {
                        auto [declared, actual] = extents;
                        return declared < 0 || declared == actual;
                      });
}

/// The first index outside of its table is an error with its position.
template <typename T>
static llvm::Error checkIndices(const TensorSpec &spec,
                                const HostTensor &tensor) {
  for (auto [place, id] : llvm::enumerate(tensor.getAs<T>()))
    if (id < -spec.tableRows || id >= spec.tableRows)
      return makeError("input '" + spec.name + "' must hold ids of " +
                       llvm::Twine(-spec.tableRows) + " to " +
                       llvm::Twine(spec.tableRows - 1) +
                       ", rows of an embedding of " +
                       llvm::Twine(spec.tableRows) + ", found " +
                       llvm::Twine(id) + " at position " + llvm::Twine(place) +
                       "; was another tokenizer used?");
  return llvm::Error::success();
}

llvm::Error lowbit::checkInputs(const Model &model,
                                llvm::ArrayRef<HostTensor> inputs) {
  return checkInputs(model.getInputs(), inputs);
}

llvm::Error lowbit::checkInputs(llvm::ArrayRef<TensorSpec> specs,
                                llvm::ArrayRef<HostTensor> inputs) {
  if (specs.size() != inputs.size())
    return makeError("the model has " + llvm::Twine(specs.size()) +
                     " inputs, found " + llvm::Twine(inputs.size()));
  for (auto [spec, tensor] : llvm::zip(specs, inputs)) {
    if (!accepts(spec, tensor))
      return makeError("input '" + spec.name + "' must be " +
                       describe(spec.type, spec.shape) + ", found " +
                       tensor.describe());
    if (spec.tableRows == 0)
      continue;
    if (llvm::Error error = spec.type == ElementType::I64
                                ? checkIndices<int64_t>(spec, tensor)
                                : checkIndices<int32_t>(spec, tensor))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<size_t> lowbit::findTensor(llvm::ArrayRef<TensorSpec> specs,
                                          llvm::StringRef name,
                                          llvm::StringRef kind) {
  std::string names;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name)
      return i;
    names += (names.empty() ? "'" : ", '") + specs[i].name + "'";
  }
  return makeError("the model has no " + kind + " '" + name + "', it has " +
                   (names.empty() ? "none" : names));
}

llvm::Expected<double> lowbit::getMaxError(const HostTensor &actual,
                                           const HostTensor &expected) {
  if (actual.getShape() != expected.getShape())
    return makeError("cannot compare " + actual.describe() + " with " +
                     expected.describe());
  double worst = 0.0;
  for (uint64_t i = 0, e = actual.getNumElements(); i < e; ++i) {
    double a = actual.getElement(i), b = expected.getElement(i);
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    double difference = std::fabs(a - b);
    if (std::isnan(difference))
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, difference);
  }
  return worst;
}
