//===- RowTables.cpp - tables that belong to rows of weights --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowTables.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

void RowTables::bindArguments(Block::args_iterator &argument) {
  if (isNeeded(spec.encoding))
    memory = *argument++;
}

/// Row by row, the last one's table for those that there aren't.
Value RowTables::loadEach(Value row, Value rows) {
  int64_t lanes = spec.target->lanes();
  Value result = b.zero(b.bytes(lanes * size()));
  Value last = b.sub(rows, b.index(1));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    Value place = b.mul(b.min(b.add(row, lane), last), size());
    result = vector::InsertStridedSliceOp::create(
        b, b.load(memory, place, b.bytes(size())), result,
        ArrayRef<int64_t>{lane * size()}, ArrayRef<int64_t>{1});
  }
  return result;
}

Value RowTables::load(Value row, Value rows) {
  if (!memory)
    return {};
  bool isPerRow =
      spec.encoding.getElement().getTableOwner() == numerics::TableOwner::Row;
  int64_t lanes = spec.target->lanes(), count = isPerRow ? lanes : 1;
  VectorType type = b.bytes(count * size());
  Value tables;
  if (isPerRow) {
    Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                          b.add(row, lanes), rows);
    auto op = scf::IfOp::create(b, type, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    scf::YieldOp::create(b, b.load(memory, b.mul(row, size()), type));
    b.setInsertionPointToStart(op.elseBlock());
    scf::YieldOp::create(b, loadEach(row, rows));
    tables = op.getResult(0);
  } else {
    tables = b.load(memory, b.index(0), type);
  }
  return tables;
}
