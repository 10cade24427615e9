// FileLock: one process, and one thread, at a time; of use beside a file that several want to change.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "core/descriptor.h"
#include "core/status.h"

namespace trtnode {

// An exclusive POSIX lock of an open file description (F_OFD_SETLK). The kernel lets go of it when its holder ends, however it
// ends, so nobody can block others for ever; and it excludes lockf(), which trtexec uses on the same file.
class FileLock {
 public:
  // Makes the file `path` if there is none, and leaves it there: deleting it would let two in. kFile when it cannot be made or
  // locked, or when another holds it for longer than `patience`.
  static Result<FileLock> Acquire(const std::string& path, std::chrono::milliseconds patience);

 private:
  explicit FileLock(Descriptor file) noexcept : file_(std::move(file)) {}

  Descriptor file_;  // closing it is letting go
};

}  // namespace trtnode
