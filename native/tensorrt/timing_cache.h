// TimingCache: the builder's measurements, kept in a file from build to build.
#pragma once

#include <string>

#include "core/status.h"
#include "tensorrt/build_objects.h"

namespace trtnode::tensorrt {

class TimingCache {
 public:
  // Reads `path` (a file that does not exist is an empty cache) and gives it to the configuration. A cache that TensorRT refuses,
  // of another GPU or version, is replaced by an empty one with a warning in the log.
  static Result<TimingCache> Attach(BuildObjects& objects, const std::string& path);

  // Writes it back, through a new file that takes the old one's place, so that a reader never sees half of it.
  Status Save(BuildObjects& objects) const;

 private:
  TimingCache(abi::Owned<abi::VTimingCache> cache, std::string path)
      : cache_(std::move(cache)), path_(std::move(path)) {}

  abi::Owned<abi::VTimingCache> cache_;
  std::string path_;
};

}  // namespace trtnode::tensorrt
