//===- Quantizer.cpp - weights to codes and parameters --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collects groups of equal length into lanes, hands them to the vector code and
// turns what it finds into parameters or an error with a place.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Quantizer.h"

#include "BlockParameters.h"
#include "GroupProblem.h"
#include "LearnedTables.h"
#include "ParameterQuantizer.h"
#include "TableQuantizer.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lowbit::numerics {

static GroupModel modelOf(const Encoding &encoding) {
  if (encoding.hasMinimum)
    return GroupModel::Minimum;
  switch (encoding.zeroPoint) {
  case ZeroPointKind::None:
    return GroupModel::Symmetric;
  case ZeroPointKind::Integer:
    // {-1, 1} has no integer between its numbers: it stays symmetric.
    return encoding.element.integer()->step() == 1
               ? GroupModel::IntegerZeroPoint
               : GroupModel::Symmetric;
  case ZeroPointKind::Fractional:
    return GroupModel::FractionalZeroPoint;
  }
  return GroupModel::Symmetric;
}

bool storesUnsignedParameters(const Encoding &encoding) {
  if (!encoding.stored || encoding.stored->hasMinimum ||
      encoding.stored->zeroPoint != ZeroPointKind::None)
    return false;
  const ElementFormat &element = encoding.stored->element;
  bool isAbove = true, isBelow = true;
  for (uint32_t code = 0; code < element.codeCount(); ++code) {
    isAbove &= !(element.decode(code) < 0);
    isBelow &= !(element.decode(code) > 0);
  }
  return isAbove || isBelow;
}

GroupProblem problemOf(const Encoding &encoding, ScaleSearch search) {
  const IntegerFormat &element = *encoding.element.integer();
  GroupProblem problem;
  problem.model = modelOf(encoding);
  problem.first = static_cast<float>(element.decode(element.firstCode()));
  problem.last = static_cast<float>(element.decode(element.codeCount() - 1));
  problem.step = static_cast<float>(element.step());
  problem.width = element.width;
  problem.lastZeroPoint = static_cast<float>(element.codeCount() - 1);
  problem.halfScales = encoding.scale == ScaleFormat::F16;
  problem.leastSquares = search == ScaleSearch::MeanSquaredError;
  problem.unsignedParameters = storesUnsignedParameters(encoding);
  return problem;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {

/// Finds the parameters of rows [firstRow, endRow) of `matrix`.
class ParameterFinder {
public:
  ParameterFinder(const float *weights, int64_t firstRow, int64_t endRow,
                  const QuantizeOptions &options, QuantizedMatrix &matrix)
      : weights(weights), firstRow(firstRow), rowCount(endRow - firstRow),
        importance(options.search == ScaleSearch::MeanSquaredError
                       ? options.importance
                       : nullptr),
        matrix(matrix), problem(problemOf(matrix.encoding, options.search)),
        groups(matrix.encoding.groupCount(matrix.columns)),
        groupColumns(matrix.encoding.columnsPerGroup(matrix.columns)) {}

  Status run();

private:
  /// Groups [firstGroup, firstGroup + count) of all rows, `length` columns
  /// each.
  Status findGroups(int64_t firstGroup, int64_t count, int64_t length);
  Status findTensor();
  Status keep(const LaneParameters &found, int64_t lane, int64_t row,
              int64_t group);
  Status rejectWeight(int64_t row, int64_t endRow, int64_t group) const;

  const float *rowOf(int64_t row) const {
    return weights + row * matrix.columns;
  }

  const float *weights;
  int64_t firstRow, rowCount;
  const float *importance;
  QuantizedMatrix &matrix;
  GroupProblem problem;
  int64_t groups, groupColumns;
};

} // namespace

static std::string placeOf(int64_t row, int64_t firstColumn,
                           int64_t endColumn) {
  return "row " + std::to_string(row) + ", columns " +
         std::to_string(firstColumn) + " to " + std::to_string(endColumn - 1);
}

static std::string numberText(float value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  return std::to_string(value);
}

/// Finds the culprit among the columns of `group` of rows [row, endRow).
Status ParameterFinder::rejectWeight(int64_t row, int64_t endRow,
                                     int64_t group) const {
  int64_t end = std::min(matrix.columns, (group + 1) * groupColumns);
  for (; row < endRow; ++row)
    for (int64_t k = group * groupColumns; k < end; ++k)
      if (float value = rowOf(row)[k]; !std::isfinite(value))
        return {"row " + std::to_string(firstRow + row) + ", column " +
                std::to_string(k) + ": weights must be finite, found " +
                numberText(value)};
  return Status::success();
}

Status ParameterFinder::keep(const LaneParameters &found, int64_t lane,
                             int64_t row, int64_t group) {
  const Encoding &encoding = matrix.encoding;
  bool tensor = encoding.granularity == Granularity::Tensor;
  if (found.notFinite[lane])
    return rejectWeight(row, tensor ? rowCount : row + 1, group);
  const char *name = nullptr;
  if (!std::isfinite(found.scale[lane]))
    name = "scale";
  else if (!std::isfinite(found.zeroPoint[lane]))
    name = "zero point";
  else if (!std::isfinite(found.minimum[lane]))
    name = "minimum";
  if (name)
    return {(tensor ? std::string("tensor")
                    : placeOf(firstRow + row, group * groupColumns,
                              std::min(matrix.columns,
                                       (group + 1) * groupColumns))) +
            ": the " + name + " must fit " + describeScale(encoding.scale) +
            ", found a larger one"};
  int64_t index = encoding.parameterIndex(firstRow + row, group, groups);
  matrix.scales[index] = found.scale[lane];
  if (!matrix.zeroPoints.empty())
    matrix.zeroPoints[index] = found.zeroPoint[lane];
  if (!matrix.minima.empty())
    matrix.minima[index] = found.minimum[lane];
  return Status::success();
}

Status ParameterFinder::findGroups(int64_t firstGroup, int64_t count,
                                   int64_t length) {
  const GroupKernels &kernels = groupKernels();
  std::vector<float> values(length * groupLanes);
  std::vector<float> columnWeights(importance ? length * groupLanes : 0);
  int64_t total = rowCount * count;
  for (int64_t first = 0; first < total; first += groupLanes) {
    const float *sequences[groupLanes], *weightSequences[groupLanes];
    for (int64_t lane = 0; lane < groupLanes; ++lane) {
      // Lanes without a group repeat the last one.
      int64_t index = std::min(first + lane, total - 1);
      int64_t column = (firstGroup + index % count) * groupColumns;
      sequences[lane] = rowOf(index / count) + column;
      weightSequences[lane] = importance + (importance ? column : 0);
    }
    kernels.transpose(sequences, length, values.data());
    if (importance)
      kernels.transpose(weightSequences, length, columnWeights.data());
    Segment segment{values.data(), importance ? columnWeights.data() : nullptr,
                    length};
    LaneParameters found;
    kernels.findParameters(problem, {&segment, 1, false}, found);
    for (int64_t lane = 0; lane < std::min(groupLanes, total - first); ++lane) {
      int64_t index = first + lane;
      if (Status status =
              keep(found, lane, index / count, firstGroup + index % count);
          !status.ok())
        return status;
    }
  }
  return Status::success();
}

/// One group of everything. Whole vectors of a row are used where they lie;
/// what remains of each row is collected and padded with repetitions of weight
/// 0.
Status ParameterFinder::findTensor() {
  int64_t whole = matrix.columns / groupLanes;
  std::vector<Segment> segments;
  std::vector<float> rest, restWeights;
  for (int64_t row = 0; row < rowCount; ++row) {
    const float *values = rowOf(row);
    if (whole)
      segments.push_back({values, importance, whole});
    for (int64_t k = whole * groupLanes; k < matrix.columns; ++k) {
      rest.push_back(values[k]);
      restWeights.push_back(importance ? importance[k] : 1.0f);
    }
  }
  while (rest.size() % groupLanes) {
    rest.push_back(rest.back());
    restWeights.push_back(0);
  }
  if (!rest.empty())
    segments.push_back({rest.data(), restWeights.data(),
                        static_cast<int64_t>(rest.size()) / groupLanes});
  LaneParameters found;
  groupKernels().findParameters(
      problem, {segments.data(), static_cast<int64_t>(segments.size()), true},
      found);
  return keep(found, 0, 0, 0);
}

Status ParameterFinder::run() {
  if (!rowCount || !matrix.columns)
    return Status::success();
  if (matrix.encoding.granularity == Granularity::Tensor)
    return findTensor();
  int64_t wholeGroups = matrix.columns / groupColumns;
  int64_t rest = matrix.columns - wholeGroups * groupColumns;
  Status status = Status::success();
  if (wholeGroups)
    status = findGroups(0, wholeGroups, groupColumns);
  if (status.ok() && rest)
    status = findGroups(wholeGroups, 1, rest);
  return status;
}

bool needsAllRows(const Encoding &encoding) {
  return encoding.granularity == Granularity::Tensor ||
         encoding.outer == OuterScale::Tensor ||
         encoding.element.tableOwner() == TableOwner::Tensor ||
         (encoding.stored &&
          encoding.stored->granularity != Granularity::Group);
}

int64_t rowsTogether(const Encoding &encoding, int64_t rows, int64_t columns) {
  if (needsAllRows(encoding))
    return std::max<int64_t>(rows, 1);
  if (!encoding.stored)
    return encoding.groupRows;
  int64_t block = encoding.stored->groupSize;
  return block / std::gcd(block, encoding.groupCount(columns));
}

/// Signed codes have zero points and minima of both signs.
static std::string explainSignRefusal(const Encoding &encoding) {
  const IntegerFormat *element = encoding.element.integer();
  bool hasZeroPoint = encoding.zeroPoint == ZeroPointKind::Fractional;
  if (!(hasZeroPoint || encoding.hasMinimum) || !element ||
      element->kind == IntegerKind::Unsigned ||
      !storesUnsignedParameters(encoding))
    return {};
  return std::string(hasZeroPoint ? "zero points" : "minima") +
         " of signed codes need to be stored as codes of both signs, found "
         "codes of one";
}

Status findParameters(const float *weights, int64_t firstRow, int64_t endRow,
                      const QuantizeOptions &options, QuantizedMatrix &matrix) {
  if (std::string problem = checkEncoding(matrix.encoding); !problem.empty())
    return {problem};
  if (std::string problem = explainColumnRefusal(matrix.encoding);
      !problem.empty())
    return {problem};
  if (needsAllRows(matrix.encoding) && (firstRow != 0 || endRow != matrix.rows))
    return {"one scale per tensor needs all " + std::to_string(matrix.rows) +
            " rows at once, found rows " + std::to_string(firstRow) + " to " +
            std::to_string(endRow)};
  if (matrix.encoding.element.tableOwner() != TableOwner::Format)
    return {"parameters beside a matrix' own table are found with it, found a "
            "request for them alone"};
  if (std::string problem = explainSignRefusal(matrix.encoding);
      !problem.empty())
    return {problem};
  if (matrix.encoding.groupRows > 1)
    return findBlockParameters(weights, firstRow, endRow, options, matrix);
  Status status =
      needsTable(matrix.encoding)
          ? findTableScales(weights, firstRow, endRow, options, matrix)
          : ParameterFinder(weights, firstRow, endRow, options, matrix).run();
  if (!status.ok() || !matrix.encoding.stored)
    return status;
  return quantizeParameters(weights, firstRow, endRow, options, matrix);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

void assignCodes(const float *weights, int64_t firstRow, int64_t endRow,
                 QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  if (needsTable(encoding))
    return assignTableCodes(weights, firstRow, endRow, matrix);
  const GroupKernels &kernels = groupKernels();
  GroupProblem problem = problemOf(encoding, ScaleSearch::AbsMax);
  auto firstCode =
      static_cast<uint8_t>(encoding.element.integer()->firstCode());
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  for (int64_t row = firstRow; row < endRow; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      int64_t index = encoding.parameterIndex(row, group, groups);
      int64_t column = group * size;
      kernels.assignCodes(
          problem, weights + (row - firstRow) * matrix.columns + column,
          std::min(size, matrix.columns - column), matrix.scales[index],
          matrix.zeroPoints.empty() ? 0 : matrix.zeroPoints[index],
          matrix.minima.empty() ? 0 : matrix.minima[index], firstCode,
          matrix.codes.data() + row * matrix.columns + column);
    }
}

uint32_t nearestCode(const Encoding &encoding, float weight, float scale,
                     float zeroPoint, float minimum) {
  const IntegerFormat &element = *encoding.element.integer();
  float place = scale == 0 ? zeroPoint : (weight - minimum) / scale + zeroPoint;
  if (element.step() != 1)
    return place > 0;
  auto first = static_cast<float>(element.decode(element.firstCode()));
  auto last = static_cast<float>(element.decode(element.codeCount() - 1));
  float number = std::nearbyint(std::min(std::max(place, first), last));
  return element.firstCode() + static_cast<uint32_t>(number - first);
}

//===----------------------------------------------------------------------===//
// Both
//===----------------------------------------------------------------------===//

Status quantizeRows(const float *weights, int64_t firstRow, int64_t endRow,
                    const QuantizeOptions &options, QuantizedMatrix &matrix) {
  if (matrix.encoding.element.tableOwner() != TableOwner::Format)
    return quantizeRowsWithTables(weights, firstRow, endRow, options, nullptr,
                                  matrix);
  if (Status status =
          findParameters(weights, firstRow, endRow, options, matrix);
      !status.ok())
    return status;
  assignCodes(weights, firstRow, endRow, matrix);
  return Status::success();
}

Status quantize(const float *weights, int64_t rows, int64_t columns,
                const Encoding &encoding, const QuantizeOptions &options,
                QuantizedMatrix &result) {
  if (std::string problem = checkEncoding(encoding); !problem.empty())
    return {problem};
  result.reset(encoding, rows, columns);
  return quantizeRows(weights, 0, rows, options, result);
}

} // namespace lowbit::numerics
