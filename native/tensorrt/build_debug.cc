// INetworkDefinition::markDebug for the tensors that were named.
#include "tensorrt/build_debug.h"

#include <string>
#include <string_view>

namespace trtnode::tensorrt {

namespace m = abi::methods;

namespace {

// The tensor of this name: a network input, or what a layer computes. Null: there is none.
abi::ITensor* Find(const BuildObjects& objects, std::string_view name) {
  const int major = objects.major();
  const abi::INetworkDefinition* network = objects.network.get();
  const auto matches = [&](abi::ITensor* tensor) {
    if (!abi::IsObject(tensor)) return false;
    const char* own = abi::Invoke<m::VTensor_getName>(major, tensor);
    return own != nullptr && name == own;
  };
  const int inputs = abi::Invoke<m::VNetworkDefinition_getNbInputs>(major, network);
  for (int i = 0; i < inputs; ++i) {
    abi::ITensor* tensor = abi::Invoke<m::VNetworkDefinition_getInput>(major, network, i);
    if (matches(tensor)) return tensor;
  }
  const int layers = abi::Invoke<m::VNetworkDefinition_getNbLayers>(major, network);
  for (int i = 0; i < layers; ++i) {
    const abi::ILayer* layer = abi::Invoke<m::VNetworkDefinition_getLayer>(major, network, i);
    if (!abi::IsObject(layer)) continue;
    const int outputs = abi::Invoke<m::VLayer_getNbOutputs>(major, layer);
    for (int o = 0; o < outputs; ++o) {
      abi::ITensor* tensor = abi::Invoke<m::VLayer_getOutput>(major, layer, o);
      if (matches(tensor)) return tensor;
    }
  }
  return nullptr;
}

}  // namespace

Status MarkDebugTensors(BuildObjects& objects, const BuildOptions& options) {
  for (const std::string& name : options.mark_debug) {
    abi::ITensor* tensor = Find(objects, name);
    if (tensor == nullptr) {
      return Status(ErrorCode::kUnknownTensor,
                    "markDebug: the network has no tensor '" + name + "'.",
                    "Names are those of the ONNX model: `trt-node inspect MODEL` and Netron show "
                    "them.");
    }
    Logger::Scope scope(objects.logger);
    ASSIGN_OR_RETURN(const bool marked, abi::Call<m::VNetworkDefinition_markDebug>(
                                            objects.version, objects.network.get(), *tensor));
    if (!marked) {
      return objects.Failed(ErrorCode::kBuild, "INetworkDefinition::markDebug",
                            "TensorRT cannot make '" + name + "' a debug tensor.", scope);
    }
  }
  return Status();
}

}  // namespace trtnode::tensorrt
