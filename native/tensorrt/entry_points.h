// EntryPoints: the C functions of TensorRT's libraries, as found by dlsym.
#pragma once

#include <cstdint>

#include "tensorrt/abi/types.h"

namespace trtnode::tensorrt {

// Names as in the library, without "_INTERNAL". Null where the comment says that a library may lack it.
struct EntryPoints {
  std::int32_t (*getInferLibVersion)() = nullptr;
  abi::IRuntime* (*createInferRuntime)(void* logger, std::int32_t version) = nullptr;
  abi::IBuilder* (*createInferBuilder)(void* logger, std::int32_t version) = nullptr;  // lean: null
  abi::IRefitter* (*createInferRefitter)(void* engine, void* logger,
                                         std::int32_t version) = nullptr;  // lean: may be null
  abi::IPluginRegistry* (*getPluginRegistry)() = nullptr;                  // may be null
  std::int32_t (*getInferLibBuildVersion)() = nullptr;                     // 8: null
  bool (*setInternalLibraryPath)(char const* directory) = nullptr;         // before 10.16: null
};

// Of libnvonnxparser.
struct ParserEntryPoints {
  abi::nvonnxparser::IParser* (*createNvOnnxParser)(void* network, void* logger,
                                                    std::int32_t version) = nullptr;
  abi::nvonnxparser::IParserRefitter* (*createNvOnnxParserRefitter)(
      void* refitter, void* logger, std::int32_t version) = nullptr;  // may be null
  std::int32_t (*getNvOnnxParserVersion)() = nullptr;                 // may be null
};

// What getInferLibVersion answers, as a version. 8 and 9: major*1000 + minor*100 + patch; from 10 on major*10000 + minor*100 +
// patch. Major 1 is TensorRT-RTX (10701 is its 1.7.1).
Version DecodeVersion(std::int32_t number) noexcept;

}  // namespace trtnode::tensorrt
