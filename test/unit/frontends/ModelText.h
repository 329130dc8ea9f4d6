//===- ModelText.h - small ONNX models written as text ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tests state models in protobuf's text format and look at the text of the
// imported module, or at the error.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_FRONTENDS_MODELTEXT_H
#define LOWBIT_TEST_UNIT_FRONTENDS_MODELTEXT_H

#include "lowbit/Frontends/ONNX.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>

namespace lowbit::testing {

/// A fresh folder, removed with everything in it.
class Folder {
public:
  Folder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("lowbit-onnx", path));
  }
  ~Folder() { llvm::sys::fs::remove_directories(path); }

  std::string operator/(llvm::StringRef name) const {
    llvm::SmallString<128> file = path;
    llvm::sys::path::append(file, name);
    return std::string(file);
  }
  /// Writes `bytes` to file `name` and returns its path.
  std::string write(llvm::StringRef name, llvm::StringRef bytes) const {
    std::string file = *this / name;
    std::error_code error;
    llvm::raw_fd_ostream stream(file, error);
    EXPECT_FALSE(error);
    stream << bytes;
    return file;
  }

private:
  llvm::SmallString<128> path;
};

/// The model with the graph written in `graph`, of operator set `opset`.
inline onnx::ModelProto parseModel(const std::string &graph, int opset = 17) {
  onnx::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      graph, model.mutable_graph()));
  model.set_ir_version(8);
  auto *import = model.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  return model;
}

/// Text of an input or output: `io("input", "x", 1, {"1", "seq"})` with an ONNX
/// element type; numbers are extents, anything else is a symbol.
inline std::string io(const std::string &field, const std::string &name,
                      int type, std::initializer_list<const char *> dims) {
  std::string text = field + " { name: '" + name +
                     "' type { tensor_type { "
                     "elem_type: " +
                     std::to_string(type) + " shape { ";
  for (llvm::StringRef dim : dims) {
    int64_t number;
    text += dim.getAsInteger(10, number)
                ? "dim { dim_param: '" + dim.str() + "' } "
                : "dim { dim_value: " + dim.str() + " } ";
  }
  return text + "} } } }\n";
}

/// Text of a node with attributes in text format.
inline std::string node(const std::string &op,
                        std::initializer_list<const char *> inputs,
                        const std::string &output,
                        const std::string &attributes = "",
                        const std::string &name = "") {
  std::string text = "node { op_type: '" + op + "' output: '" + output + "' ";
  for (const char *input : inputs)
    text += "input: '" + std::string(input) + "' ";
  if (!name.empty())
    text += "name: '" + name + "' ";
  return text + attributes + "}\n";
}

/// Text of an attribute that holds integers; `type` is INT or INTS.
inline std::string attribute(const std::string &name, const std::string &type,
                             std::initializer_list<int> values) {
  std::string text = "attribute { name: '" + name + "' type: " + type + " ";
  for (int value : values)
    text += (type == "INT" ? "i: " : "ints: ") + std::to_string(value) + " ";
  return text + "} ";
}

/// Text of an int64 vector initializer.
inline std::string integers(const std::string &name,
                            std::initializer_list<int64_t> values) {
  std::string text = "initializer { name: '" + name +
                     "' data_type: 7 dims: " + std::to_string(values.size()) +
                     " ";
  for (int64_t value : values)
    text += "int64_data: " + std::to_string(value) + " ";
  return text + "}\n";
}

/// The imported module as text, or `error: ` and the message.
inline std::string importFile(const std::string &path,
                              const ONNXImportOptions &options = {}) {
  mlir::MLIRContext context;
  auto module = importONNX(path, context, options);
  if (!module)
    return "error: " + llvm::toString(module.takeError());
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*module)->print(stream);
  return text;
}

inline std::string importModel(const onnx::ModelProto &model,
                               const ONNXImportOptions &options = {}) {
  Folder folder;
  return importFile(folder.write("model.onnx", model.SerializeAsString()),
                    options);
}

inline std::string importGraph(const std::string &graph, int opset = 17,
                               const ONNXImportOptions &options = {}) {
  return importModel(parseModel(graph, opset), options);
}

/// How often `part` occurs in `text`.
inline size_t count(llvm::StringRef text, llvm::StringRef part) {
  return text.count(part);
}

} // namespace lowbit::testing

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE(std::string(text).find(part), std::string::npos) << text
#define EXPECT_LACKS(text, part)                                               \
  EXPECT_EQ(std::string(text).find(part), std::string::npos) << text

#endif // LOWBIT_TEST_UNIT_FRONTENDS_MODELTEXT_H
