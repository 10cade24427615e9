// Reading a runtime's options.
#include "napi/runtime_options.h"

#include <limits>
#include <utility>

#include "napi/gpu_allocator.h"
#include "napi/js_reference.h"
#include "napi/values.h"

namespace trtnode::napi {

Result<RuntimeOptions> ReadRuntimeOptions(EnvState& state, napi_value object) {
  constexpr int kMost = std::numeric_limits<int>::max();
  const napi_env env = state.env();
  RuntimeOptions options;
  ASSIGN_OR_RETURN(options.device, GetInt(env, object, "device", 0, 1 << 20));
  ASSIGN_OR_RETURN(const int severity, GetInt(env, object, "logSeverity", 0, 4));
  options.runtime.log_severity = static_cast<tensorrt::Severity>(severity);
  ASSIGN_OR_RETURN(napi_value log, Get(env, object, "log"));
  ASSIGN_OR_RETURN(auto held, JsReference::HoldFunction(state, log, "log"));
  options.runtime.log_sink = MakeLogSink(std::move(held));
  ASSIGN_OR_RETURN(options.runtime.dla_core, GetInt(env, object, "dlaCore", -1, kMost));
  ASSIGN_OR_RETURN(options.runtime.max_threads, GetInt(env, object, "maxThreads", 0, kMost));
  ASSIGN_OR_RETURN(options.runtime.engine_host_code_allowed,
                   GetBool(env, object, "engineHostCodeAllowed"));
  ASSIGN_OR_RETURN(options.runtime.temporary_directory,
                   GetString(env, object, "temporaryDirectory"));
  ASSIGN_OR_RETURN(napi_value allocator, Get(env, object, "gpuAllocator"));
  ASSIGN_OR_RETURN(options.runtime.gpu_allocator, ReadGpuAllocator(env, allocator));
  return options;
}

Result<napi_value> MakeVersion(napi_env env, const tensorrt::Version& version) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("major", version.major));
  RETURN_IF_ERROR(object.Set("minor", version.minor));
  RETURN_IF_ERROR(object.Set("patch", version.patch));
  RETURN_IF_ERROR(object.Set("build", version.build));
  return object.value();
}

}  // namespace trtnode::napi
