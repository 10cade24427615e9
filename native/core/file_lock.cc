// Taking a FileLock.
#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace trtnode {
namespace {

// Somebody may remove the file between our opening and locking it, and again.
constexpr int kMostTries = 100;

Status LockError(const std::string& path, const char* call, int error) {
  std::array<char, 128> text{};  // strerror_r: several threads may be here
  Error failure;
  failure.code = ErrorCode::kFile;
  failure.call = call;
  failure.message = "The lock file " + path +
                    " cannot be used: " + ::strerror_r(error, text.data(), text.size()) + ".";
  failure.hint =
      "Check that this user may write to the folder, and that its file system has locks.";
  return Status(std::move(failure));
}

bool Same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::TryAcquire(const std::string& path, unsigned mode) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    // O_NONBLOCK: a FIFO of that name must not hold this thread.
    Descriptor file(::open(
        path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, mode));
    if (file.get() < 0) return LockError(path, "open", errno);
    struct stat opened{};
    if (::fstat(file.get(), &opened) != 0) return LockError(path, "fstat", errno);
    if (!S_ISREG(opened.st_mode)) return LockError(path, "open", EINVAL);
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) return std::optional<FileLock>();
      if (errno == EINTR) continue;
      return LockError(path, "fcntl", errno);
    }
    // A lock on a file that has lost its name excludes nobody.
    struct stat named{};
    if (::lstat(path.c_str(), &named) == 0 && Same(opened, named)) {
      return std::optional<FileLock>(FileLock(std::move(file)));
    }
  }
  return LockError(path, "fcntl", EBUSY);
}

Result<FileLock> FileLock::Acquire(const std::string& path, std::chrono::milliseconds patience,
                                   unsigned mode) {
  const auto end = std::chrono::steady_clock::now() + patience;
  // By trying: waiting in the kernel (F_OFD_SETLKW) could not be given up.
  for (auto pause = std::chrono::milliseconds(1);;
       pause = std::min(pause * 2, std::chrono::milliseconds(50))) {
    ASSIGN_OR_RETURN(std::optional<FileLock> lock, TryAcquire(path, mode));
    if (lock.has_value()) return std::move(*lock);
    if (std::chrono::steady_clock::now() >= end) {
      return Status(ErrorCode::kFile,
                    "The file " + path + " cannot be locked: another process holds it.");
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace trtnode
