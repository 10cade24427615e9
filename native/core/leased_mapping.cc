// Taking the lease, mapping, and stepping aside for a writer.
#include "core/leased_mapping.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <system_error>

#include "core/read_all.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14; the headers may be older than the kernel
#endif

namespace trtnode {
namespace {

// The signal of a broken lease goes to the watching thread alone, which takes it with sigwaitinfo. Its default action is to be ignored
// (that of SIGIO, which the kernel would send if it were not told otherwise, is to end the process), and as no real-time signal it
// cannot fall back to SIGIO when a queue is full.
constexpr int kSignal = SIGURG;

// On these a file changes through this kernel only, which asks the lease. On a network or user-space file system the other side may
// change or withdraw it at any time. An overlay's layers may not be changed behind its back.
bool IsLocal(int fd) {
  constexpr auto kLocal = std::to_array<std::uint32_t>({
      0x0000EF53,  // ext2, ext3, ext4
      0x58465342,  // xfs
      0x9123683E,  // btrfs
      0xF2F52010,  // f2fs
      0x01021994,  // tmpfs
      0x794C7630,  // overlayfs
  });
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return false;
  for (const std::uint32_t type : kLocal) {
    if (static_cast<std::uint32_t>(system.f_type) == type) return true;
  }
  return false;
}

// How large a file can be for its copy to be made well within the time that the kernel gives; 0 if that is unknown.
std::size_t MostBytes() {
  constexpr std::size_t kBytesPerSecond = std::size_t{512} << 20;
  const Descriptor file(::open("/proc/sys/fs/lease-break-time", O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text{};
  const ssize_t got = file.get() < 0 ? 0 : ::read(file.get(), text.data(), text.size());
  unsigned seconds = 0;
  if (got > 0) std::from_chars(text.data(), text.data() + got, seconds);
  return seconds * kBytesPerSecond;
}

bool TakeLease(int fd) {
  const struct f_owner_ex owner{F_OWNER_TID, ::gettid()};
  return ::fcntl(fd, F_SETSIG, kSignal) == 0 && ::fcntl(fd, F_SETOWN_EX, &owner) == 0 &&
         ::fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

void GiveLeaseBack(int fd) { (void)::fcntl(fd, F_SETLEASE, F_UNLCK); }

}  // namespace

std::unique_ptr<LeasedMapping> LeasedMapping::Create(Descriptor& file) {
  std::unique_ptr<LeasedMapping> mapping(new LeasedMapping);  // NOLINT: private constructor
  try {
    mapping->watcher_ = std::thread([self = mapping.get(), fd = file.get()] { self->Watch(fd); });
  } catch (const std::system_error&) {  // no thread to be had
    return nullptr;
  }
  {
    std::unique_lock lock(mapping->mutex_);
    mapping->started_.wait(lock, [&] { return mapping->state_ != State::kStarting; });
    if (mapping->state_ == State::kRefused) return nullptr;
  }
  mapping->file_ = std::move(file);
  return mapping;
}

LeasedMapping::~LeasedMapping() {
  if (watcher_.joinable()) {
    stop_ = true;
    (void)::pthread_kill(watcher_.native_handle(), kSignal);
    watcher_.join();
  }
  region_ = {};
  // Not left to close: a process that is being forked off may still have the descriptor.
  if (file_.get() >= 0) GiveLeaseBack(file_.get());
}

void LeasedMapping::Watch(int fd) {
  // Everybody else's signals belong to other threads.
  sigset_t all;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  const bool mapped = Map(fd);
  {
    const std::lock_guard lock(mutex_);
    state_ = mapped ? State::kMapped : State::kRefused;
    started_.notify_one();
  }
  if (!mapped) return;
  sigset_t awaited;
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, kSignal);
  for (;;) {
    if (::sigwaitinfo(&awaited, nullptr) != kSignal) continue;
    if (stop_) return;
    if (::fcntl(fd, F_GETLEASE) == F_RDLCK) continue;  // somebody else's signal
    // Without memory for a copy the lease is kept, and the writer waits until we are through or the kernel's patience ends.
    if (Detach(fd)) GiveLeaseBack(fd);
    return;
  }
}

bool LeasedMapping::Map(int fd) {
  if (!IsLocal(fd) || !TakeLease(fd)) return false;
  // Only now: before the lease the size may still have changed.
  struct stat info{};
  if (::fstat(fd, &info) == 0 && info.st_size > 0 &&
      static_cast<std::size_t>(info.st_size) <= MostBytes()) {
    region_ = MemoryRegion::OfFile(fd, static_cast<std::size_t>(info.st_size));
  }
  if (!region_.empty()) {
    // Brings all pages in at once, and fails where touching one would be SIGBUS: read() then says what the matter is.
    if (::madvise(region_.data(), region_.size(), MADV_POPULATE_READ) == 0) return true;
    if (errno == EINVAL) {  // an older kernel
      (void)::madvise(region_.data(), region_.size(), MADV_WILLNEED);
      return true;
    }
    region_ = {};
  }
  GiveLeaseBack(fd);
  return false;
}

bool LeasedMapping::Detach(int fd) {
  MemoryRegion copy = MemoryRegion::Anonymous(region_.size());
  // From the file, not from the mapping: a page that cannot be read is then an error and no signal.
  if (copy.empty() || ReadAll(fd, copy.data(), copy.size()) != 0) return false;
  return region_.ReplaceWith(std::move(copy));
}

}  // namespace trtnode
