//===- compile.mjs - a strict program of TypeScript and a module ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: compile.mjs PROGRAM.mts MODULE.d.ts...
//
// Compiles the program with all that TypeScript has of strictness, beside the
// modules that it imports; the JavaScript goes beside it. Prints what the compiler
// finds wrong, also where it finds nothing wrong and `@ts-expect-error` says that it
// must, and names that the modules declare and the program makes no use of.
//===----------------------------------------------------------------------===//

import { resolve } from "node:path";
import { check, finish } from "./checks.mjs";
import { compile, findUnused } from "./types.mjs";

const [user, ...modules] = process.argv.slice(2).map((file) => resolve(file));
const { program, problems } = compile(user, ...modules);
for (const problem of problems)
  check(problem, false);
if (!problems.length)
  program.emit();
for (const module of modules)
  for (const name of findUnused(program, module, user))
    check(`${name} is declared, and the program makes no use of it`, false);
check("there are modules", modules.length > 0);
finish();
