//===- SineTerms.h - polynomials of sine and cosine -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The minimax polynomials of Cephes (sinf, cosf) for |r| <= pi/4, the
// coefficient of the highest power first:
//
//   sin r = r + r^3 S(r^2),    cos r = 1 - r^2 / 2 + r^4 C(r^2).
//
// How an argument is reduced to r is up to a target: it depends on whether it
// multiplies and adds with one rounding.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_SINETERMS_H
#define LOWBIT_REFERENCE_SINETERMS_H

namespace lowbit {

inline constexpr float kSineTerms[] = {-1.9515295891e-4f, 8.3321608736e-3f,
                                       -1.6666654611e-1f};
inline constexpr float kCosineTerms[] = {
    2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};

} // namespace lowbit

#endif // LOWBIT_REFERENCE_SINETERMS_H
