// IRuntime: turns plans into engines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "reference/abi/handles.h"
#include "reference/report.h"

namespace trtnode::reference {

class Runtime final : public VRuntime {
 public:
  static IRuntime* Make(ILogger* logger);
  explicit Runtime(ILogger* logger);

  IRuntime* getPImpl() noexcept override { return handle_; }
  ICudaEngine* deserializeCudaEngine(void const* blob, size_t size) noexcept override;
  ICudaEngine* deserializeCudaEngine(IStreamReader& reader) noexcept override;
  ICudaEngine* deserializeCudaEngineV2(IStreamReaderV2& reader) noexcept override;
  void setDLACore(int32_t core) noexcept override;
  int32_t getDLACore() const noexcept override { return 0; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setGpuAllocator(IGpuAllocator* allocator) noexcept override { allocator_ = allocator; }
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override {
    reports_->SetRecorder(recorder);
  }
  IErrorRecorder* getErrorRecorder() const noexcept override { return reports_->recorder(); }
  ILogger* getLogger() const noexcept override { return reports_->logger(); }
  bool setMaxThreads(int32_t threads) noexcept override;
  int32_t getMaxThreads() const noexcept override { return max_threads_; }
  void setTemporaryDirectory(char const* path) noexcept override;
  char const* getTemporaryDirectory() const noexcept override {
    return temporary_directory_.c_str();
  }
  void setTempfileControlFlags(TempfileControlFlags flags) noexcept override {
    tempfile_flags_ = flags;
  }
  TempfileControlFlags getTempfileControlFlags() const noexcept override { return tempfile_flags_; }
  IPluginRegistry& getPluginRegistry() noexcept override;
  void setPluginRegistryParent(IPluginRegistry*) noexcept override {}
  IRuntime* loadRuntime(char const* path) noexcept override;
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_allowed_ = allowed; }
  bool getEngineHostCodeAllowed() const noexcept override { return host_code_allowed_; }

 private:
  ICudaEngine* Deserialize(std::string_view bytes);
  // Reads the header first, as it says how much there is to read. `read` returns the bytes read, 0 at the end.
  template <typename Read>
  ICudaEngine* DeserializeFrom(Read read);
  ICudaEngine* Refuse(const std::string& reason);

  IRuntime* handle_ = nullptr;
  std::shared_ptr<Reporter> reports_;
  IGpuAllocator* allocator_ = nullptr;
  int32_t max_threads_ = 1;
  std::string temporary_directory_;
  TempfileControlFlags tempfile_flags_ = 3;  // both kinds of temporary files are allowed
  bool host_code_allowed_ = false;
};

}  // namespace trtnode::reference
