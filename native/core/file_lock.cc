// fcntl's locks of open file descriptions.
#include "core/file_lock.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace trtnode {

Result<FileLock> FileLock::Acquire(const std::string& path, std::chrono::milliseconds patience) {
  constexpr int kMode = 0666;  // less the umask: others of the group may build too
  const auto failed = [&path](int error) {
    return Status(ErrorCode::kFile,
                  "The file " + path + " cannot be locked: " +
                      (error == EAGAIN ? "another process holds it" : std::strerror(error)) + ".");
  };
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (file.get() < 0) return failed(errno);
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const auto end = std::chrono::steady_clock::now() + patience;
  // By trying: waiting in the kernel (F_OFD_SETLKW) could not be given up.
  for (auto pause = std::chrono::milliseconds(1); ::fcntl(file.get(), F_OFD_SETLK, &lock) != 0;
       pause = std::min(pause * 2, std::chrono::milliseconds(50))) {
    const int error = errno == EACCES ? EAGAIN : errno;
    if (error == EINTR) continue;
    if (error != EAGAIN || std::chrono::steady_clock::now() >= end) return failed(error);
    std::this_thread::sleep_for(pause);
  }
  return FileLock(std::move(file));
}

}  // namespace trtnode
