#===- LowbitInstall.cmake - what others get --------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# `cmake --install`: libraries, headers with what TableGen made of them, .td
# files, tools, the plugin, and a package for find_package(Lowbit).
# lowbit_add_library and lowbit_add_tool have collected the targets.
#===-----------------------------------------------------------------------===#
include(CMakePackageConfigHelpers)

get_property(targets GLOBAL PROPERTY LOWBIT_INSTALLED_TARGETS)
install(TARGETS ${targets} EXPORT LowbitTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

foreach(folder dialect passes codegen tools)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/include/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
  if(EXISTS ${PROJECT_BINARY_DIR}/${folder}/include)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/${folder}/include/
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
      FILES_MATCHING PATTERN "*.h.inc" PATTERN "CMakeFiles" EXCLUDE)
  endif()
endforeach()
install(FILES LICENSE dialect/GUIDE.md dialect/SPEC.md dialect/RATIONALE.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Whether a library of this project leans on LLVM or MLIR.
function(lowbit_needs_mlir target result)
  get_target_property(links ${target} LINK_LIBRARIES)
  foreach(link ${links})
    set(needs FALSE)
    if(link MATCHES "^(MLIR|LLVM)$")
      set(needs TRUE)
    elseif(link IN_LIST targets)
      lowbit_needs_mlir(${link} needs)
    endif()
    if(needs)
      set(${result} TRUE PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} FALSE PARENT_SCOPE)
endfunction()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Lowbit)
set(LOWBIT_LIBRARIES)
set(LOWBIT_PLAIN_LIBRARIES)
foreach(target ${targets})
  get_target_property(type ${target} TYPE)
  get_target_property(name ${target} EXPORT_NAME)
  if(type STREQUAL "STATIC_LIBRARY" OR type STREQUAL "SHARED_LIBRARY")
    list(APPEND LOWBIT_LIBRARIES ${name})
    lowbit_needs_mlir(${target} needs_mlir)
    if(NOT needs_mlir)
      list(APPEND LOWBIT_PLAIN_LIBRARIES ${name})
    endif()
  endif()
endforeach()
list(JOIN LOWBIT_LIBRARIES " " LOWBIT_LIBRARIES)
list(JOIN LOWBIT_PLAIN_LIBRARIES " " LOWBIT_PLAIN_LIBRARIES)
configure_package_config_file(tools/cmake/LowbitConfig.cmake.in
  ${PROJECT_BINARY_DIR}/LowbitConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_BINDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/LowbitConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/LowbitConfig.cmake
  ${PROJECT_BINARY_DIR}/LowbitConfigVersion.cmake
  tools/cmake/FindOnnxProto.cmake
  DESTINATION ${package_dir})
install(EXPORT LowbitTargets NAMESPACE Lowbit:: DESTINATION ${package_dir})
