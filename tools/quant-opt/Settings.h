//===- Settings.h - options of the library ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_SETTINGS_H
#define LOWBIT_TOOLS_QUANTOPT_SETTINGS_H

#include "Driver.h"
#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/Profile.h"
#include "lowbit/Tools/Program.h"

namespace lowbit {

/// The form of a program, for what is code.
std::optional<ProgramForm> getProgramForm(EmitKind kind);
bool isCode(EmitKind kind);

/// What the command line says of compiling a model, of writing it as a program,
/// and of reading it.
CompileOptions compileOptions(const DriverOptions &options, Profile *profile);
ProgramOptions programOptions(const DriverOptions &options,
                              llvm::StringRef input);
LoadOptions loadOptions(const DriverOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_SETTINGS_H
