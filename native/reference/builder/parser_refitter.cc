// nvonnxparser::IParserRefitter.
#include "reference/builder/parser_refitter.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "reference/builder/external_data.h"
#include "reference/faults.h"
#include "reference/onnx/specialize.h"
#include "reference/onnx/weights.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr char kApi[] = "IParserRefitter::refitFromBytes";

}  // namespace

ParserRefitter::ParserRefitter(IRefitter& refitter, ILogger* logger)
    : refitter_(refitter), reports_(logger, refitter.impl()->getErrorRecorder()) {}

bool ParserRefitter::Add(ParserErrorCode code, const std::string& text) {
  auto error = std::make_unique<ParserError>();
  error->error_code = code;
  error->description = text;
  error->function = "refit";
  reports_.Error(ErrorCode::kINVALID_ARGUMENT, kApi, kApiUsage, "ModelRefitter: " + text);
  errors_.push_back(std::move(error));
  return false;
}

bool ParserRefitter::refitFromBytes(void const* model, size_t size, char const* path) noexcept {
  return Guard(reports_, kApi, false, [&] {
    std::string bytes(static_cast<const char*>(model), model == nullptr ? 0 : size);
    std::string error;
    const auto parsed = onnx::ParseModel(bytes, &error);
    if (bytes.empty() || !parsed)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED, bytes.empty() ? "empty" : error);
    if (parsed->HasExternalData()) {
      std::filesystem::path folder =
          std::filesystem::path(path == nullptr ? "" : path).parent_path();
      std::string embedded;
      if (path == nullptr ||
          !onnx::EmbedExternalData(bytes, ReadExternalFile, &folder, &embedded, &error))
        return Add(ParserErrorCode::kINVALID_GRAPH, "the model's external data cannot be read");
      bytes = std::move(embedded);
    }
    std::vector<char const*> names(
        static_cast<size_t>(refitter_.impl()->getAllWeights(0, nullptr)));
    refitter_.impl()->getAllWeights(static_cast<int32_t>(names.size()), names.data());
    for (const onnx::Weight& weight : onnx::ListWeights(bytes)) {
      const bool known = std::any_of(names.begin(), names.end(),
                                     [&](char const* name) { return weight.name == name; });
      auto data = known ? onnx::ReadWeight(bytes, weight.name) : std::nullopt;
      if (!data) continue;
      const std::string& kept = weights_[weight.name] = std::move(*data);
      const auto type = ToDataType(weight.element_type).value_or(DataType::kFLOAT);
      if (!refitter_.impl()->setNamedWeights(weight.name.c_str(),
                                             {type, kept.data(), weight.elements}))
        return Add(ParserErrorCode::kREFIT_FAILED, "Failed to set weights: " + weight.name);
    }
    return true;
  });
}

bool ParserRefitter::refitFromFile(char const* path) noexcept {
  return Guard(reports_, "IParserRefitter::refitFromFile", false, [&] {
    std::ifstream file(path == nullptr ? "" : path, std::ios::binary);
    if (!file)
      return Add(ParserErrorCode::kMODEL_DESERIALIZE_FAILED,
                 std::string("Failed to open file: ") + (path == nullptr ? "(null)" : path));
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    return refitFromBytes(bytes.data(), bytes.size(), path);
  });
}

IParserError const* ParserRefitter::getError(int32_t index) const noexcept {
  return index >= 0 && index < getNbErrors() ? errors_[static_cast<size_t>(index)].get() : nullptr;
}

}  // namespace trtnode::reference
