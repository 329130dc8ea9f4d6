//===- ModelMutator.cpp - other ONNX models -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Protobuf's reflection lists what a message holds; a mutation picks a message
// and one of its fields, and gives that another value of its type. Names often
// become other names of the model, which connects nodes in new ways.
//
//===----------------------------------------------------------------------===//

#include "ModelMutator.h"
#include "Fuzz.h"
#include <cmath>
#include <cstring>
#include <google/protobuf/message.h>
#include <limits>
#include <onnx/onnx_pb.h>
#include <random>
#include <vector>

using namespace lowbit;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

using Random = std::minstd_rand;

size_t below(Random &random, size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

template <typename Range>
const auto &choose(Random &random, const Range &range) {
  return range[below(random, std::size(range))];
}

constexpr int64_t kIntegers[] = {
    0,         1,   2,    3,     4,       5,         7,         8,
    12,        16,  17,   21,    22,      32,        64,        127,
    128,       255, 4096, 65536, 1 << 30, INT32_MAX, 1LL << 32, 1LL << 48,
    INT64_MAX, -1,  -2,   -3,    -4,      -65536,    INT32_MIN, INT64_MIN};
constexpr double kFloats[] = {0.0,
                              1.0,
                              -1.0,
                              0.5,
                              1e-5,
                              1e38,
                              -1e300,
                              std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()};

/// The messages and strings of a model.
struct Parts {
  std::vector<Message *> messages;
  std::vector<std::string> strings;

  explicit Parts(Message &root) { collect(root, 0); }

private:
  void collect(Message &message, unsigned depth) {
    constexpr unsigned kDepth = 16;
    if (depth == kDepth)
      return;
    messages.push_back(&message);
    const Reflection *reflection = message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      int count =
          field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        for (int i = 0; i < count; ++i)
          collect(field->is_repeated()
                      ? *reflection->MutableRepeatedMessage(&message, field, i)
                      : *reflection->MutableMessage(&message, field),
                  depth + 1);
      else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
        for (int i = 0; i < count; ++i)
          strings.push_back(
              field->is_repeated()
                  ? reflection->GetRepeatedString(message, field, i)
                  : reflection->GetString(message, field));
    }
  }
};

/// Changes one model.
class Mutator {
public:
  Mutator(Message &model, Random &random) : parts(model), random(random) {}

  /// Changes a field of some message.
  void mutate() {
    Message &message = *choose(random, parts.messages);
    const Reflection *reflection = message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection->ListFields(message, &fields);
    // Mostly a field that is there, for there are many that nobody reads.
    bool isNew = fields.empty() || below(random, 8) == 0;
    const auto *type = message.GetDescriptor();
    const FieldDescriptor *field =
        isNew ? type->field(below(random, type->field_count()))
              : choose(random, fields);
    if (field->is_repeated())
      mutateList(message, field);
    else if (!isNew && below(random, 8) == 0)
      reflection->ClearField(&message, field);
    else
      setValue(message, field);
  }

  /// Replaces or adds a message by one of the same type among `others`.
  void transplant(const Parts &others) {
    const Message &donor = *choose(random, others.messages);
    std::vector<Message *> same;
    for (Message *message : parts.messages)
      if (message->GetDescriptor() == donor.GetDescriptor())
        same.push_back(message);
    if (!same.empty())
      choose(random, same)->CopyFrom(donor);
  }

private:
  void mutateList(Message &message, const FieldDescriptor *field) {
    const Reflection *reflection = message.GetReflection();
    int count = reflection->FieldSize(message, field);
    size_t kind = count == 0 ? 0 : below(random, 6);
    if (kind == 0) {
      addValue(message, field);
    } else if (kind == 1) {
      reflection->SwapElements(&message, field, below(random, count),
                               count - 1);
      reflection->RemoveLast(&message, field);
    } else if (kind == 2) {
      reflection->SwapElements(&message, field, below(random, count),
                               below(random, count));
    } else {
      setElement(message, field, below(random, count));
    }
  }

  int64_t makeInteger(int64_t old) {
    if (below(random, 2))
      return choose(random, kIntegers);
    return static_cast<int64_t>(static_cast<uint64_t>(old) + below(random, 5) -
                                2);
  }

  std::string makeString(const std::string &old) {
    if (!parts.strings.empty() && below(random, 3))
      return choose(random, parts.strings);
    std::string text = old;
    text.resize(old.size() + 16);
    text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(text.data()),
                                 old.size(), text.size()));
    return text;
  }

  int makeEnum(const FieldDescriptor *field) {
    const auto *type = field->enum_type();
    // Numbers of types newer than the protobuf classes are values, too.
    return below(random, 4)
               ? type->value(below(random, type->value_count()))->number()
               : int(below(random, 32));
  }

  void setValue(Message &message, const FieldDescriptor *field) {
    const Reflection *reflection = message.GetReflection();
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(
          &message, field, makeInteger(reflection->GetInt32(message, field)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(
          &message, field, makeInteger(reflection->GetInt64(message, field)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->SetFloat(&message, field, choose(random, kFloats));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(&message, field, makeEnum(field));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(
          &message, field, makeString(reflection->GetString(message, field)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      reflection->MutableMessage(&message, field);
      return;
    default:
      return; // ONNX has no other single fields.
    }
  }

  void setElement(Message &message, const FieldDescriptor *field, int i) {
    const Reflection *reflection = message.GetReflection();
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetRepeatedInt32(
          &message, field, i,
          makeInteger(reflection->GetRepeatedInt32(message, field, i)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetRepeatedInt64(
          &message, field, i,
          makeInteger(reflection->GetRepeatedInt64(message, field, i)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetRepeatedUInt64(
          &message, field, i,
          makeInteger(reflection->GetRepeatedUInt64(message, field, i)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->SetRepeatedFloat(&message, field, i,
                                          choose(random, kFloats));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetRepeatedDouble(&message, field, i,
                                           choose(random, kFloats));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetRepeatedString(
          &message, field, i,
          makeString(reflection->GetRepeatedString(message, field, i)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      // Two of the list become alike; `mutate` reaches what is in them.
      reflection->MutableRepeatedMessage(&message, field, i)
          ->CopyFrom(reflection->GetRepeatedMessage(
              message, field,
              below(random, reflection->FieldSize(message, field))));
      return;
    default:
      return; // ONNX has no other lists.
    }
  }

  void addValue(Message &message, const FieldDescriptor *field) {
    const Reflection *reflection = message.GetReflection();
    int count = reflection->FieldSize(message, field);
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->AddInt32(&message, field, makeInteger(0));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->AddInt64(&message, field, makeInteger(0));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->AddUInt64(&message, field, makeInteger(0));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->AddFloat(&message, field, choose(random, kFloats));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->AddDouble(&message, field, choose(random, kFloats));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->AddString(&message, field, makeString(""));
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message *added = reflection->AddMessage(&message, field);
      if (count != 0)
        added->CopyFrom(reflection->GetRepeatedMessage(message, field,
                                                       below(random, count)));
      return;
    }
    default:
      return; // ONNX has no other lists.
    }
  }

  Parts parts;
  Random &random;
};

bool parse(onnx::ModelProto &model, llvm::StringRef bytes) {
  return model.ParsePartialFromArray(bytes.data(), bytes.size());
}

} // namespace

size_t fuzz::mutateModel(uint8_t *data, size_t size, size_t maxSize,
                         unsigned seed) {
  Random random(seed);
  onnx::ModelProto model;
  if (below(random, 8) == 0 || !parse(model, toText(data, size)))
    return LLVMFuzzerMutate(data, size, maxSize);
  for (size_t times = 1 + below(random, 3); times != 0; --times)
    Mutator(model, random).mutate();
  std::string bytes = model.SerializePartialAsString();
  if (bytes.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

size_t fuzz::mixModels(llvm::StringRef first, llvm::StringRef second,
                       uint8_t *out, size_t maxSize, unsigned seed) {
  Random random(seed);
  onnx::ModelProto model, other;
  if (!parse(model, first) || !parse(other, second))
    return 0;
  Mutator(model, random).transplant(Parts(other));
  std::string bytes = model.SerializePartialAsString();
  if (bytes.size() > maxSize)
    return 0;
  std::memcpy(out, bytes.data(), bytes.size());
  return bytes.size();
}
