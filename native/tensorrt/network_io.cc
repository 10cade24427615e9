// ITensor::setType and setAllowedFormats.
#include "tensorrt/network_io.h"

#include <utility>

#include "core/dtype.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

template <typename Count, typename At>
std::vector<NetworkTensor> Tensors(const BuildObjects& objects) {
  const int major = objects.major();
  const auto* network = objects.network.get();
  std::vector<NetworkTensor> tensors;
  const abi::i32 count = abi::Invoke<Count>(major, network);
  for (abi::i32 i = 0; i < count; ++i) {
    abi::ITensor* const tensor = abi::Invoke<At>(major, network, i);
    if (!abi::IsObject(tensor)) continue;
    const char* name = abi::Invoke<m::VTensor_getName>(major, tensor);
    tensors.push_back({name != nullptr ? name : "", tensor});
  }
  return tensors;
}

std::string Names(const std::vector<NetworkTensor>& tensors) {
  std::string text;
  for (const NetworkTensor& tensor : tensors) {
    text += (text.empty() ? "'" : ", '") + tensor.name + "'";
  }
  return text;
}

Status SetType(BuildObjects& objects, const NetworkTensor& tensor, DataType type,
               const std::string& which, bool strongly_typed) {
  ASSIGN_OR_RETURN(const DataType own,
                   abi::Call<m::VTensor_getType>(objects.version, tensor.tensor));
  if (type == own) return Status();
  if (strongly_typed) {
    return Status(ErrorCode::kInvalidArgument,
                  "The type of " + which + " '" + tensor.name + "' cannot be " +
                      std::string(DataTypeName(type)) +
                      ": in a strongly typed network it is the model's own, " +
                      std::string(DataTypeName(own)) + ".",
                  "Change the type in the ONNX model (a Cast, or AutoCast of NVIDIA's ModelOpt), "
                  "or give only formats.");
  }
  return abi::Call<m::VTensor_setType>(objects.version, tensor.tensor, type);
}

Status SetFormats(BuildObjects& objects, const NetworkTensor& tensor,
                  const std::vector<int>& formats) {
  abi::u32 bits = 0;
  for (const int format : formats) bits |= 1U << static_cast<unsigned>(format);
  if (bits == 0) return Status();
  return abi::Call<m::VTensor_setAllowedFormats>(objects.version, tensor.tensor, bits);
}

}  // namespace

std::vector<NetworkTensor> InputTensors(const BuildObjects& objects) {
  return Tensors<m::VNetworkDefinition_getNbInputs, m::VNetworkDefinition_getInput>(objects);
}

std::vector<NetworkTensor> OutputTensors(const BuildObjects& objects) {
  return Tensors<m::VNetworkDefinition_getNbOutputs, m::VNetworkDefinition_getOutput>(objects);
}

Status ApplyIoFormats(BuildObjects& objects, const std::vector<NetworkTensor>& tensors,
                      const std::map<std::string, IoFormat>& formats, const std::string& which,
                      bool strongly_typed) {
  const auto others = formats.find("*");
  std::size_t used = others != formats.end() ? 1 : 0;
  for (const NetworkTensor& tensor : tensors) {
    auto found = formats.find(tensor.name);
    if (found != formats.end()) {
      ++used;
    } else {
      found = others;
    }
    if (found == formats.end()) continue;
    if (found->second.type) {
      RETURN_IF_ERROR(SetType(objects, tensor, *found->second.type, which, strongly_typed));
    }
    RETURN_IF_ERROR(SetFormats(objects, tensor, found->second.formats));
  }
  if (used == formats.size()) return Status();
  for (const auto& [name, format] : formats) {
    bool known = name == "*";
    for (const NetworkTensor& tensor : tensors) known = known || tensor.name == name;
    if (known) continue;
    return Status(ErrorCode::kUnknownTensor, which + "Formats names '" + name + "', which is no " +
                                                 which + ". There is: " + Names(tensors) + ".");
  }
  return Status();
}

}  // namespace trtnode::tensorrt
