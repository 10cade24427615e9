// nvonnxparser::IParserRefitter: hands the weights of an ONNX model to a refitter.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reference/abi/handles.h"
#include "reference/abi/parser.h"
#include "reference/builder/parser.h"

namespace trtnode::reference {

class ParserRefitter final : public IParserRefitter {
 public:
  ParserRefitter(IRefitter& refitter, ILogger* logger);

  bool refitFromBytes(void const* model, size_t size, char const* path) noexcept override;
  bool refitFromFile(char const* path) noexcept override;
  int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(errors_.size()); }
  IParserError const* getError(int32_t index) const noexcept override;
  void clearErrors() noexcept override { errors_.clear(); }
  bool loadModelProto(void const*, size_t, char const*) noexcept override { return false; }
  bool loadInitializer(char const*, void const*, size_t) noexcept override { return false; }
  bool refitModelProto() noexcept override { return false; }

 private:
  bool Add(ParserErrorCode code, const std::string& text);

  IRefitter& refitter_;
  Reporter reports_;
  std::vector<std::unique_ptr<ParserError>> errors_;
  std::map<std::string, std::string> weights_;  // what the refitter has pointers to
};

}  // namespace trtnode::reference
