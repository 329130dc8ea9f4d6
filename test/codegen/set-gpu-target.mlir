// A GPU is described by what upstream describes it by.

// RUN: quant-opt %s -lowbit-set-gpu-target | FileCheck %s

// CHECK: module attributes {lowbit.target = #spirv.target_env<#spirv.vce<v1.3, [Shader], [SPV_KHR_storage_buffer_storage_class]>, api=Vulkan, #spirv.resource_limits<>>}
module {}
