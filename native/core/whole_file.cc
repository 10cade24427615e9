// Opening, mapping or reading a file, and what is said when that fails.
#include "core/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/descriptor.h"
#include "core/read_all.h"

namespace trtnode {
namespace {

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

// Without waiting for a FIFO's writer. Only a file that somebody holds a write lease on answers EWOULDBLOCK: its owner is waited for.
int OpenToRead(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  const int fd = ::open(path.c_str(), kFlags | O_NONBLOCK);
  return fd < 0 && errno == EWOULDBLOCK ? ::open(path.c_str(), kFlags) : fd;
}

bool SameContents(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Result<MemoryRegion> Read(const std::string& path, int fd, const struct stat& before) {
  const auto size = static_cast<std::size_t>(before.st_size);
  MemoryRegion memory = MemoryRegion::Anonymous(size);
  if (memory.empty() && size > 0) {
    Error error;
    error.code = ErrorCode::kOutOfMemory;
    error.message =
        "There is no memory for the " + std::to_string(size) + " bytes of the file " + path + ".";
    error.requested_bytes = size;
    return Status(std::move(error));
  }
  const int error = ReadAll(fd, memory.data(), size);
  if (error == kEndOfFile) return Changed(path);
  if (error != 0) return FileError(path, "read", error);
  struct stat after{};
  if (::fstat(fd, &after) != 0) return FileError(path, "fstat", errno);
  if (!SameContents(before, after)) return Changed(path);
  return memory;
}

}  // namespace

Result<WholeFile> WholeFile::Open(const std::string& path) {
  Descriptor file(OpenToRead(path));
  if (file.get() < 0) return FileError(path, "open", errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return FileError(path, "fstat", errno);
  if (S_ISDIR(info.st_mode)) return FileError(path, "open", EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return Status(ErrorCode::kFile, "The file " + path + " is no regular file.");
  }
  WholeFile whole;
  whole.mapping_ = LeasedMapping::Create(file);
  if (!whole.mapping_) {
    ASSIGN_OR_RETURN(whole.memory_, Read(path, file.get(), info));
  }
  return whole;
}

}  // namespace trtnode
