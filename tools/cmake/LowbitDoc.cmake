#===- LowbitDoc.cmake - reference pages from the .td files -----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# `lowbit-doc` writes build/docs: the dialect's operations, types and attributes,
# its interfaces, and the passes with their options. Installed, too.
#===-----------------------------------------------------------------------===#
set(LOWBIT_DOC_DIR ${PROJECT_BINARY_DIR}/docs)
set(include_flags -I${MLIR_INCLUDE_DIRS})
set(td_files)
foreach(folder dialect passes codegen)
  list(APPEND include_flags -I${PROJECT_SOURCE_DIR}/${folder}/include)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/include/*.td)
  list(APPEND td_files ${found})
endforeach()

# lowbit_add_doc(page td generator...)
function(lowbit_add_doc page td)
  set(output ${LOWBIT_DOC_DIR}/${page}.md)
  add_custom_command(OUTPUT ${output}
    COMMAND mlir-tblgen ${ARGN} ${include_flags} ${PROJECT_SOURCE_DIR}/${td} -o ${output}
    DEPENDS ${td_files}
    COMMENT "Writing docs/${page}.md")
  set_property(GLOBAL APPEND PROPERTY LOWBIT_DOC_PAGES ${output})
endfunction()

file(MAKE_DIRECTORY ${LOWBIT_DOC_DIR})
lowbit_add_doc(Dialect dialect/include/lowbit/IR/LowbitOps.td -gen-dialect-doc -dialect=lowbit)
lowbit_add_doc(TableOps dialect/include/lowbit/IR/LowbitTableOps.td -gen-op-doc)
lowbit_add_doc(WordOps dialect/include/lowbit/IR/LowbitWordOps.td -gen-op-doc)
lowbit_add_doc(GPUOps dialect/include/lowbit/IR/LowbitGPUOps.td -gen-op-doc)
lowbit_add_doc(Interfaces dialect/include/lowbit/IR/LowbitInterfaces.td -gen-attr-interface-docs)
lowbit_add_doc(Passes passes/include/lowbit/Transforms/Passes.td -gen-pass-doc)
lowbit_add_doc(CPUFunctionPasses codegen/include/lowbit/CodeGen/CPU/FunctionPasses.td -gen-pass-doc)
lowbit_add_doc(CPUKernelPasses codegen/include/lowbit/CodeGen/CPU/KernelPasses.td -gen-pass-doc)
lowbit_add_doc(CPUPasses codegen/include/lowbit/CodeGen/CPU/Passes.td -gen-pass-doc)
lowbit_add_doc(WGSLPasses codegen/include/lowbit/CodeGen/WGSL/Passes.td -gen-pass-doc)
lowbit_add_doc(GPUPasses codegen/include/lowbit/CodeGen/GPU/Passes.td -gen-pass-doc)
lowbit_add_doc(WebPasses codegen/include/lowbit/CodeGen/Web/Passes.td -gen-pass-doc)
get_property(pages GLOBAL PROPERTY LOWBIT_DOC_PAGES)
add_custom_target(lowbit-doc ALL DEPENDS ${pages})
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_DOCDIR})
