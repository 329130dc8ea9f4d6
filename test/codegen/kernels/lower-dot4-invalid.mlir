// RUN: quant-opt %s --verify-diagnostics --lowbit-lower-dot4

module attributes {lowbit.target = #lowbit.cpu<avx2>} {
  func.func @lanes(%a: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
    // expected-error @+1 {{requires 8 lanes for the target avx2, found 16}}
    %r = lowbit.dot4 %a, %u, %s : vector<16xi32>, vector<64xi8>
    return %r : vector<16xi32>
  }
}
