//===- Attention.h - what operators of attention have in common -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents: B batch, H heads of the query, G heads of key and value, S queries,
// T keys, D and E numbers of a head.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_ATTENTION_H
#define LOWBIT_FRONTENDS_ONNX_ATTENTION_H

#include "Composer.h"

namespace lowbit::frontend {

struct Attention {
  Value query; ///< [B, H, S, D]
  Value key;   ///< [B, G, T, D]
  Value value; ///< [B, G, T, E]
  /// Added to the scores and broadcast to them; without a type if there is
  /// none.
  Value mask;
  double scale = 1;
  /// Scores become softcap * tanh(scores / softcap) before the mask; 0 is none.
  double softcap = 0;
  /// Query i sees keys up to i + T - S.
  bool causal = false;
  /// [1, H, 1, 1]: the score of one more key for each head, which has no value;
  /// without a type if there is none.
  Value sink;
};

/// Scores on their way through attention.
enum class Stage { Product, Capped, Masked, Weights };

/// softmax(scale * Q * K^T + mask) * V: [B, H, S, E]. Scores are f32 where
/// operands are 16-bit floats.
Value emitAttention(Composer &c, const Attention &attention);
/// The same, and in `scores` [B, H, S, T] what they are after `stage`.
Value emitAttention(Composer &c, const Attention &attention, Stage stage,
                    Value &scores);

/// Where com.microsoft's attention on a projection has its other inputs; -1 for
/// what it does not have.
struct ProjectedInputs {
  int mask, past, bias;
};

/// Columns of query, key and value in the projection by the weight at input
/// `weight`. Fails unless that is a matrix and input 0 has 3 dimensions.
Axes projectionSizes(Composer &c, int weight);
/// Defines the outputs of a node whose projection is `projected` [B, S, Q + K +
/// V].
void emitProjectedAttention(Composer &c, const Value &projected,
                            const Axes &sizes, const ProjectedInputs &inputs);
/// Why the attributes of com.microsoft's attention are not supported.
std::string refuseHeads(const Node &node);

/// [B, S, heads * D] as [B, heads, S, D].
Value splitHeads(Composer &c, const Value &x, const Expr &heads);
/// [B, heads, S, D] as [B, S, heads * D].
Value mergeHeads(Composer &c, const Value &x);
/// D^-0.5, or attribute `scale` if it is not 0.
double scaleOf(Composer &c, const Expr &headSize);

/// 0 where `keep` is true, else `otherwise`, as f32.
Value maskOf(Composer &c, const Value &keep, double otherwise);
/// Hides the keys behind `past` + i from query i; `past` is an integer or one
/// for each row, [B, 1, 1, 1].
Value causalMask(Composer &c, const Attention &attention, const Value &past);
/// The masks of two conditions or additions; either may be without a type.
Value joinMasks(Composer &c, const Value &a, const Value &b);

/// x rotated by angles whose cosines and sines are given, each [B or 1, S, R /
/// 2]; `x` is [B, H, S, D] with D >= R, and what is past R stays. Pairs are (i,
/// i + R / 2), or neighbours if `interleaved`.
Value rotate(Composer &c, const Value &x, const Value &cosines,
             const Value &sines, bool interleaved);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_ATTENTION_H
