// IEngineInspector: layer and engine information as lines of text and as JSON, in TensorRT 10's form.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "reference/abi/handles.h"
#include "reference/runtime/engine_core.h"

namespace trtnode::reference {

class Inspector final : public VEngineInspector {
 public:
  static IEngineInspector* Make(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder);
  Inspector(std::shared_ptr<EngineCore> core, IErrorRecorder* recorder);

  IEngineInspector* getPImpl() noexcept override { return handle_; }
  bool setExecutionContext(IExecutionContext const* context) noexcept override;
  IExecutionContext const* getExecutionContext() const noexcept override { return context_; }
  char const* getLayerInformation(int32_t index,
                                  LayerInformationFormat format) const noexcept override;
  char const* getEngineInformation(LayerInformationFormat format) const noexcept override;
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_.SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_.recorder(); }

 private:
  bool HasDevice(const char* api) const;
  std::string Layer(size_t index, bool json) const;
  std::string Engine(bool json) const;
  std::string Tensor(const std::string& name) const;
  // The text lives until the inspector is asked for the same again, or ends.
  char const* Keep(int64_t key, std::string text) const;

  std::shared_ptr<EngineCore> core_;
  IEngineInspector* handle_ = nullptr;
  IExecutionContext const* context_ = nullptr;
  Reporter reports_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::string> texts_;
};

// `text` as a JSON string, with its quotes.
std::string Quote(const std::string& text);

}  // namespace trtnode::reference
