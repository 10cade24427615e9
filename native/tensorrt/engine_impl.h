// What an Engine consists of; for engine*.cc alone.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/engine.h"
#include "tensorrt/error_recorder.h"

namespace trtnode::tensorrt {

struct Engine::Impl {
  Impl(std::shared_ptr<Runtime> r, abi::ICudaEngine* e)
      : runtime(std::move(r)),
        recorder(runtime->logger()),
        engine(runtime->library()->abi_major(), e) {}

  int major() const noexcept { return runtime->library()->abi_major(); }

  // In the order in which they depend: the ICudaEngine goes first.
  const std::shared_ptr<Runtime> runtime;
  ErrorRecorder recorder;
  abi::Owned<abi::VCudaEngine> engine;
  EngineInfo info;
  std::unordered_map<std::string_view, int> index;  // views into info
};

}  // namespace trtnode::tensorrt
