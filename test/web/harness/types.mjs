//===- types.mjs - what declarations of modules say -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations are compiled by nobody who writes a module, so that they could say
// anything. Here TypeScript reads them: programs are compiled with them, and
// values that modules gave are compared with them.
//
//===----------------------------------------------------------------------===//

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const HARNESS = dirname(fileURLToPath(import.meta.url));

const OPTIONS = {
  strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
  noImplicitOverride: true, noUnusedLocals: true, skipLibCheck: false,
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  typeRoots: [join(HARNESS, "node_modules", "@webgpu")], types: ["types"],
};

/** A program of TypeScript, and its problems as lines of text. */
export function compile(...files) {
  const program = ts.createProgram(files, OPTIONS);
  const problems = ts.getPreEmitDiagnostics(program).map(({ file, start, code, messageText }) => {
    const line = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : "";
    return `${line}TS${code}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  return { program, problems };
}

/** What the declarations of `file` export, by name: the symbols of a program. */
function listExports(program, file) {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return { checker, symbols: checker.getExportsOfModule(module) };
}

/** Every name that `file` declares, with what it is declared in. */
function* listDeclared(program, file) {
  const { symbols } = listExports(program, file);
  const visit = function* (node, path) {
    const isNamed = ts.isPropertySignature(node) || ts.isMethodSignature(node) ||
      ts.isPropertyDeclaration(node) || ts.isMethodDeclaration(node);
    const name = isNamed ? `${path}.${node.name.getText()}` : path;
    if (isNamed)
      yield { name, node };
    // What a callback's type or a nested object names is declared, too.
    for (const child of node.getChildren())
      yield* visit(child, name);
  };
  for (const symbol of symbols)
    for (const node of symbol.declarations) {
      yield { name: symbol.name, node };
      yield* visit(node, symbol.name);
    }
}

/** The types of which one is meant. */
const listParts = (type) => type?.isUnion() ? type.types : type ? [type] : [];

/** Names that `file` declares and the program's file `user` makes no use of. */
export function findUnused(program, file, user) {
  const checker = program.getTypeChecker(), used = new Set();
  const note = (symbol) => {
    for (const node of symbol?.declarations ?? [])
      used.add(node);
    // What an import or a type's property stands for.
    if (symbol && symbol.flags & ts.SymbolFlags.Alias)
      note(checker.getAliasedSymbol(symbol));
  };
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      note(checker.getSymbolAtLocation(node));
      const { parent } = node;
      // A name in an object, or taken out of one, is that of the type around it.
      if (ts.isPropertyAssignment(parent) || ts.isShorthandPropertyAssignment(parent) || ts.isMethodDeclaration(parent))
        listParts(checker.getContextualType(parent.parent)).forEach((part) => note(part.getProperty(node.text)));
      if (ts.isBindingElement(parent))
        note(checker.getTypeAtLocation(parent.parent).getProperty((parent.propertyName ?? parent.name).text));
    }
    ts.forEachChild(node, visit);
  };
  visit(program.getSourceFile(user));
  return [...listDeclared(program, file)].filter(({ node }) => !used.has(node)).map(({ name }) => name);
}

/** Compares values of a running module with the declarations in `file`. */
export class Declarations {
  constructor(file) {
    const { program, problems } = compile(file);
    if (problems.length)
      throw new Error(problems.join("\n"));
    const { checker, symbols } = listExports(program, file);
    Object.assign(this, { checker, symbols: new Map(symbols.map((symbol) => [symbol.name, symbol])) });
  }

  get names() {
    return [...this.symbols.keys()];
  }

  /** Names of values: classes and functions. */
  get values() {
    return this.names.filter((name) => this.symbols.get(name).flags & ts.SymbolFlags.Value);
  }

  getType(name) {
    return this.checker.getDeclaredTypeOfSymbol(this.symbols.get(name));
  }

  /** Properties of an interface. */
  listProperties(name) {
    return this.getType(name).getProperties().map((property) => property.name);
  }

  /** Properties of what a function takes. */
  listOptions(name) {
    const [{ parameters: [options] }] = this.checker.getTypeOfSymbol(this.symbols.get(name)).getCallSignatures();
    return this.checker.getNonNullableType(this.checker.getTypeOfSymbol(options)).getProperties().map((property) => property.name);
  }

  /** The texts that a property, such as the `code` of an error, may be. */
  listTexts(name, property) {
    const type = this.checker.getTypeOfSymbol(this.getType(name).getProperty(property));
    return type.types.map(({ value }) => value);
  }

  /** What of `value` is not as declared, as lines of text; nothing where all is. */
  compare(value, name) {
    return [...this.differ(value, this.getType(name), name)];
  }

  *differ(value, type, path) {
    const { checker } = this;
    const say = () => `${path}: ${checker.typeToString(type)} is declared, found ` +
      (typeof value === "object" ? value?.constructor?.name ?? String(value) : `${typeof value} ${String(value)}`);
    if (type.isUnion()) {
      // The parts of an output are told apart by their arrays.
      const differences = type.types.map((part) => [...this.differ(value, part, path)]);
      if (!differences.some(({ length }) => length === 0))
        yield type.types.length > 2 ? say() : differences.reduce((a, b) => a[0]?.startsWith(`${path}.`) ? a : b)[0] ?? say();
    } else if (type.isIntersection()) {
      for (const part of type.types)
        yield* this.differ(value, part, path);
    } else if (type.isLiteral()) {
      if (value !== type.value)
        yield say();
    } else if (type.flags & (ts.TypeFlags.Number | ts.TypeFlags.String | ts.TypeFlags.Boolean | ts.TypeFlags.BooleanLiteral |
        ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Void)) {
      const is = checker.typeToString(type);
      if (String(value) !== is && typeof value !== (is === "void" ? "undefined" : is))
        yield say();
    } else {
      yield* this.differInObject(value, type, path, say);
    }
  }

  *differInObject(value, type, path, say) {
    const { checker } = this;
    if (typeof value !== "object" && typeof value !== "function" || value === null) {
      yield say();
      return;
    }
    if (checker.isArrayType(type) || checker.isTupleType(type)) {
      if (!Array.isArray(value) || (checker.isTupleType(type) && value.length !== type.target.fixedLength)) {
        yield say();
        return;
      }
      const elements = checker.getTypeArguments(type);
      for (const [i, element] of value.entries())
        yield* this.differ(element, elements[i] ?? elements[0], `${path}[${i}]`);
      return;
    }
    // Those of the language, such as Float32Array and Promise.
    const builtin = globalThis[type.symbol?.name];
    if (typeof builtin === "function" && type.symbol.name !== "Object") {
      if (!(value instanceof builtin))
        yield say();
      return;
    }
    yield* this.differInProperties(value, type, path);
  }

  *differInProperties(value, type, path) {
    const { checker } = this;
    const declared = new Map(type.getProperties().map((property) => [property.name, property]));
    for (const [name, property] of declared) {
      const isMethod = property.flags & ts.SymbolFlags.Method;
      if (property.flags & ts.SymbolFlags.Optional && value[name] === undefined)
        continue;
      if (!(name in value))
        yield `${path}.${name} is declared, and not there`;
      else if (isMethod && typeof value[name] !== "function")
        yield `${path}.${name} is declared as a method, and is none`;
      else if (!isMethod)
        yield* this.differ(value[name], checker.getTypeOfSymbol(property), `${path}.${name}`);
    }
    // Plain data has nothing else; instances of classes have what is theirs.
    if (Object.getPrototypeOf(value) === Object.prototype)
      for (const name of Object.keys(value))
        if (!declared.has(name))
          yield `${path}.${name} is there, and not declared`;
  }
}
