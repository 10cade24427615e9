// Describing an engine.
#include "napi/engine_info.h"

#include "core/dtype.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

Result<napi_value> MakeLayout(napi_env env, const tensorrt::TensorInfo::Layout& layout) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("format", layout.format));
  RETURN_IF_ERROR(object.Set("formatDescription", layout.format_desc));
  RETURN_IF_ERROR(object.Set("bytesPerComponent", layout.bytes_per_component));
  RETURN_IF_ERROR(object.Set("componentsPerElement", layout.components_per_element));
  RETURN_IF_ERROR(object.Set("vectorizedDim", layout.vectorized_dim));
  return object.value();
}

Result<napi_value> MakeProfile(napi_env env, const tensorrt::ProfileShape& profile) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("min", MakeDims(env, profile.min)));
  RETURN_IF_ERROR(object.Set("opt", MakeDims(env, profile.opt)));
  RETURN_IF_ERROR(object.Set("max", MakeDims(env, profile.max)));
  RETURN_IF_ERROR(object.Set("minValues", MakeIntegers(env, profile.min_values)));
  RETURN_IF_ERROR(object.Set("optValues", MakeIntegers(env, profile.opt_values)));
  RETURN_IF_ERROR(object.Set("maxValues", MakeIntegers(env, profile.max_values)));
  return object.value();
}

Result<napi_value> MakeTensor(napi_env env, const tensorrt::TensorInfo& tensor) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("name", tensor.name));
  RETURN_IF_ERROR(
      object.Set("mode", tensor.mode == tensorrt::TensorIOMode::kOutput ? "output" : "input"));
  RETURN_IF_ERROR(object.Set("dtype", DataTypeName(tensor.dtype)));
  RETURN_IF_ERROR(object.Set("shape", MakeDims(env, tensor.shape)));
  RETURN_IF_ERROR(object.Set(
      "location", tensor.location == tensorrt::TensorLocation::kHost ? "host" : "device"));
  RETURN_IF_ERROR(object.Set("isShapeInferenceIO", tensor.is_shape_inference_io));
  RETURN_IF_ERROR(object.Set("isDebugTensor", tensor.is_debug));
  ASSIGN_OR_RETURN(napi_value layouts, MakeArray(env, tensor.layouts.size()));
  for (std::size_t i = 0; i < tensor.layouts.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, layouts, i, MakeLayout(env, tensor.layouts[i])));
  }
  RETURN_IF_ERROR(object.Set("layouts", layouts));
  ASSIGN_OR_RETURN(napi_value profiles, MakeArray(env, tensor.profiles.size()));
  for (std::size_t i = 0; i < tensor.profiles.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, profiles, i, MakeProfile(env, tensor.profiles[i])));
  }
  RETURN_IF_ERROR(object.Set("profiles", profiles));
  return object.value();
}

}  // namespace

Result<napi_value> MakeEngineInfo(napi_env env, const tensorrt::EngineInfo& info) {
  ASSIGN_OR_RETURN(ObjectWriter object, ObjectWriter::Make(env));
  RETURN_IF_ERROR(object.Set("name", info.name));
  ASSIGN_OR_RETURN(napi_value tensors, MakeArray(env, info.tensors.size()));
  for (std::size_t i = 0; i < info.tensors.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, tensors, i, MakeTensor(env, info.tensors[i])));
  }
  RETURN_IF_ERROR(object.Set("tensors", tensors));
  RETURN_IF_ERROR(object.Set("numOptimizationProfiles", info.num_profiles));
  RETURN_IF_ERROR(object.Set("numLayers", info.num_layers));
  RETURN_IF_ERROR(object.Set("numAuxStreams", info.num_aux_streams));
  RETURN_IF_ERROR(object.Set("capability", info.capability));
  RETURN_IF_ERROR(object.Set("profilingVerbosity", info.profiling_verbosity));
  RETURN_IF_ERROR(object.Set("hardwareCompatibilityLevel", info.hardware_compatibility_level));
  RETURN_IF_ERROR(object.Set("refittable", info.refittable));
  RETURN_IF_ERROR(object.Set("deviceMemoryBytes", info.device_memory_bytes));
  RETURN_IF_ERROR(object.Set("deviceMemoryBytesPerProfile",
                             MakeIntegers(env, info.device_memory_bytes_per_profile)));
  RETURN_IF_ERROR(object.Set("streamableWeightsBytes", info.streamable_weights_bytes));
  return object.value();
}

}  // namespace trtnode::napi
