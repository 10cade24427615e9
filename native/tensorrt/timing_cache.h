// TimingCache: the builder's measurements, kept in a file from build to build.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "tensorrt/build_objects.h"

namespace trtnode::tensorrt {

class TimingCache {
 public:
  // Reads `path` (a file that does not exist is an empty cache) and gives it to the configuration. A cache that TensorRT refuses,
  // of another GPU or version, is replaced by an empty one with a warning in the log.
  static Result<TimingCache> Attach(BuildObjects& objects, const std::string& path);

  // Adds what was measured to what is in the file by now: other processes may have built meanwhile. One at a time, under the lock of
  // `path`.lock, and through a new file that takes the old one's place, so that a reader never sees half of it.
  Status Save(BuildObjects& objects) const;

 private:
  TimingCache(abi::Owned<abi::VTimingCache> cache, std::string path)
      : cache_(std::move(cache)), path_(std::move(path)) {}

  // What is in the file with ours added; ours alone if the file is of no use.
  Result<std::vector<std::byte>> Merged(BuildObjects& objects) const;

  abi::Owned<abi::VTimingCache> cache_;
  std::string path_;
};

}  // namespace trtnode::tensorrt
