// Library: questions to an opened libnvinfer; the parser beside it.
#include "tensorrt/library.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "tensorrt/library_impl.h"
#include "tensorrt/loader.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;

Status BindParser(void* handle, ParserEntryPoints& parser) {
  dl::Bind(parser.createNvOnnxParser, dl::OwnSymbol(handle, "createNvOnnxParser_INTERNAL"));
  dl::Bind(parser.createNvOnnxParserRefitter,
           dl::OwnSymbol(handle, "createNvOnnxParserRefitter_INTERNAL"));
  dl::Bind(parser.getNvOnnxParserVersion, dl::OwnSymbol(handle, "getNvOnnxParserVersion"));
  if (parser.createNvOnnxParser != nullptr) return Status();
  return Status(ErrorCode::kLibraryInvalid,
                dl::PathOf(handle) + " has no createNvOnnxParser_INTERNAL.",
                "Install TensorRT's ONNX parser again.");
}

}  // namespace

Library::Library(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Library::~Library() = default;

Result<std::shared_ptr<Library>> Library::Open(const LibraryOptions& options) {
  return LibraryLoader(options, SearchEnvironment::Process()).Open();
}

const Version& Library::version() const noexcept { return impl_->version; }
int Library::abi_major() const noexcept { return impl_->version.major; }
std::int32_t Library::version_number() const { return impl_->version_number; }
Flavor Library::flavor() const noexcept { return impl_->flavor; }
bool Library::is_reference() const noexcept { return impl_->is_reference; }
const std::string& Library::path() const noexcept { return impl_->path; }
bool Library::has_builder() const noexcept {
  return impl_->entry_points.createInferBuilder != nullptr;
}
const std::vector<std::string>& Library::plugin_libraries() const noexcept {
  return impl_->plugin_libraries;
}
const EntryPoints& Library::entry_points() const noexcept { return impl_->entry_points; }
const std::vector<std::string>& Library::warnings() const noexcept { return impl_->warnings; }

bool Library::has_parser() const noexcept {
  try {
    return parser().ok();
  } catch (...) {  // out of memory for the answer
    return false;
  }
}

void Library::PrepareBuilder() const {
  const fs::path directory = fs::path(impl_->path).parent_path();
  if (impl_->entry_points.setInternalLibraryPath != nullptr) {
    impl_->entry_points.setInternalLibraryPath(directory.c_str());
    return;
  }
  // Once open, it is found by its name.
  const std::string suffix = ".so." + std::to_string(impl_->version.major) + "." +
                             std::to_string(impl_->version.minor) + "." +
                             std::to_string(impl_->version.patch);
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("libnvinfer_builder_resource") && name.ends_with(suffix)) {
      std::string ignored;  // the builder itself says what it lacks
      dl::Open(it->path().string(), ignored);
    }
  }
}

Result<const ParserEntryPoints*> Library::parser() const {
  Impl& impl = *impl_;
  std::call_once(impl.parser_once, [&impl] {
    if (impl.self_contained) {
      impl.parser_status = BindParser(impl.handle, impl.parser);
      return;
    }
    // Its IParser and IPluginRegistry have orders of their own, which 8.6.1 took back.
    if (impl.version == Version{8, 6, 0, impl.version.build}) {
      impl.parser_status =
          Status(ErrorCode::kUnsupported,
                 "The ONNX parser of TensorRT 8.6.0 (early access) cannot be used: its binary "
                 "interface is another one.",
                 "Install TensorRT 8.6.1.");
      return;
    }
    const std::string name = "libnvonnxparser.so." + std::to_string(impl.version.major);
    const fs::path sibling = fs::path(impl.path).parent_path() / name;
    std::error_code ignored;
    const std::string target = fs::exists(sibling, ignored) ? sibling.string() : name;
    std::string error;
    void* handle = dl::Open(target, error);
    if (handle == nullptr) {
      impl.parser_status =
          Status(dl::SaysNotFound(error, target) ? ErrorCode::kLibraryNotFound
                                                 : ErrorCode::kLibraryInvalid,
                 "TensorRT's ONNX parser " + target + " cannot be opened: " + error + ".",
                 "Install libnvonnxparser of TensorRT " + impl.version.ToString() + " beside " +
                     impl.path + ".");
      return;
    }
    // A parser that calls into another libnvinfer would mix objects of two libraries.
    void* version = dl::AnySymbol(handle, "getInferLibVersion");
    if (version != nullptr &&
        version != reinterpret_cast<void*>(impl.entry_points.getInferLibVersion)) {
      impl.parser_status =
          Status(ErrorCode::kLibraryInvalid,
                 dl::PathOf(handle) + " uses another libnvinfer than " + impl.path + ".",
                 "Put libnvonnxparser of TensorRT " + impl.version.ToString() + " beside it.");
      return;
    }
    impl.parser_status = BindParser(handle, impl.parser);
  });
  if (!impl.parser_status.ok()) return Status(Error(impl.parser_status.error()));
  return static_cast<const ParserEntryPoints*>(&impl.parser);
}

}  // namespace trtnode::tensorrt
