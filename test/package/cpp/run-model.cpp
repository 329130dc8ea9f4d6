//===- run-model.cpp - a model to 4 bits in one call, and run -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <lowbit/Compiler.h>

#include <llvm/Support/Error.h>
#include <llvm/Support/raw_ostream.h>

int main(int argc, char **argv) {
  llvm::ExitOnError check("run-model: ");
  lowbit::CompileOptions options;
  options.method = "int4-g4";
  auto model = check(lowbit::compileToModel(argv[1], options));

  auto x = lowbit::HostTensor::allocate(lowbit::ElementType::F32, {1, 4});
  x.getMutableAs<float>()[2] = 0.1f;
  std::vector<lowbit::HostTensor> outputs = check(model->run({x}));
  llvm::outs() << outputs[0].describe() << ": "
               << llvm::format("%.4f %.4f\n", outputs[0].getElement(0),
                               outputs[0].getElement(1));

  // The same as files for later, with the weights in the layout of a CPU.
  if (argc > 2) {
    options.cpu = "portable";
    check(lowbit::compileToArtefact(argv[1], argv[2], options,
                                    lowbit::Phase::Pack));
  }
  return 0;
}
