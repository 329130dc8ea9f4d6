// RUN: quant-opt %s --lowbit-lower-lut --verify-diagnostics

module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  func.func @f(%i: vector<16xi8>) -> vector<16xi8> {
    // expected-error @+1 {{requires 32 bytes for the target avx2, found 16}}
    %r = lowbit.lut %i, [1, 2] : vector<16xi8>
    return %r : vector<16xi8>
  }
}
