// A registry that knows no plugin and takes none.
#include "reference/runtime/plugin_registry.h"

namespace trtnode::reference {
namespace {

class Registry final : public IPluginRegistry {
 public:
  bool registerCreator(IPluginCreator&, AsciiChar const*) noexcept override { return false; }
  IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept override {
    return None<IPluginCreator>(count);
  }
  IPluginCreator* getPluginCreator(AsciiChar const*, AsciiChar const*,
                                   AsciiChar const*) noexcept override {
    return nullptr;
  }
  void setErrorRecorder(IErrorRecorder* recorder) noexcept override { recorder_ = recorder; }
  IErrorRecorder* getErrorRecorder() const noexcept override { return recorder_; }
  bool deregisterCreator(IPluginCreator const&) noexcept override { return false; }
  bool isParentSearchEnabled() const noexcept override { return parent_search_; }
  void setParentSearchEnabled(bool enabled) noexcept override { parent_search_ = enabled; }
  PluginLibraryHandle loadLibrary(AsciiChar const*) noexcept override { return nullptr; }
  void deregisterLibrary(PluginLibraryHandle) noexcept override {}
  bool registerCreator(IPluginCreatorInterface&, AsciiChar const*) noexcept override {
    return false;
  }
  IPluginCreatorInterface* const* getAllCreators(int32_t* count) const noexcept override {
    return None<IPluginCreatorInterface>(count);
  }
  IPluginCreatorInterface* getCreator(AsciiChar const*, AsciiChar const*,
                                      AsciiChar const*) noexcept override {
    return nullptr;
  }
  bool deregisterCreator(IPluginCreatorInterface const&) noexcept override { return false; }
  IPluginResource* acquirePluginResource(AsciiChar const*, IPluginResource*) noexcept override {
    return nullptr;
  }
  int32_t releasePluginResource(AsciiChar const*) noexcept override { return -1; }
  IPluginCreatorInterface* const* getAllCreatorsRecursive(int32_t* count) noexcept override {
    return None<IPluginCreatorInterface>(count);
  }

 private:
  template <typename T>
  static T* const* None(int32_t* count) noexcept {
    static T* const none[1] = {nullptr};
    if (count != nullptr) *count = 0;
    return none;
  }

  IErrorRecorder* recorder_ = nullptr;
  bool parent_search_ = true;
};

}  // namespace

IPluginRegistry& EmptyPluginRegistry() {
  static auto* const registry =
      new Registry;  // NOLINT: leaked on purpose, applications may use it at exit
  return *registry;
}

}  // namespace trtnode::reference
