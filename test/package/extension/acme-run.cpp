//===- acme-run.cpp - a model in a number format of one's own -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"
#include <llvm/Support/Format.h>
#include <llvm/Support/raw_ostream.h>
#include <lowbit/Compiler.h>

int main(int argc, char **argv) {
  llvm::ExitOnError check("acme-run: ");
  lowbit::CompileOptions options;
  options.method = "#lowbit.encoding<#acme.log<4>, group = 4, scale = f16>";
  lowbit::LoadOptions load;
  load.registerExtensions = acme::registerDialect;
  load.remarks = &llvm::errs();
  auto model = check(lowbit::compileToModel(argv[1], options, load));

  auto x = lowbit::HostTensor::allocate(lowbit::ElementType::F32, {1, 4});
  for (int k = 0; k < 4; ++k)
    x.getMutableAs<float>()[k] = float(k + 1);
  std::vector<lowbit::HostTensor> y = check(model->run({x}));
  llvm::outs() << llvm::format("%.1f %.1f, %.1f bits a weight\n",
                               y[0].getElement(0), y[0].getElement(1),
                               model->getWeightSize().getBitsPerWeight());
  // As files, the weights lie as the target of the module wants them.
  if (argc > 2)
    check(lowbit::compileToArtefact(argv[1], argv[2], options,
                                    lowbit::Phase::Pack, load));
  return 0;
}
