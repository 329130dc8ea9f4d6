//===- Device.cpp - just enough of Vulkan to run kernels ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>
#include <tuple>
#include <vector>

using namespace lowbit;

static void check(VkResult result, const char *call) {
  if (result == VK_SUCCESS)
    return;
  llvm::errs() << "lowbit-vulkan-run: error: " << call << " gave "
               << static_cast<int>(result) << "\n";
  std::exit(1);
}
/// Nothing runs without a driver, which the loader or the driver itself misses.
[[noreturn]] static void failWithoutDevice() {
  llvm::errs()
      << "lowbit-vulkan-run: error: a Vulkan device is required, found "
         "none; name a driver with VK_ICD_FILENAMES\n";
  std::exit(1);
}
#define CHECK(call) check(call, #call)

/// A structure that says what it is; all else is zero.
template <typename Info> static Info makeInfo(VkStructureType type) {
  Info info = {};
  info.sType = type;
  return info;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
note(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
     const VkDebugUtilsMessengerCallbackDataEXT *data, void *messages) {
  *static_cast<std::string *>(messages) += data->pMessage;
  *static_cast<std::string *>(messages) += '\n';
  return VK_FALSE;
}

void Device::createInstance(bool validates) {
  auto watch = makeInfo<VkDebugUtilsMessengerCreateInfoEXT>(
      VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT);
  watch.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                          VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  watch.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
  watch.pfnUserCallback = note;
  watch.pUserData = &messages;
  auto application =
      makeInfo<VkApplicationInfo>(VK_STRUCTURE_TYPE_APPLICATION_INFO);
  application.apiVersion = VK_API_VERSION_1_1;
  const char *layer = "VK_LAYER_KHRONOS_validation";
  const char *extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  auto info =
      makeInfo<VkInstanceCreateInfo>(VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO);
  info.pApplicationInfo = &application;
  if (validates) {
    info.enabledLayerCount = info.enabledExtensionCount = 1;
    info.ppEnabledLayerNames = &layer;
    info.ppEnabledExtensionNames = &extension;
    info.pNext = &watch;
  }
  VkResult created = vkCreateInstance(&info, nullptr, &instance);
  if (created == VK_ERROR_INCOMPATIBLE_DRIVER)
    failWithoutDevice();
  check(created, "vkCreateInstance");
  if (!validates)
    return;
  auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
      vkGetInstanceProcAddr(instance, "vkCreateDebugUtilsMessengerEXT"));
  CHECK(create(instance, &watch, nullptr, &messenger));
}

static bool hasExtension(VkPhysicalDevice physical, llvm::StringRef name) {
  uint32_t count = 0;
  CHECK(
      vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, nullptr));
  std::vector<VkExtensionProperties> extensions(count);
  CHECK(vkEnumerateDeviceExtensionProperties(physical, nullptr, &count,
                                             extensions.data()));
  return llvm::any_of(extensions, [&](const VkExtensionProperties &extension) {
    return llvm::StringRef(extension.extensionName) == name;
  });
}

/// What the device says of features of one kind.
template <typename Features>
static Features queryFeatures(VkPhysicalDevice physical, VkStructureType type) {
  auto queried = makeInfo<Features>(type);
  auto features = makeInfo<VkPhysicalDeviceFeatures2>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2);
  features.pNext = &queried;
  vkGetPhysicalDeviceFeatures2(physical, &features);
  return queried;
}

/// Whether bytes of a word are multiplied as such by instructions.
static bool findPackedDot(VkPhysicalDevice physical) {
  return hasExtension(physical,
                      VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME) &&
         queryFeatures<VkPhysicalDeviceShaderIntegerDotProductFeatures>(
             physical,
             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES)
             .shaderIntegerDotProduct;
}

/// Whether shaders compute in f16.
static bool findHalf(VkPhysicalDevice physical) {
  return hasExtension(physical, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME) &&
         queryFeatures<VkPhysicalDeviceShaderFloat16Int8Features>(
             physical,
             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES)
             .shaderFloat16;
}

/// Whether shaders add up what invocations of a subgroup have.
static bool findSubgroups(VkPhysicalDevice physical) {
  auto subgroups = makeInfo<VkPhysicalDeviceSubgroupProperties>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES);
  auto properties = makeInfo<VkPhysicalDeviceProperties2>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2);
  properties.pNext = &subgroups;
  vkGetPhysicalDeviceProperties2(physical, &properties);
  return (subgroups.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
         (subgroups.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
}

/// The first type of memory with all `wanted` properties.
static uint32_t findMemory(VkPhysicalDevice physical,
                           VkMemoryPropertyFlags wanted) {
  VkPhysicalDeviceMemoryProperties memory;
  vkGetPhysicalDeviceMemoryProperties(physical, &memory);
  for (uint32_t type = 0; type < memory.memoryTypeCount; ++type)
    if ((memory.memoryTypes[type].propertyFlags & wanted) == wanted)
      return type;
  check(VK_ERROR_FEATURE_NOT_PRESENT, "a search for memory");
  return 0;
}

/// The first family of queues that run kernels, and whether they take times.
static std::pair<uint32_t, bool> findQueues(VkPhysicalDevice physical) {
  uint32_t count = 0;
  vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families.data());
  for (auto [i, family] : llvm::enumerate(families))
    if (family.queueFlags & VK_QUEUE_COMPUTE_BIT)
      return {i, family.timestampValidBits != 0};
  check(VK_ERROR_FEATURE_NOT_PRESENT, "a search for queues");
  return {};
}

void Device::findDevice() {
  uint32_t count = 1;
  VkResult found = vkEnumeratePhysicalDevices(instance, &count, &physical);
  if (count == 0)
    failWithoutDevice();
  if (found != VK_INCOMPLETE)
    check(found, "vkEnumeratePhysicalDevices");
  vkGetPhysicalDeviceProperties(physical, &properties);
  std::tie(queueFamily, takesTimes) = findQueues(physical);
  hasPackedDot = findPackedDot(physical);
  hasSubgroups = findSubgroups(physical);
  hasHalf = findHalf(physical);
  sharedMemory = findMemory(physical, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                          VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
  localMemory = findMemory(physical, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
}

void Device::createDevice() {
  float priority = 1;
  auto queues = makeInfo<VkDeviceQueueCreateInfo>(
      VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO);
  queues.queueFamilyIndex = queueFamily;
  queues.queueCount = 1;
  queues.pQueuePriorities = &priority;
  auto info =
      makeInfo<VkDeviceCreateInfo>(VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO);
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queues;
  llvm::SmallVector<const char *> extensions;
  // Features that are to be used form a list, the last one first.
  auto enable = [&](auto &features, const char *extension) {
    features.pNext = const_cast<void *>(info.pNext);
    info.pNext = &features;
    extensions.push_back(extension);
  };
  auto dots = makeInfo<VkPhysicalDeviceShaderIntegerDotProductFeatures>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES);
  dots.shaderIntegerDotProduct = VK_TRUE;
  if (hasPackedDot)
    enable(dots, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
  auto halves = makeInfo<VkPhysicalDeviceShaderFloat16Int8Features>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES);
  halves.shaderFloat16 = VK_TRUE;
  if (hasHalf)
    enable(halves, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME);
  info.enabledExtensionCount = extensions.size();
  info.ppEnabledExtensionNames = extensions.data();
  CHECK(vkCreateDevice(physical, &info, nullptr, &device));
  vkGetDeviceQueue(device, queueFamily, 0, &queue);
}

Device::Device(bool validates) {
  createInstance(validates);
  findDevice();
  createDevice();
  auto info = makeInfo<VkCommandPoolCreateInfo>(
      VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO);
  info.queueFamilyIndex = queueFamily;
  CHECK(vkCreateCommandPool(device, &info, nullptr, &pool));
}

Device::~Device() {
  for (DeviceKernel &kernel : kernels) {
    vkDestroyPipeline(device, kernel.pipeline, nullptr);
    vkDestroyPipelineLayout(device, kernel.layout, nullptr);
    vkDestroyDescriptorSetLayout(device, kernel.bindings, nullptr);
  }
  for (DeviceBuffer &buffer : buffers) {
    vkDestroyBuffer(device, buffer.buffer, nullptr);
    vkFreeMemory(device, buffer.memory, nullptr);
  }
  for (DeviceCommands &each : commands) {
    vkDestroyDescriptorPool(device, each.descriptors, nullptr);
    vkDestroyQueryPool(device, each.times, nullptr);
  }
  vkDestroyCommandPool(device, pool, nullptr);
  vkDestroyDevice(device, nullptr);
  if (messenger)
    reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
        vkGetInstanceProcAddr(instance, "vkDestroyDebugUtilsMessengerEXT"))(
        instance, messenger, nullptr);
  vkDestroyInstance(instance, nullptr);
}

DeviceBuffer Device::allocate(uint64_t bytes, uint32_t memoryType) {
  DeviceBuffer result;
  result.bytes = bytes;
  auto info =
      makeInfo<VkBufferCreateInfo>(VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO);
  info.size = bytes;
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
               VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  CHECK(vkCreateBuffer(device, &info, nullptr, &result.buffer));
  VkMemoryRequirements needs;
  vkGetBufferMemoryRequirements(device, result.buffer, &needs);
  auto memory =
      makeInfo<VkMemoryAllocateInfo>(VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO);
  memory.allocationSize = needs.size;
  memory.memoryTypeIndex = memoryType;
  CHECK(vkAllocateMemory(device, &memory, nullptr, &result.memory));
  CHECK(vkBindBufferMemory(device, result.buffer, result.memory, 0));
  buffers.push_back(result);
  return result;
}

DeviceBuffer Device::allocateShared(uint64_t bytes) {
  DeviceBuffer result = allocate(bytes, sharedMemory);
  CHECK(vkMapMemory(device, result.memory, 0, bytes, 0,
                    reinterpret_cast<void **>(&result.data)));
  return result;
}

DeviceBuffer Device::allocateLocal(uint64_t bytes, uint32_t word) {
  DeviceBuffer result = allocate(llvm::alignTo(bytes, 4), localMemory);
  DeviceCommands filling = begin(0, 0);
  vkCmdFillBuffer(filling.recorded, result.buffer, 0, VK_WHOLE_SIZE, word);
  end(filling);
  run(filling);
  return result;
}

void Device::upload(const DeviceBuffer &buffer, llvm::ArrayRef<char> data) {
  constexpr uint64_t kStage = 16 << 20;
  if (!stage.data)
    stage = allocateShared(kStage);
  for (uint64_t offset = 0; offset < data.size(); offset += kStage) {
    llvm::ArrayRef<char> part = data.drop_front(offset).take_front(kStage);
    memcpy(stage.data, part.data(), part.size());
    DeviceCommands copying = begin(0, 0);
    VkBufferCopy range{0, offset, part.size()};
    vkCmdCopyBuffer(copying.recorded, stage.buffer, buffer.buffer, 1, &range);
    end(copying);
    run(copying);
  }
}

DeviceKernel Device::compile(llvm::ArrayRef<uint32_t> words,
                             const std::string &entry, unsigned bindings) {
  DeviceKernel result;
  llvm::SmallVector<VkDescriptorSetLayoutBinding> each(bindings);
  for (unsigned i = 0; i < bindings; ++i)
    each[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
               VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  auto set = makeInfo<VkDescriptorSetLayoutCreateInfo>(
      VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO);
  set.bindingCount = bindings;
  set.pBindings = each.data();
  CHECK(vkCreateDescriptorSetLayout(device, &set, nullptr, &result.bindings));
  auto layout = makeInfo<VkPipelineLayoutCreateInfo>(
      VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO);
  layout.setLayoutCount = 1;
  layout.pSetLayouts = &result.bindings;
  CHECK(vkCreatePipelineLayout(device, &layout, nullptr, &result.layout));
  auto code = makeInfo<VkShaderModuleCreateInfo>(
      VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO);
  code.codeSize = words.size() * 4;
  code.pCode = words.data();
  VkShaderModule module;
  CHECK(vkCreateShaderModule(device, &code, nullptr, &module));
  auto info = makeInfo<VkComputePipelineCreateInfo>(
      VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO);
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = module;
  info.stage.pName = entry.c_str();
  info.layout = result.layout;
  CHECK(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, nullptr,
                                 &result.pipeline));
  vkDestroyShaderModule(device, module, nullptr);
  kernels.push_back(result);
  return result;
}

DeviceCommands Device::begin(unsigned dispatches, unsigned bindings) {
  DeviceCommands result;
  auto buffer = makeInfo<VkCommandBufferAllocateInfo>(
      VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO);
  buffer.commandPool = pool;
  buffer.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  buffer.commandBufferCount = 1;
  CHECK(vkAllocateCommandBuffers(device, &buffer, &result.recorded));
  // A pool has room for something; copies need none of it.
  VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                            std::max(bindings, 1u)};
  auto info = makeInfo<VkDescriptorPoolCreateInfo>(
      VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO);
  info.maxSets = std::max(dispatches, 1u);
  info.poolSizeCount = 1;
  info.pPoolSizes = &size;
  CHECK(vkCreateDescriptorPool(device, &info, nullptr, &result.descriptors));
  auto start = makeInfo<VkCommandBufferBeginInfo>(
      VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO);
  CHECK(vkBeginCommandBuffer(result.recorded, &start));
  // What earlier submissions wrote is seen by this one.
  auto barrier = makeInfo<VkMemoryBarrier>(VK_STRUCTURE_TYPE_MEMORY_BARRIER);
  barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
  barrier.dstAccessMask =
      VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
  vkCmdPipelineBarrier(result.recorded, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                       VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1, &barrier, 0,
                       nullptr, 0, nullptr);
  if (takesTimes) {
    auto times = makeInfo<VkQueryPoolCreateInfo>(
        VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO);
    times.queryType = VK_QUERY_TYPE_TIMESTAMP;
    times.queryCount = 2;
    CHECK(vkCreateQueryPool(device, &times, nullptr, &result.times));
    vkCmdResetQueryPool(result.recorded, result.times, 0, 2);
    vkCmdWriteTimestamp(result.recorded, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                        result.times, 0);
  }
  commands.push_back(result);
  return result;
}

void Device::dispatch(const DeviceCommands &commands,
                      const DeviceKernel &kernel,
                      llvm::ArrayRef<const DeviceBuffer *> bound,
                      std::array<uint32_t, 3> workgroups) {
  auto info = makeInfo<VkDescriptorSetAllocateInfo>(
      VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO);
  info.descriptorPool = commands.descriptors;
  info.descriptorSetCount = 1;
  info.pSetLayouts = &kernel.bindings;
  VkDescriptorSet set;
  CHECK(vkAllocateDescriptorSets(device, &info, &set));
  llvm::SmallVector<VkDescriptorBufferInfo> ranges;
  for (const DeviceBuffer *buffer : bound)
    ranges.push_back({buffer->buffer, 0, VK_WHOLE_SIZE});
  auto write =
      makeInfo<VkWriteDescriptorSet>(VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET);
  write.dstSet = set;
  write.descriptorCount = ranges.size();
  write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
  write.pBufferInfo = ranges.data();
  vkUpdateDescriptorSets(device, 1, &write, 0, nullptr);
  vkCmdBindPipeline(commands.recorded, VK_PIPELINE_BIND_POINT_COMPUTE,
                    kernel.pipeline);
  vkCmdBindDescriptorSets(commands.recorded, VK_PIPELINE_BIND_POINT_COMPUTE,
                          kernel.layout, 0, 1, &set, 0, nullptr);
  vkCmdDispatch(commands.recorded, workgroups[0], workgroups[1], workgroups[2]);
  auto barrier = makeInfo<VkMemoryBarrier>(VK_STRUCTURE_TYPE_MEMORY_BARRIER);
  barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
  barrier.dstAccessMask = VK_ACCESS_SHADER_READ_BIT |
                          VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT;
  vkCmdPipelineBarrier(commands.recorded, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                       VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT |
                           VK_PIPELINE_STAGE_HOST_BIT,
                       0, 1, &barrier, 0, nullptr, 0, nullptr);
}

void Device::copy(const DeviceCommands &commands, const DeviceBuffer &from,
                  const DeviceBuffer &to, uint64_t bytes) {
  VkBufferCopy range{0, 0, bytes};
  vkCmdCopyBuffer(commands.recorded, from.buffer, to.buffer, 1, &range);
}

void Device::end(const DeviceCommands &commands) {
  if (takesTimes)
    vkCmdWriteTimestamp(commands.recorded, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                        commands.times, 1);
  CHECK(vkEndCommandBuffer(commands.recorded));
}

double Device::run(const DeviceCommands &commands) {
  auto start = std::chrono::steady_clock::now();
  auto info = makeInfo<VkSubmitInfo>(VK_STRUCTURE_TYPE_SUBMIT_INFO);
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands.recorded;
  CHECK(vkQueueSubmit(queue, 1, &info, VK_NULL_HANDLE));
  CHECK(vkQueueWaitIdle(queue));
  if (takesTimes) {
    uint64_t times[2];
    CHECK(vkGetQueryPoolResults(device, commands.times, 0, 2, sizeof(times),
                                times, sizeof(uint64_t),
                                VK_QUERY_RESULT_64_BIT));
    return double(times[1] - times[0]) * properties.limits.timestampPeriod *
           1e-9;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}
