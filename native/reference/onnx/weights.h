// The weights of a model: reading, exchanging and stripping the floating-point initializers of its graph.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trtnode::reference::onnx {

struct Weight {
  std::string name;
  int32_t element_type = 0;
  int64_t elements = 0;
  bool stripped = false;  // known by name, type and size alone
};

// Whether a type is one of those whose initializers count as weights; integers are shapes and indices as a rule.
bool IsWeightType(int32_t element_type);
size_t WeightElementSize(int32_t element_type);

// Of the main graph, in its order; nothing of those that lie in other files. `model` must have passed ParseModel.
std::vector<Weight> ListWeights(std::string_view model);

// The elements of one, as they lie in memory; nothing if there is none, or it is damaged or stripped.
std::optional<std::string> ReadWeight(std::string_view model, const std::string& name);

// The model with these bytes in the place of what the named initializers had.
std::string ReplaceWeights(std::string_view model,
                           const std::map<std::string, std::string>& values);

// The model without the named initializers' data; ListWeights says `stripped` of them.
std::string StripWeights(std::string_view model, const std::vector<std::string>& names);

}  // namespace trtnode::reference::onnx
