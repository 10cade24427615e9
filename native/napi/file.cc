// Reading files.
#include "napi/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace trtnode::napi {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) (void)::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  const int fd_;
};

// strerrorname_np came with glibc 2.32; JetPack 5 has 2.31.
const char* ErrorName(int error) noexcept {
  switch (error) {
    case EACCES:
      return "EACCES";
    case EIO:
      return "EIO";
    case EISDIR:
      return "EISDIR";
    case ELOOP:
      return "ELOOP";
    case EMFILE:
      return "EMFILE";
    case ENAMETOOLONG:
      return "ENAMETOOLONG";
    case ENFILE:
      return "ENFILE";
    case ENOENT:
      return "ENOENT";
    case ENOMEM:
      return "ENOMEM";
    case ENOTDIR:
      return "ENOTDIR";
    case EPERM:
      return "EPERM";
    case ESTALE:
      return "ESTALE";
    default:
      return nullptr;
  }
}

Status FileError(const std::string& path, const char* call, int error) {
  const char* known = ErrorName(error);
  const std::string name = known != nullptr ? known : "errno " + std::to_string(error);
  Error failure;
  failure.code = ErrorCode::kFile;
  failure.call = call;
  std::array<char, 128> text{};  // strerror_r: several threads may be here
  failure.message = "The file " + path + " cannot be read: " + name + ": " +
                    ::strerror_r(error, text.data(), text.size()) + ".";
  return Status(std::move(failure));
}

Status Changed(const std::string& path) {
  return Status(ErrorCode::kFile, "The file " + path + " was changed while it was read.",
                "Replace plans by renaming a complete new file over the old one.");
}

}  // namespace

Result<FileContents> ReadWholeFile(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError(path, "open", errno);
  struct stat before{};
  if (::fstat(file.get(), &before) != 0) return FileError(path, "fstat", errno);
  if (S_ISDIR(before.st_mode)) return FileError(path, "open", EISDIR);
  if (!S_ISREG(before.st_mode)) {
    return Status(ErrorCode::kFile, "The file " + path + " is no regular file.");
  }
  FileContents contents;
  contents.size = static_cast<std::size_t>(before.st_size);
  contents.data =
      std::make_unique_for_overwrite<std::byte[]>(std::max<std::size_t>(contents.size, 1));
  std::size_t done = 0;
  while (done < contents.size) {
    constexpr std::size_t kMost = std::size_t{1} << 30;
    const ssize_t got =
        ::read(file.get(), contents.data.get() + done, std::min(contents.size - done, kMost));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, "read", errno);
    if (got == 0) return Changed(path);
    done += static_cast<std::size_t>(got);
  }
  struct stat after{};
  if (::fstat(file.get(), &after) != 0) return FileError(path, "fstat", errno);
  if (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    return Changed(path);
  }
  return contents;
}

}  // namespace trtnode::napi
