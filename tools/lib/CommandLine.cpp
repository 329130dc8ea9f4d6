//===- CommandLine.cpp - Reading command lines ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/CommandLine.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Flags.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;
namespace cl = llvm::cl;

/// The name of a flag as it is given, with dashes and without a value.
static llvm::StringRef takeName(llvm::StringRef argument) {
  return argument.split('=').first;
}

static std::string spell(llvm::StringRef name) {
  return (name.size() == 1 ? "-" : "--") + name.str();
}

/// The option with the name that comes closest to `wanted`, if any does: one
/// letter in three may differ.
static llvm::StringRef findNearest(llvm::StringRef wanted) {
  llvm::StringRef nearest;
  unsigned least = wanted.size() / 3 + 1;
  for (const auto &entry : cl::getRegisteredOptions()) {
    llvm::StringRef name = entry.first;
    if (name.size() < 2)
      continue;
    unsigned distance =
        wanted.edit_distance(name, /*AllowReplacements=*/true, least);
    // The options are in no order; of several, name always the same one.
    bool isFirst = distance == least && !nearest.empty() && name < nearest;
    if (distance < least || isFirst) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

/// The error that no option is called as `argument` says.
static llvm::Error makeUnknownError(llvm::StringRef argument) {
  llvm::StringRef given = takeName(argument);
  llvm::StringRef nearest = findNearest(given.ltrim('-'));
  bool hasPasses = cl::getRegisteredOptions().contains("list-passes");
  return makeError(
      "requires options that --help lists" +
      llvm::Twine(hasPasses ? ", or passes that --list-passes does" : "") +
      ", found '" + given + "'" +
      (nearest.empty() ? std::string() : "; the nearest is " + spell(nearest)));
}

/// The error that `option`, which `given` values follow, needs more.
static llvm::Error makeMissingError(const cl::Option &option, size_t given) {
  std::string flag = spell(option.ArgStr);
  if (unsigned count = option.getNumAdditionalVals())
    return makeError(flag + " requires " + llvm::Twine(count) +
                     " values, found " + llvm::Twine(given));
  std::string form;
  if (!option.ValueStr.empty())
    form = (llvm::Twine(", ") + flag + (flag.size() == 2 ? " <" : "=<") +
            option.ValueStr + ">")
               .str();
  return makeError(flag + " requires a value" + form + ", found none");
}

/// Fails where the command line ends before an option has all its values. LLVM
/// prints that, in its own words, wherever its other errors go.
static llvm::Error checkValues(llvm::ArrayRef<char *> arguments) {
  const auto &options = cl::getRegisteredOptions();
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    if (argument == "--")
      break;
    if (!argument.starts_with("-"))
      continue;
    llvm::StringRef name = takeName(argument);
    const cl::Option *option = options.lookup(name.ltrim('-'));
    if (!option || option->getValueExpectedFlag() != cl::ValueRequired)
      continue;
    size_t needed = std::max(1u, option->getNumAdditionalVals());
    size_t attached = name.size() != argument.size();
    size_t following = arguments.size() - i - 1;
    if (attached + following < needed)
      return makeMissingError(*option, attached + following);
    i += needed - attached;
  }
  return llvm::Error::success();
}

/// LLVM's lines about the command line, each of which begins with the name of
/// the program, as one.
static std::string describeParseErrors(llvm::StringRef program,
                                       llvm::StringRef message) {
  std::string prefix = (llvm::sys::path::filename(program) + ": ").str();
  llvm::SmallVector<llvm::StringRef> lines;
  message.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef &line : lines)
    line.consume_front(prefix);
  return llvm::join(lines, " ");
}

llvm::Error lowbit::parseCommandLine(int argc, char **argv,
                                     llvm::StringRef overview) {
  if (llvm::Error error = checkValues(llvm::ArrayRef(argv, argc).drop_front()))
    return error;
  // LLVM keeps a pointer to it.
  static cl::list<std::string> unknown(cl::Sink);
  std::string message;
  llvm::raw_string_ostream errors(message);
  CapturedErrors captured;
  bool isParsed = cl::ParseCommandLineOptions(argc, argv, overview, &errors);
  std::string printed = captured.take();
  if (!isParsed) {
    // Of several values that LLVM's own options refuse, the first is enough.
    if (message.empty())
      message = llvm::StringRef(printed).split('\n').first.str();
    // Where nothing could be kept, it is printed already.
    if (message.empty())
      std::exit(EXIT_FAILURE);
    return makeError(describeParseErrors(argv[0], message));
  }
  llvm::errs() << printed;
  return unknown.empty() ? llvm::Error::success()
                         : makeUnknownError(unknown.front());
}

llvm::Error
lowbit::checkGivenOnce(llvm::function_ref<bool(const cl::Option &)> isOurs) {
  const cl::Option *repeated = nullptr;
  for (const auto &entry : cl::getRegisteredOptions()) {
    const cl::Option *option = entry.second;
    if (option->getNumOccurrences() < 2 ||
        option->getNumOccurrencesFlag() != cl::Optional || !isOurs(*option))
      continue;
    // The options are in no order; of several, name always the same one.
    if (!repeated || option->ArgStr < repeated->ArgStr)
      repeated = option;
  }
  if (!repeated)
    return llvm::Error::success();
  llvm::StringRef dashes = repeated->ArgStr.size() == 1 ? "-" : "--";
  return makeError(dashes + repeated->ArgStr +
                   " requires one value, found it " +
                   llvm::Twine(repeated->getNumOccurrences()) +
                   " times; leave all but one out");
}
