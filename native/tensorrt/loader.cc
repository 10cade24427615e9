// The loader: which libnvinfer is opened, and what makes one unusable.
#include "tensorrt/loader.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "tensorrt/abi/methods.h"
#include "tensorrt/library_impl.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInstallHint =
    "Install TensorRT 10 or 11 (for example `pip install tensorrt`; 8.5 and 8.6 work too), or name "
    "its libnvinfer.so with the option `library` or the environment variable TRT_NODE_LIBRARY.";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Flavor FlavorOf(const std::string& path, bool has_builder) {
  const std::string name = fs::path(path).filename().string();
  if (name.find("dispatch") != std::string::npos) return Flavor::kDispatch;
  if (name.find("lean") != std::string::npos) return Flavor::kLean;
  return has_builder ? Flavor::kFull : Flavor::kLean;
}

constexpr const char* kUsable = "trt-node works with TensorRT 8.5, 8.6, 10.x and 11.x";

// kLibraryVersion unless it is one of kUsable.
Status CheckVersion(const Version& version, const std::string& path) {
  const int column = abi::ColumnOf(version.major);
  const int number = version.major * 10000 + version.minor * 100 + version.patch;
  if (column >= 0 && number >= abi::kOldest[column]) return Status();
  const std::string found = path + " is TensorRT";
  if (version.major == 1) {
    return Status(ErrorCode::kLibraryVersion,
                  found + "-RTX " + version.ToString() +
                      ", which is not TensorRT: its binary interface is another one. " + kUsable +
                      ".",
                  kInstallHint);
  }
  if (version.major > 11) {
    return Status(ErrorCode::kLibraryVersion,
                  found + " " + version.ToString() + ", newer than what is known: " + kUsable + ".",
                  "Update trt-node, or install TensorRT 10 or 11.");
  }
  // 9.x had an interface of its own and few users; what is older than 8.5 cannot run tensors by name (enqueueV3).
  std::string hint = kInstallHint;
  if (version.major <= 8) hint += " On Jetson: JetPack 5.1 (TensorRT 8.5.2) or newer.";
  return Status(ErrorCode::kLibraryVersion,
                found + " " + version.ToString() + ", which cannot be used: " + kUsable + ".",
                std::move(hint));
}

}  // namespace

Version DecodeVersion(std::int32_t number) noexcept {
  if (number < 10000) return {number / 1000, number / 100 % 10, number % 100, 0};
  return {number / 10000, number / 100 % 100, number % 100, 0};
}

LibraryLoader::LibraryLoader(const LibraryOptions& options, SearchEnvironment environment)
    : options_(options), environment_(std::move(environment)) {}

Result<std::shared_ptr<Library>> LibraryLoader::Open() {
  Opened opened = [&] {
    if (!options_.path.empty()) return OpenNamed(options_.path, "the option `library`");
    const std::string named = environment_.variable("TRT_NODE_LIBRARY");
    if (!named.empty()) return OpenNamed(named, "TRT_NODE_LIBRARY");
    return Search();
  }();
  if (!opened.ok()) return opened.TakeStatus();
  RETURN_IF_ERROR(OpenPlugins(*opened.value()));
  return std::shared_ptr<Library>(new Library(opened.Take()));  // NOLINT: private constructor
}

LibraryLoader::Opened LibraryLoader::OpenNamed(const std::string& name, const char* named_by) {
  Opened opened = TryOpen(name);
  if (opened.ok()) return opened;
  Status status = opened.TakeStatus();
  status.error().message += std::string(" It was named by ") + named_by + ".";
  return status;
}

LibraryLoader::Opened LibraryLoader::TryOpen(const std::string& name) const {
  const bool is_path = name.find('/') != std::string::npos;
  std::error_code ignored;
  if (is_path && !Exists(name)) {
    return Status(ErrorCode::kLibraryNotFound, name + " does not exist.", kInstallHint);
  }
  if (is_path && fs::is_directory(name, ignored)) {
    return Status(ErrorCode::kLibraryInvalid, name + " is a directory, not a library.",
                  "Name the file in it, such as libnvinfer.so.10.");
  }
  std::string error;
  void* handle = dl::Open(name, error);
  if (handle == nullptr) {
    if (!is_path && dl::SaysNotFound(error, name)) {
      return Status(ErrorCode::kLibraryNotFound, "The dynamic linker does not find " + name + ".",
                    kInstallHint);
    }
    return Status(
        ErrorCode::kLibraryInvalid, name + " cannot be opened: " + error + ".",
        "If another library is missing, install it or add its folder to LD_LIBRARY_PATH.");
  }

  auto library = std::make_unique<Library::Impl>();
  library->handle = handle;
  library->path = dl::PathOf(handle);
  library->self_contained = options_.self_contained;
  EntryPoints& entry = library->entry_points;
  dl::Bind(entry.getInferLibVersion, dl::OwnSymbol(handle, "getInferLibVersion"));
  if (entry.getInferLibVersion == nullptr) {
    const bool needs_one = dl::AnySymbol(handle, "getInferLibVersion") != nullptr;
    return Status(ErrorCode::kLibraryInvalid,
                  library->path + (needs_one ? " depends on libnvinfer, but is not libnvinfer."
                                             : " is no TensorRT library: it has no "
                                               "getInferLibVersion."),
                  "Name libnvinfer.so itself.");
  }
  library->version_number = entry.getInferLibVersion();
  library->version = DecodeVersion(library->version_number);
  RETURN_IF_ERROR(CheckVersion(library->version, library->path));

  dl::Bind(entry.createInferRuntime, dl::OwnSymbol(handle, "createInferRuntime_INTERNAL"));
  if (entry.createInferRuntime == nullptr) {
    return Status(ErrorCode::kLibraryInvalid,
                  library->path + " says that it is TensorRT " + library->version.ToString() +
                      ", but has no createInferRuntime_INTERNAL.",
                  "Install TensorRT again: the file is damaged or not NVIDIA's.");
  }
  dl::Bind(entry.createInferBuilder, dl::OwnSymbol(handle, "createInferBuilder_INTERNAL"));
  dl::Bind(entry.createInferRefitter, dl::OwnSymbol(handle, "createInferRefitter_INTERNAL"));
  dl::Bind(entry.getPluginRegistry, dl::OwnSymbol(handle, "getPluginRegistry"));
  dl::Bind(entry.getInferLibBuildVersion, dl::OwnSymbol(handle, "getInferLibBuildVersion"));
  dl::Bind(entry.setInternalLibraryPath, dl::OwnSymbol(handle, "setInternalLibraryPath"));
  if (entry.getInferLibBuildVersion != nullptr) {
    library->version.build = entry.getInferLibBuildVersion();
  }
  // Told by its own export, not by how it was asked for: a plan must meet the runtime that can read it.
  library->is_reference = dl::OwnSymbol(handle, "trtNodeReferenceVersion") != nullptr;
  library->flavor = FlavorOf(library->path, entry.createInferBuilder != nullptr);
  return library;
}

LibraryLoader::Opened LibraryLoader::Search() {
  std::vector<Status> failures;  // of files that exist but cannot be used
  const auto attempt = [&](const std::string& name) -> std::unique_ptr<Library::Impl> {
    Opened opened = TryOpen(name);
    if (opened.ok()) return opened.Take();
    if (opened.error().code != ErrorCode::kLibraryNotFound) failures.push_back(opened.TakeStatus());
    return nullptr;
  };

  for (const std::string& name : LibraryNames()) {
    if (auto library = attempt(name)) return library;
  }
  const std::vector<fs::path> directories = SearchDirectories(environment_);
  for (const fs::path& directory : directories) {
    for (const std::string& name : LibraryNames()) {
      if (!Exists(directory / name)) continue;
      if (auto library = attempt((directory / name).string())) return library;
    }
  }

  SearchUnusable(failures);
  std::string searched = "the dynamic linker (" + LibraryNames().front() + " and the like)";
  for (const fs::path& directory : directories) searched += ", " + directory.string();
  if (failures.empty()) {
    return Status(ErrorCode::kLibraryNotFound,
                  "TensorRT was not found. Searched: " + searched + ".", kInstallHint);
  }
  // A damaged installation says more of what to mend than one of another version.
  Error error = failures.front().error();
  std::string others;
  for (const Status& status : failures) {
    const Error& failure = status.error();
    if (error.code == ErrorCode::kLibraryVersion && failure.code == ErrorCode::kLibraryInvalid) {
      error.code = failure.code;
      error.hint = failure.hint;
    }
    others += " " + failure.message;
  }
  error.message =
      "No TensorRT that can be used was found." + others + " Searched: " + searched + ".";
  return Status(std::move(error));
}

void LibraryLoader::SearchUnusable(std::vector<Status>& failures) const {
  const auto add = [&](const std::string& name) {
    if (Opened opened = TryOpen(name);
        !opened.ok() && opened.error().code != ErrorCode::kLibraryNotFound) {
      failures.push_back(opened.TakeStatus());
    }
  };
  for (const char* name : {"libnvinfer.so.7", "libnvinfer.so.9", "libnvinfer.so.12"}) add(name);
  for (const fs::path& directory : SearchDirectories(environment_)) {
    for (const fs::path& file : OtherLibraries(directory)) add(file.string());
  }
}

}  // namespace trtnode::tensorrt
