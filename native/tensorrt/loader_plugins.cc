// The loader: TensorRT's own plugin library, and those that the user names.
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "tensorrt/abi/call.h"
#include "tensorrt/library_impl.h"
#include "tensorrt/loader.h"
#include "tensorrt/logger.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;
using InitPlugins = bool (*)(void* logger, char const* plugin_namespace);

// Plugins keep the logger they are given, so theirs lives as long as the process.
Logger& PluginLogger(int abi_major) {
  static Logger* const loggers[] = {
      std::make_unique<Logger>(8, Severity::kWarning, nullptr).release(),
      std::make_unique<Logger>(10, Severity::kWarning, nullptr).release(),
      std::make_unique<Logger>(11, Severity::kWarning, nullptr).release()};
  return *loggers[abi::ColumnOf(abi_major)];
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += " " + line;
  return text;
}

// Calls initLibNvInferPlugins if `handle` has it; what TensorRT says against it, or an empty text.
std::string Initialize(void* handle, int abi_major) {
  InitPlugins init = nullptr;
  dl::Bind(init, dl::OwnSymbol(handle, "initLibNvInferPlugins"));
  if (init == nullptr) return {};
  Logger& logger = PluginLogger(abi_major);
  Logger::Scope scope(logger, true);
  if (init(logger.abi_object(), "")) return {};
  return "initLibNvInferPlugins failed." + Joined(scope.Take());
}

// True if `handle` calls into this libnvinfer and not another one of the same soname that happens to be open.
bool UsesThisLibrary(void* handle, const EntryPoints& entry) {
  void* version = dl::AnySymbol(handle, "getInferLibVersion");
  return version == nullptr || version == reinterpret_cast<void*>(entry.getInferLibVersion);
}

// Hands a library that follows TensorRT 10's protocol (it exports its creators) to the registry. What speaks against it, or an
// empty text: the registry also refuses a library whose plugins it has already (libnvinfer_vc_plugin beside libnvinfer_plugin,
// seen with 10.6), so this is a warning. A plan whose plugin is really missing fails to deserialize, and says so.
Result<std::string> Register(const Version& version, const EntryPoints& entry, void* handle,
                             const std::string& path) {
  const bool exports_creators = dl::OwnSymbol(handle, "getCreators") != nullptr ||
                                dl::OwnSymbol(handle, "getPluginCreators") != nullptr;
  if (!exports_creators || entry.getPluginRegistry == nullptr) return std::string();
  abi::IPluginRegistry* registry = entry.getPluginRegistry();
  if (!abi::IsObject(registry)) return std::string();
  Logger::Scope scope(PluginLogger(version.major), true);
  ASSIGN_OR_RETURN(void* const registered, abi::Call<abi::methods::IPluginRegistry_loadLibrary>(
                                               version, registry, path.c_str()));
  if (registered != nullptr) return std::string();
  return "TensorRT registered no plugin of " + path + "; it may have them already." +
         Joined(scope.Take());
}

}  // namespace

void LibraryLoader::OpenStandardPlugins(Library::Impl& library) const {
  const int major = library.version.major;
  if (library.self_contained) {
    if (const std::string fault = Initialize(library.handle, major); !fault.empty()) {
      library.warnings.push_back(fault);
    }
    return;
  }
  // The plugin library belongs to the full runtime: it would bring libnvinfer itself in beside a lean one.
  if (library.flavor != Flavor::kFull) return;

  const std::string name = "libnvinfer_plugin.so." + std::to_string(major);
  const fs::path sibling = fs::path(library.path).parent_path() / name;
  std::error_code ignored;
  const std::string target = fs::exists(sibling, ignored) ? sibling.string() : name;
  std::string error;
  void* handle = dl::Open(target, error);
  if (handle == nullptr) {
    library.warnings.push_back("Plans with TensorRT's standard plugins will not load: " + error);
    return;
  }
  if (!UsesThisLibrary(handle, library.entry_points)) {
    library.warnings.push_back(dl::PathOf(handle) + " belongs to another libnvinfer than " +
                               library.path + ": its plugins are not used.");
    return;
  }
  if (const std::string fault = Initialize(handle, major); !fault.empty()) {
    library.warnings.push_back(dl::PathOf(handle) + ": " + fault);
    return;
  }
  library.plugin_libraries.push_back(dl::PathOf(handle));
}

Status LibraryLoader::OpenPlugins(Library::Impl& library) const {
  if (options_.init_plugins) OpenStandardPlugins(library);
  for (const std::string& name : options_.plugin_libraries) {
    std::string error;
    void* handle = dl::Open(name, error);
    if (handle == nullptr) {
      std::error_code ignored;
      const bool missing = name.find('/') != std::string::npos ? !fs::exists(name, ignored)
                                                               : dl::SaysNotFound(error, name);
      return Status(missing ? ErrorCode::kLibraryNotFound : ErrorCode::kLibraryInvalid,
                    "The plugin library " + name + " cannot be opened: " + error + ".",
                    "Check the path, and that it was built for TensorRT " +
                        std::to_string(library.version.major) + ".");
    }
    const std::string path = dl::PathOf(handle);
    if (!UsesThisLibrary(handle, library.entry_points)) {
      return Status(
          ErrorCode::kLibraryInvalid,
          "The plugin library " + path + " uses another libnvinfer than " + library.path + ".",
          "Build it for this TensorRT, or put this TensorRT's folder first on "
          "LD_LIBRARY_PATH.");
    }
    if (const std::string fault = Initialize(handle, library.version.major); !fault.empty()) {
      return Status(ErrorCode::kLibraryInvalid, path + ": " + fault);
    }
    ASSIGN_OR_RETURN(std::string doubt,
                     Register(library.version, library.entry_points, handle, path));
    if (!doubt.empty()) library.warnings.push_back(std::move(doubt));
    library.plugin_libraries.push_back(path);
  }
  return Status();
}

}  // namespace trtnode::tensorrt
