// BuildObjects: the TensorRT objects of one build, handed from step to step.
#pragma once

#include <string>

#include "core/status.h"
#include "tensorrt/abi/call.h"
#include "tensorrt/error_recorder.h"
#include "tensorrt/failure.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {

// kUnsupported, naming the version that has it, for a method that an option needs and this version lacks.
template <typename M>
Status Need(const Version& version, bool needed) {
  return needed && !abi::Supports<M>(version) ? abi::Unsupported(M::kInfo, version) : Status();
}

struct BuildObjects {
  explicit BuildObjects(const Version& v, Logger& l) : version(v), logger(l), recorder(l) {}

  int major() const noexcept { return version.major; }

  Status Failed(ErrorCode code, std::string call, std::string message, Logger::Scope& scope,
                std::string hint = {}) {
    return CallFailed(code, std::move(call), std::move(message), scope, &recorder, std::move(hint));
  }

  const Version version;
  Logger& logger;
  // In the order in which they depend: the last one goes first.
  ErrorRecorder recorder;
  abi::Owned<abi::VBuilder> builder;
  abi::Owned<abi::VNetworkDefinition> network;
  abi::Owned<abi::VBuilderConfig> config;
};

}  // namespace trtnode::tensorrt
