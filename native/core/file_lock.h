// FileLock: a lock between processes, and between threads of one, that ends with its holder however that ends.
#pragma once

#include <optional>
#include <string>

#include "core/descriptor.h"
#include "core/status.h"

namespace trtnode {

// flock() on a file made for the purpose, mode 0600. It belongs to this object's open file, not to the process: two in one process exclude each other, and the
// kernel lets go when the process dies. Children do not inherit it.
class FileLock {
 public:
  // Never waits for the holder: nothing when somebody else has it. kFile: the file cannot be made or opened, is a symbolic link or no regular file, or its file
  // system has no locks.
  static Result<std::optional<FileLock>> TryAcquire(const std::string& path);

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace trtnode
