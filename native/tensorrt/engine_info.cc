// The questions that are put to an ICudaEngine once, right after it was deserialized.
#include "tensorrt/engine_info.h"

#include <utility>

#include "tensorrt/abi/variants.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

// Null-safe, and copied: TensorRT's strings die with the engine.
std::string Text(const char* text) { return text != nullptr ? text : ""; }

class Reader {
 public:
  Reader(const Version& version, const abi::ICudaEngine* engine)
      : version_(version), engine_(engine) {}

  EngineInfo Read() const {
    EngineInfo info;
    info.name = Text(Ask<m::VCudaEngine_getName>());
    info.num_profiles = Ask<m::VCudaEngine_getNbOptimizationProfiles>();
    info.num_layers = Ask<m::VCudaEngine_getNbLayers>();
    info.num_aux_streams = AskOr<m::VCudaEngine_getNbAuxStreams>(0);
    info.capability = static_cast<int>(Ask<m::VCudaEngine_getEngineCapability>());
    info.profiling_verbosity = static_cast<int>(Ask<m::VCudaEngine_getProfilingVerbosity>());
    info.hardware_compatibility_level =
        static_cast<int>(AskOr<m::VCudaEngine_getHardwareCompatibilityLevel>({}));
    info.refittable = Ask<m::VCudaEngine_isRefittable>();
    info.streamable_weights_bytes = AskOr<m::VCudaEngine_getStreamableWeightsSize>(0);
    info.device_memory_bytes = DeviceMemory();
    for (int profile = 0; profile < info.num_profiles; ++profile) {
      info.device_memory_bytes_per_profile.push_back(DeviceMemory(profile));
    }
    const int count = Ask<m::VCudaEngine_getNbIOTensors>();
    for (int i = 0; i < count; ++i) {
      const char* name = Ask<m::VCudaEngine_getIOTensorName>(i);
      if (name != nullptr) info.tensors.push_back(ReadTensor(name, info.num_profiles));
    }
    return info;
  }

 private:
  template <typename M, typename... A>
  abi::ResultOf<M> Ask(A... arguments) const {
    return abi::Invoke<M>(version_.major, engine_, arguments...);
  }

  template <typename M, typename... A>
  abi::ResultOf<M> AskOr(abi::ResultOf<M> otherwise, A... arguments) const {
    return abi::CallOr<M>(version_, otherwise, engine_, arguments...);
  }

  template <typename M, typename M8, typename... A>
  Dims AskDims(A... arguments) const {
    return abi::AskDims<M, M8>(version_.major, engine_, arguments...).value_or(Dims());
  }

  TensorInfo ReadTensor(const char* name, int num_profiles) const {
    TensorInfo tensor;
    tensor.name = name;
    tensor.mode = Ask<m::VCudaEngine_getTensorIOMode>(name);
    tensor.dtype = Ask<m::VCudaEngine_getTensorDataType>(name);
    tensor.shape = AskDims<m::VCudaEngine_getTensorShape, m::VCudaEngine_getTensorShape_8>(name);
    tensor.location = Ask<m::VCudaEngine_getTensorLocation>(name);
    tensor.is_shape_inference_io = Ask<m::VCudaEngine_isShapeInferenceIO>(name);
    tensor.is_debug = AskOr<m::VCudaEngine_isDebugTensor>(false, name);
    for (int profile = 0; profile < num_profiles; ++profile) {
      tensor.layouts.push_back(ReadLayout(name, profile));
      if (tensor.mode == TensorIOMode::kInput) {
        tensor.profiles.push_back(ReadProfile(name, profile, tensor.is_shape_inference_io));
      }
    }
    return tensor;
  }

  TensorInfo::Layout ReadLayout(const char* name, int profile) const {
    TensorInfo::Layout layout;
    layout.format = static_cast<int>(
        OfProfile<m::VCudaEngine_getTensorFormatV2, m::VCudaEngine_getTensorFormat>(name, profile));
    layout.format_desc =
        Text(OfProfile<m::VCudaEngine_getTensorFormatDescV2, m::VCudaEngine_getTensorFormatDesc>(
            name, profile));
    layout.bytes_per_component =
        OfProfile<m::VCudaEngine_getTensorBytesPerComponentV2,
                  m::VCudaEngine_getTensorBytesPerComponent>(name, profile);
    layout.components_per_element =
        OfProfile<m::VCudaEngine_getTensorComponentsPerElementV2,
                  m::VCudaEngine_getTensorComponentsPerElement>(name, profile);
    layout.vectorized_dim =
        OfProfile<m::VCudaEngine_getTensorVectorizedDimV2, m::VCudaEngine_getTensorVectorizedDim>(
            name, profile);
    return layout;
  }

  // Before 8.6.1 an engine says of a tensor what holds in its first profile, and nothing of the others.
  template <typename M, typename WithoutProfile>
  abi::ResultOf<M> OfProfile(const char* name, int profile) const {
    if (abi::Supports<M>(version_)) return AskOr<M>({}, name, profile);
    return Ask<WithoutProfile>(name);
  }

  ProfileShape ReadProfile(const char* name, int profile, bool is_shape_tensor) const {
    ProfileShape shape;
    const auto read = [&](OptProfileSelector selector, Dims& dims,
                          std::vector<std::int64_t>& values) {
      dims = AskDims<m::VCudaEngine_getProfileShape, m::VCudaEngine_getProfileShape_8>(
          name, profile, selector);
      if (is_shape_tensor) values = ReadValues(name, profile, selector, dims);
    };
    read(OptProfileSelector::kMin, shape.min, shape.min_values);
    read(OptProfileSelector::kOpt, shape.opt, shape.opt_values);
    read(OptProfileSelector::kMax, shape.max, shape.max_values);
    return shape;
  }

  // By number in 8; by name since 10, with 32-bit values before 10.11, 64-bit ones since; 11 has no other.
  std::vector<std::int64_t> ReadValues(const char* name, int profile, OptProfileSelector selector,
                                       const Dims& dims) const {
    // A shape tensor has at most as many elements as a shape has dimensions; more would be a misreading.
    const std::int64_t count = dims.Volume().value_or(0);
    if (count <= 0 || count > 4096) return {};
    if (version_.major == 8) {
      const abi::i32 index = AskOr<m::VCudaEngine_getBindingIndex>(-1, name);
      if (index < 0) return {};
      return Copy(abi::Call<m::VCudaEngine_getProfileShapeValues>(version_, engine_, profile, index,
                                                                  selector),
                  count);
    }
    if (abi::Supports<m::VCudaEngine_getProfileTensorValuesV2>(version_)) {
      return Copy(abi::Call<m::VCudaEngine_getProfileTensorValuesV2>(version_, engine_, name,
                                                                     profile, selector),
                  count);
    }
    return Copy(abi::Call<m::VCudaEngine_getProfileTensorValues>(version_, engine_, name, profile,
                                                                 selector),
                count);
  }

  template <typename T>
  static std::vector<std::int64_t> Copy(const Result<T const*>& values, std::int64_t count) {
    if (!values.ok() || values.value() == nullptr) return {};
    return std::vector<std::int64_t>(values.value(), values.value() + count);
  }

  std::int64_t DeviceMemory() const {
    if (const auto bytes = abi::Call<m::VCudaEngine_getDeviceMemorySizeV2>(version_, engine_);
        bytes.ok()) {
      return bytes.value();
    }
    const auto bytes = abi::Call<m::VCudaEngine_getDeviceMemorySize>(version_, engine_);
    return bytes.ok() ? static_cast<std::int64_t>(bytes.value()) : 0;
  }

  std::int64_t DeviceMemory(int profile) const {
    // TensorRT 8 gives every context what the largest profile needs.
    if (version_.major == 8) return DeviceMemory();
    if (const auto bytes =
            abi::Call<m::VCudaEngine_getDeviceMemorySizeForProfileV2>(version_, engine_, profile);
        bytes.ok()) {
      return bytes.value();
    }
    const auto bytes =
        abi::Call<m::VCudaEngine_getDeviceMemorySizeForProfile>(version_, engine_, profile);
    return bytes.ok() ? static_cast<std::int64_t>(bytes.value()) : 0;
  }

  const Version& version_;
  const abi::ICudaEngine* const engine_;
};

}  // namespace

EngineInfo ReadEngineInfo(const Version& version, const abi::ICudaEngine* engine) {
  return Reader(version, engine).Read();
}

}  // namespace trtnode::tensorrt
