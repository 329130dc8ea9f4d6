//===- DriftSums.cpp - moments of two models side by side -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DriftSums.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/Threading.h"
#include <cmath>
#include <numeric>

using namespace lowbit;
using numerics::PackedRows;

DriftSums::DriftSums(int64_t columns, llvm::ArrayRef<int64_t> residualColumns)
    : columns(columns), residualColumns(residualColumns),
      second(columns * columns), cross(columns * columns) {
  for (int64_t rows : residualColumns)
    residuals.emplace_back(rows * columns);
}

uint64_t DriftSums::getBytes(int64_t columns,
                             llvm::ArrayRef<int64_t> residualColumns) {
  int64_t rows = 2 * columns;
  for (int64_t count : residualColumns)
    rows += count;
  return rows * columns * sizeof(float);
}

/// Packs `rows` rows, each times the root of what it counts.
static void pack(std::vector<float> values, llvm::ArrayRef<float> weights,
                 int64_t rows, int64_t columns, PackedRows &packed,
                 mlir::MLIRContext *context) {
  for (int64_t n = 0; !weights.empty() && n < rows; ++n) {
    float root = std::sqrt(weights[n]);
    for (int64_t k = 0; k < columns; ++k)
      values[n * columns + k] *= root;
  }
  packed.reset(rows, columns);
  mlir::parallelFor(context, 0, packed.panels(),
                    [&](size_t panel) { packed.pack(values.data(), panel); });
}

/// Adds a^T b; of a symmetric sum only what is on and above the diagonal.
static void addProducts(const PackedRows &a, const PackedRows &b,
                        bool isSymmetric, float *sums,
                        mlir::MLIRContext *context) {
  mlir::parallelFor(context, 0, a.panels(), [&](size_t i) {
    for (int64_t j = isSymmetric ? i : 0; j < b.panels(); ++j)
      numerics::addOuterProduct(a, b, i, j, sums);
  });
}

llvm::Error DriftSums::add(const Rows &rows, mlir::MLIRContext *context) {
  int64_t added = columns ? rows.y.size() / columns : 0;
  assert(rows.x.size() == rows.y.size() && "one program reads both");
  assert(rows.weights.empty() || rows.weights.size() == size_t(added));
  for (llvm::ArrayRef<float> values : {rows.x, rows.y})
    if (!llvm::all_of(values, [](float value) { return std::isfinite(value); }))
      return makeError("requires numbers that are finite");
  PackedRows x, y, drift;
  for (int64_t first = 0; first < added; first += numerics::kOuterProductRows) {
    int64_t batch = std::min(numerics::kOuterProductRows, added - first);
    auto slice = [&](llvm::ArrayRef<float> values, int64_t width) {
      return values.slice(first * width, batch * width);
    };
    llvm::ArrayRef<float> weights =
        rows.weights.empty() ? rows.weights : slice(rows.weights, 1);
    pack(slice(rows.x, columns).vec(), weights, batch, columns, x, context);
    pack(slice(rows.y, columns).vec(), weights, batch, columns, y, context);
    addProducts(y, y, /*isSymmetric=*/true, second.data(), context);
    addProducts(x, y, /*isSymmetric=*/false, cross.data(), context);
    for (size_t i = 0; i < residuals.size(); ++i) {
      int64_t width = residualColumns[i];
      if (rows.r[i].size() != size_t(added * width) ||
          rows.s[i].size() != rows.r[i].size())
        return makeError("what a layer is added to has other rows");
      std::vector<float> difference;
      for (auto [r, s] :
           llvm::zip_equal(slice(rows.r[i], width), slice(rows.s[i], width)))
        difference.push_back(r - s);
      pack(std::move(difference), weights, batch, width, drift, context);
      addProducts(drift, y, /*isSymmetric=*/false, residuals[i].data(),
                  context);
    }
  }
  count += added;
  total += rows.weights.empty()
               ? double(added)
               : std::accumulate(rows.weights.begin(), rows.weights.end(), 0.0);
  return llvm::Error::success();
}

static HostTensor makeMean(llvm::ArrayRef<float> sums, int64_t rows,
                           int64_t columns, double count) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, {rows, columns});
  double scale = count > 0 ? 1.0 / count : 0;
  llvm::transform(sums, tensor.getMutableAs<float>().begin(),
                  [&](float sum) { return float(sum * scale); });
  return tensor;
}

HostTensor DriftSums::getSecondMoment() const {
  HostTensor tensor = makeMean(second, columns, columns, total);
  llvm::MutableArrayRef<float> numbers = tensor.getMutableAs<float>();
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = i + 1; j < columns; ++j)
      numbers[j * columns + i] = numbers[i * columns + j];
  return tensor;
}

HostTensor DriftSums::getCrossMoment() const {
  return makeMean(cross, columns, columns, total);
}

HostTensor DriftSums::getMeanSquare() const {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, {columns});
  for (int64_t k = 0; k < columns; ++k)
    tensor.getMutableAs<float>()[k] =
        total > 0 ? float(second[k * columns + k] / total) : 0;
  return tensor;
}

HostTensor DriftSums::getResidualMoment(size_t index) const {
  return makeMean(residuals[index], residualColumns[index], columns, total);
}
