// Build: the steps from an ONNX model to a plan.
#include "tensorrt/builder.h"

#include <utility>

#include "tensorrt/build_config.h"
#include "tensorrt/build_objects.h"
#include "tensorrt/build_profiles.h"
#include "tensorrt/build_progress.h"
#include "tensorrt/config_settings.h"
#include "tensorrt/entry_points.h"
#include "tensorrt/network_settings.h"
#include "tensorrt/onnx_parse.h"
#include "tensorrt/timing_cache.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;

Status CheckLibrary(const Library& library) {
  if (library.has_builder()) return Status();
  return Status(ErrorCode::kUnsupported,
                library.path() + " is the lean or dispatch runtime of TensorRT " +
                    library.version().ToString() + ", which has no builder.",
                "Build with the full TensorRT (libnvinfer.so).");
}

Status CreateObjects(BuildObjects& objects, const Library& library, const BuildOptions& options) {
  const EntryPoints& entry = library.entry_points();
  library.PrepareBuilder();
  const int major = objects.major();
  Logger::Scope scope(objects.logger);
  objects.builder = {
      major, entry.createInferBuilder(objects.logger.abi_object(), library.version_number())};
  if (!objects.builder) {
    return objects.Failed(
        ErrorCode::kBuild, "createInferBuilder",
        "TensorRT " + library.version().ToString() + " could not create a builder.", scope,
        "It needs a working NVIDIA driver, a GPU, and libnvinfer_builder_resource beside it.");
  }
  abi::Invoke<m::VBuilder_setErrorRecorder>(major, objects.builder.get(),
                                            objects.recorder.abi_object());
  objects.network = {major, abi::Invoke<m::VBuilder_createNetworkV2>(major, objects.builder.get(),
                                                                     NetworkFlags(major, options))};
  if (!objects.network) {
    return objects.Failed(ErrorCode::kBuild, "IBuilder::createNetworkV2",
                          "TensorRT could not create a network.", scope);
  }
  objects.config = {major,
                    abi::Invoke<m::VBuilder_createBuilderConfig>(major, objects.builder.get())};
  if (!objects.config) {
    return objects.Failed(ErrorCode::kBuild, "IBuilder::createBuilderConfig",
                          "TensorRT could not create a builder configuration.", scope);
  }
  return Status();
}

}  // namespace

Result<std::unique_ptr<HostMemory>> BuildFromOnnx(const std::shared_ptr<Library>& library,
                                                  std::span<const std::byte> model,
                                                  const std::string& model_path,
                                                  const BuildOptions& options) {
  RETURN_IF_ERROR(CheckLibrary(*library));
  RETURN_IF_ERROR(CheckBuildOptions(library->version(), options));
  ASSIGN_OR_RETURN(const ParserEntryPoints* const entry, library->parser());

  const int major = library->abi_major();
  // In the order in which they depend: what TensorRT calls goes last.
  Logger logger(major, options.log_severity, options.log_sink);
  std::optional<BuildProgress> progress;
  BuildObjects objects(library->version(), logger);
  RETURN_IF_ERROR(CreateObjects(objects, *library, options));
  ASSIGN_OR_RETURN(const OnnxParser parser, ParseOnnx(objects, *entry, model, model_path));
  if (!options.engine_name.empty()) {
    abi::Invoke<m::VNetworkDefinition_setName>(major, objects.network.get(),
                                               options.engine_name.c_str());
  }
  RETURN_IF_ERROR(ApplyBuildOptions(objects, options));
  RETURN_IF_ERROR(AddPluginsToSerialize(objects, options, parser.get()));
  RETURN_IF_ERROR(ApplyNetworkSettings(objects, options));
  RETURN_IF_ERROR(AddProfiles(objects, options));
  std::optional<TimingCache> timing_cache;
  if (!options.timing_cache.empty()) {
    ASSIGN_OR_RETURN(timing_cache, TimingCache::Attach(objects, options.timing_cache));
  }
  // Without a monitor a build of TensorRT 8 is silent and cannot be cancelled, but for that it is not to be refused.
  if (options.progress && abi::Supports<m::VBuilderConfig_setProgressMonitor>(library->version())) {
    progress.emplace(options.progress);
    RETURN_IF_ERROR(abi::Call<m::VBuilderConfig_setProgressMonitor>(
        library->version(), objects.config.get(), progress->abi_object()));
  }

  // The builder times kernels on threads of its own.
  Logger::Scope scope(logger, true);
  objects.recorder.clear();
  void* plan = abi::Invoke<m::VBuilder_buildSerializedNetwork>(
      major, objects.builder.get(), *objects.network.get(), *objects.config.get());
  const bool built = abi::IsObject(plan);
  std::unique_ptr<HostMemory> memory;
  if (built) memory = std::make_unique<HostMemory>(major, plan);
  if (progress && progress->cancelled()) {
    return Status(ErrorCode::kAborted, "The build was cancelled.");
  }
  if (!built) {
    return objects.Failed(ErrorCode::kBuild, "IBuilder::buildSerializedNetwork",
                          "TensorRT could not build the model.", scope);
  }
  if (timing_cache) {
    // The plan is there: a cache that cannot be kept is worth a warning, not a failure.
    if (const Status saved = timing_cache->Save(objects); !saved.ok()) {
      logger.Log(Severity::kWarning, saved.error().message);
    }
  }
  return memory;
}

}  // namespace trtnode::tensorrt
