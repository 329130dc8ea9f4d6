//===- PageResult.cpp - what a page sends back ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageResult.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/PrintableText.h"
#include "lowbit/Transforms/JsonText.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;

/// `value` as errors show it.
static std::string showValue(const llvm::json::Value *value) {
  constexpr size_t kLength = 40;
  if (!value)
    return "none";
  std::string text = llvm::formatv("{0}", *value).str();
  if (text.size() > kLength)
    text = text.substr(0, kLength) + "...";
  return makePrintable(text);
}

/// What a browser says in several lines, such as of a shader, in one.
static std::string joinLines(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> lines;
  text.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef &line : lines)
    line = line.trim();
  return makePrintable(llvm::join(lines, " / "));
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

llvm::Expected<std::pair<std::string, HostTensor>>
lowbit::parsePageOutput(llvm::StringRef text) {
  auto [line, bytes] = text.split('\n');
  auto head = parseJson(line, "an output's description");
  if (!head)
    return head.takeError();
  const llvm::json::Object *object = head->getAsObject();
  auto name = object ? object->getString("name") : std::nullopt;
  const llvm::json::Array *extents =
      object ? object->getArray("shape") : nullptr;
  if (!name || !extents)
    return makeError("the page requires an output's name and shape, found " +
                     showValue(&*head));
  // Those that a module has for JavaScript.
  using Type = std::optional<ElementType>;
  Type type = llvm::StringSwitch<Type>(object->getString("type").value_or(""))
                  .Case("f32", ElementType::F32)
                  .Case("i32", ElementType::I32)
                  .Case("i64", ElementType::I64)
                  .Case("i1", ElementType::Bool)
                  .Case("i8", ElementType::I8)
                  .Case("i16", ElementType::I16)
                  .Case("u8", ElementType::U8)
                  .Case("u16", ElementType::U16)
                  .Case("u32", ElementType::U32)
                  .Case("u64", ElementType::U64)
                  .Default(std::nullopt);
  if (!type)
    return makeError("the page requires f32, i1, or an integer of 8 to 64 bits "
                     "as the type of output '" +
                     *name + "', found " + showValue(object->get("type")));
  llvm::SmallVector<int64_t> shape;
  for (const llvm::json::Value &extent : *extents)
    shape.push_back(getJsonInteger(&extent).value_or(-1));
  if (getByteSize(*type, shape) != bytes.size())
    return makeError("the page requires an output's bytes to be of its type "
                     "and shape, found " +
                     llvm::Twine(bytes.size()) + " of them for " +
                     showValue(&*head));
  HostTensor tensor = HostTensor::allocate(*type, shape);
  llvm::copy(bytes, tensor.getMutableBytes().begin());
  return std::make_pair(name->str(), std::move(tensor));
}

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

/// Beyond it, JavaScript's numbers aren't exact, and C++ has no integer for
/// some of them.
static constexpr double kLargest = 9007199254740992;

static llvm::Error rejectField(const llvm::Twine &place,
                               const llvm::Twine &required,
                               const llvm::json::Value *found) {
  return makeError("the page's result: requires " + required + " as '" + place +
                   "', found " + showValue(found));
}

/// Fails if a number within `value` is beyond what figures are made of.
static llvm::Error checkNumbers(const llvm::json::Value &value,
                                const llvm::Twine &place) {
  if (auto number = value.getAsNumber())
    return std::abs(*number) <= kLargest
               ? llvm::Error::success()
               : rejectField(place, "a number of at most 2^53", &value);
  if (const llvm::json::Array *array = value.getAsArray())
    for (auto [i, element] : llvm::enumerate(*array))
      if (llvm::Error error =
              checkNumbers(element, place + "[" + llvm::Twine(i) + "]"))
        return error;
  if (const llvm::json::Object *object = value.getAsObject())
    for (const auto &[key, field] : *object)
      if (llvm::Error error =
              checkNumbers(field, place + "." + llvm::StringRef(key)))
        return error;
  return llvm::Error::success();
}

/// A time or a size.
static llvm::Expected<double> readNumber(const llvm::json::Value &value,
                                         const llvm::Twine &place) {
  auto number = value.getAsNumber();
  if (number && *number >= 0 && *number <= kLargest)
    return *number;
  return rejectField(place, "a number from 0 to 2^53", &value);
}

static llvm::Expected<uint64_t> readCount(const llvm::json::Value &value,
                                          const llvm::Twine &place,
                                          uint64_t largest) {
  auto count = getJsonInteger(&value);
  if (count && *count >= 0 && uint64_t(*count) <= largest)
    return uint64_t(*count);
  return rejectField(place, "an integer from 0 to " + llvm::Twine(largest),
                     &value);
}

/// Puts what `read` makes of the field into `result`, unless it is missing or
/// null.
template <typename Result, typename Read>
static llvm::Error readOptional(const llvm::json::Object &fields,
                                llvm::StringRef key, Result &result,
                                Read read) {
  const llvm::json::Value *value = fields.get(key);
  if (!value || value->getAsNull())
    return llvm::Error::success();
  return read(*value, key).moveInto(result);
}

/// Appends what `read` makes of each element to `results`. The field may be
/// missing.
template <typename Result, typename Read>
static llvm::Error readList(const llvm::json::Object &fields,
                            llvm::StringRef key, std::vector<Result> &results,
                            Read read) {
  const llvm::json::Value *value = fields.get(key);
  if (!value)
    return llvm::Error::success();
  const llvm::json::Array *array = value->getAsArray();
  if (!array)
    return rejectField(key, "a list", value);
  for (auto [i, element] : llvm::enumerate(*array)) {
    auto result = read(element, key + "[" + llvm::Twine(i) + "]");
    if (!result)
      return result.takeError();
    results.push_back(Result(*result));
  }
  return llvm::Error::success();
}

static llvm::Error readFields(llvm::json::Object &fields,
                              WebRunResult &result) {
  llvm::json::Value *report = fields.get("report");
  if (!report || !report->getAsObject())
    return rejectField("report", "an object", report);
  if (llvm::Error error = checkNumbers(*report, "report"))
    return error;
  result.report = std::move(*report->getAsObject());
  result.agent = fields.getString("agent").value_or("").str();
  auto readSize = [](const llvm::json::Value &value, const llvm::Twine &place) {
    return readCount(value, place, uint64_t(kLargest));
  };
  auto readWord = [](const llvm::json::Value &value, const llvm::Twine &place) {
    return readCount(value, place, UINT32_MAX);
  };
  if (auto error =
          readList(fields, "milliseconds", result.milliseconds, readNumber))
    return error;
  if (auto error = readList(fields, "tokens", result.tokens, readWord))
    return error;
  if (auto error = readOptional(fields, "promptMilliseconds",
                                result.promptMilliseconds, readNumber))
    return error;
  if (auto error =
          readOptional(fields, "promptTokens", result.promptTokens, readWord))
    return error;
  if (auto error =
          readOptional(fields, "heapBefore", result.heapBefore, readSize))
    return error;
  return readOptional(fields, "heapAfter", result.heapAfter, readSize);
}

llvm::Expected<WebRunResult> lowbit::parsePageResult(llvm::StringRef text,
                                                     llvm::StringRef module,
                                                     llvm::StringRef browser) {
  auto value = parseJson(text, "the page's result");
  if (!value)
    return value.takeError();
  llvm::json::Object *fields = value->getAsObject();
  if (!fields)
    return makeError("the page's result: requires an object");
  if (llvm::json::Object *error = fields->getObject("error"))
    return makeFileError(
        module,
        "the module failed in " + browser + ": " +
            joinLines(error->getString("message").value_or("no reason")) +
            " (" + makePrintable(error->getString("code").value_or("error")) +
            ")");
  WebRunResult result;
  if (llvm::Error error = readFields(*fields, result))
    return std::move(error);
  return std::move(result);
}
