// FileLock: a lock between processes, and between threads of one, that ends with its holder however that ends.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/descriptor.h"
#include "core/status.h"

namespace trtnode {

// An exclusive lock of an open file description (F_OFD_SETLK) on a file made for the purpose, which stays. It belongs to this object's open file, not to the
// process: two in one process exclude each other, and the kernel lets go however the process dies. It excludes lockf(), which trtexec uses on the
// same file. Children do not inherit it.
class FileLock {
 public:
  // Never waits for the holder: nothing when somebody else has it. kFile: the file cannot be made or opened, is a symbolic link or no regular file, or its file
  // system has no locks.
  static Result<std::optional<FileLock>> TryAcquire(const std::string& path,
                                                    unsigned mode = kPrivate);

  // Waits up to `patience`, then kFile.
  static Result<FileLock> Acquire(const std::string& path, std::chrono::milliseconds patience,
                                  unsigned mode = kShared);

  // Of a file that has to be made, less the umask: for its user alone, or for others of the group as well.
  static constexpr unsigned kPrivate = 0600;
  static constexpr unsigned kShared = 0666;

 private:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
};

}  // namespace trtnode
