// ITimingCache and its file.
#include "tensorrt/timing_cache.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "core/file_lock.h"
#include "tensorrt/engine.h"

namespace trtnode::tensorrt {
namespace {

namespace m = abi::methods;
namespace fs = std::filesystem;

Status FileError(const std::string& path, const char* what) {
  return Status(ErrorCode::kFile, "The timing cache " + path + " cannot be " + what + ": " +
                                      std::strerror(errno) + ".");
}

// Of trtexec or ours: some hundred kilobytes a model. More is something else.
constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 30;

// A holder writes for milliseconds; who holds it for so long is stopped or hung.
constexpr std::chrono::seconds kPatience{30};

Result<std::vector<char>> Read(const std::string& path) {
  std::error_code missing;
  if (!fs::exists(path, missing) && !missing) return std::vector<char>();
  std::error_code unknown;
  const std::uintmax_t size = fs::file_size(path, unknown);
  if (!unknown && size > kMostBytes) {
    return Status(ErrorCode::kFile, "The timing cache " + path + " has " + std::to_string(size) +
                                        " bytes: that is no timing cache.");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) return FileError(path, "read");
  return bytes;
}

abi::Owned<abi::VTimingCache> Create(BuildObjects& objects, const std::vector<char>& bytes) {
  return {objects.major(), abi::Invoke<m::VBuilderConfig_createTimingCache>(
                               objects.major(), objects.config.get(),
                               static_cast<void const*>(bytes.data()), bytes.size())};
}

bool Set(BuildObjects& objects, const abi::Owned<abi::VTimingCache>& cache) {
  // Not ignoring a mismatch: measurements of another GPU would choose slow kernels.
  return cache && abi::Invoke<m::VBuilderConfig_setTimingCache>(
                      objects.major(), objects.config.get(), *cache.get(), false);
}

}  // namespace

Result<TimingCache> TimingCache::Attach(BuildObjects& objects, const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<char> bytes, Read(path));
  Logger::Scope scope(objects.logger);
  abi::Owned<abi::VTimingCache> cache = Create(objects, bytes);
  if (Set(objects, cache)) return TimingCache(std::move(cache), path);
  if (!bytes.empty()) {
    objects.logger.Log(
        Severity::kWarning,
        "The timing cache " + path +
            " is damaged, or of another GPU or TensorRT version: it is started anew.");
    objects.recorder.clear();
    abi::Owned<abi::VTimingCache> empty = Create(objects, {});
    if (Set(objects, empty)) return TimingCache(std::move(empty), path);
  }
  return objects.Failed(ErrorCode::kBuild, "IBuilderConfig::setTimingCache",
                        "TensorRT could not create a timing cache.", scope);
}

Result<std::vector<std::byte>> TimingCache::Merged(BuildObjects& objects) const {
  Logger::Scope scope(objects.logger);
  const abi::VTimingCache::Handle* from = cache_.get();
  abi::Owned<abi::VTimingCache> on_disk;
  if (auto current = Read(path_); current.ok() && !current.value().empty()) {
    on_disk = Create(objects, current.value());
    // False: of another GPU or version. Ours takes its place then.
    if (on_disk && abi::Invoke<m::VTimingCache_combine>(objects.major(), on_disk.get(),
                                                        *cache_.get(), false)) {
      from = on_disk.get();
    }
    objects.recorder.clear();
  }
  void* serialized = abi::Invoke<m::VTimingCache_serialize>(objects.major(), from);
  if (!abi::IsObject(serialized)) {
    return objects.Failed(ErrorCode::kBuild, "ITimingCache::serialize",
                          "TensorRT could not serialize the timing cache.", scope);
  }
  const HostMemory memory(objects.major(), serialized);
  const std::span<const std::byte> bytes = memory.bytes();
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Status TimingCache::Save(BuildObjects& objects) const {
  const auto lock = FileLock::Acquire(path_ + ".lock", kPatience);
  ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, Merged(objects));
  // Unique in this process and among processes, and in the same folder, so that the renaming is atomic.
  static std::atomic<unsigned> counter{0};
  const std::string temporary =
      path_ + "." + std::to_string(getpid()) + "-" + std::to_string(counter++) + ".tmp";
  errno = 0;
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (!file) {
    Status status = FileError(path_, "written");
    fs::remove(temporary, error);
    return status;
  }
  fs::rename(temporary, path_, error);
  if (error) {
    Status status(ErrorCode::kFile,
                  "The timing cache " + path_ + " cannot be replaced: " + error.message() + ".");
    fs::remove(temporary, error);
    return status;
  }
  if (!lock.ok()) {
    // A file system without locks, or a holder that hangs. The file is whole either way.
    objects.logger.Log(Severity::kWarning, lock.error().message +
                                               " The timing cache was written all the same; what "
                                               "others measured just now may be missing in it.");
  }
  return Status();
}

}  // namespace trtnode::tensorrt
