// ReadAll: the first bytes of a file, as many as are asked for.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace trtnode {

inline constexpr int kEndOfFile = -1;

// 0; the errno of what failed; kEndOfFile if the file ends before.
inline int ReadAll(int fd, std::byte* to, std::size_t size) noexcept {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // of one call
  for (std::size_t done = 0; done < size;) {
    const ssize_t got =
        ::pread(fd, to + done, std::min(size - done, kMost), static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return kEndOfFile;
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

}  // namespace trtnode
