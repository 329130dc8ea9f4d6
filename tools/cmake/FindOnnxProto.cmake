#===- FindOnnxProto.cmake - the protobuf classes of ONNX models ------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Defines OnnxProto::onnx_proto. Debian's libonnx-dev has no package file of its
# own; its classes were generated with the two macros that the target carries.
# The build uses this, and the installed package ships it.
#===-----------------------------------------------------------------------===#
find_path(OnnxProto_INCLUDE_DIR onnx/onnx_pb.h)
find_library(OnnxProto_LIBRARY onnx_proto)
mark_as_advanced(OnnxProto_INCLUDE_DIR OnnxProto_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxProto
  REQUIRED_VARS OnnxProto_LIBRARY OnnxProto_INCLUDE_DIR)

if(OnnxProto_FOUND AND NOT TARGET OnnxProto::onnx_proto)
  add_library(OnnxProto::onnx_proto UNKNOWN IMPORTED)
  set_target_properties(OnnxProto::onnx_proto PROPERTIES
    IMPORTED_LOCATION "${OnnxProto_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OnnxProto_INCLUDE_DIR}"
    INTERFACE_COMPILE_DEFINITIONS "ONNX_NAMESPACE=onnx;ONNX_ML=1")
endif()
