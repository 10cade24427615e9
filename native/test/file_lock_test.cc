// FileLock: one at a time, also among the threads of a process; holders that are killed; lockf() as trtexec uses it; what is refused.
#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "test/check.h"

namespace trtnode {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "trt-node-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

bool Free(const std::string& path) {
  auto lock = FileLock::TryAcquire(path);
  return lock.ok() && lock.value().has_value();
}

// A process that takes the lock with `take`, says so, and waits to be killed.
template <typename F>
pid_t HoldInAChild(F&& take) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto held = take();
    char byte = held ? 'y' : 'n';
    (void)!write(pipe_ends[1], &byte, 1);
    for (;;) pause();
  }
  char byte = 0;
  REQUIRE(read(pipe_ends[0], &byte, 1) == 1);
  CHECK_EQ(byte, 'y');
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  return child;
}

void Kill(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(OneHolderAtATimeInOneProcessToo) {
  const Folder folder;
  const std::string path = folder / "lock";
  {
    auto lock = FileLock::TryAcquire(path);
    CHECK(lock.ok() && lock.value().has_value());
    auto other = FileLock::TryAcquire(path);
    CHECK(other.ok() && !other.value().has_value());
    CHECK(Free(folder / "another"));
  }
  CHECK(Free(path));
  struct stat made{};
  CHECK(::stat(path.c_str(), &made) == 0);
  CHECK((made.st_mode & 0777U) == 0600U);
}

TEST(OneAtATime) {
  const Folder folder;
  const std::string path = folder / "lock";
  int value = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        const auto lock = FileLock::Acquire(path, milliseconds(20000));
        REQUIRE_OK(lock);
        const int seen = value;
        std::this_thread::yield();
        value = seen + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(value, 160);
}

TEST(AKilledHolderLetsGo) {
  const Folder folder;
  const std::string path = folder / "lock";
  const pid_t child = HoldInAChild([&] {
    return std::make_unique<Result<FileLock>>(FileLock::Acquire(path, milliseconds(1000)));
  });
  const Error error = CHECK_FAILS(FileLock::Acquire(path, milliseconds(30)), kFile);
  CHECK_CONTAINS(error.message, "another process holds it");
  Kill(child);
  CHECK_OK(FileLock::Acquire(path, milliseconds(1000)));
}

TEST(TrtexecsLockCounts) {
  const Folder folder;
  const std::string path = folder / "lock";
  const pid_t child = HoldInAChild([&] {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    return fd >= 0 && lockf(fd, F_LOCK, 0) == 0;
  });
  CHECK_FAILS(FileLock::Acquire(path, milliseconds(30)), kFile);
  Kill(child);
  CHECK_OK(FileLock::Acquire(path, milliseconds(1000)));
}

TEST(RemovedFilesHoldNobodyUp) {
  const Folder folder;
  const std::string path = folder / "lock";
  auto old = FileLock::TryAcquire(path);
  CHECK(old.ok() && old.value().has_value());
  CHECK(::unlink(path.c_str()) == 0);
  auto lock = FileLock::TryAcquire(path);
  CHECK(lock.ok() && lock.value().has_value());
  CHECK(!Free(path));
}

TEST(WhatIsNoFileOfOursIsRefused) {
  const Folder folder;
  const auto refused = [](const std::string& path) {
    auto lock = FileLock::TryAcquire(path);
    return !lock.ok() && lock.error().code == ErrorCode::kFile && !lock.error().hint.empty();
  };
  CHECK(::symlink("target", (folder / "link").c_str()) == 0);
  CHECK(refused(folder / "link"));
  CHECK(!fs::exists(folder / "target"));
  CHECK(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(refused(folder / "fifo"));
  CHECK(fs::create_directory(folder / "folder"));
  CHECK(refused(folder / "folder"));
  CHECK(refused(folder / "no/such/folder"));
}

TEST(WhatCannotBeOpened) {
  CHECK_FAILS(FileLock::Acquire("/no/such/folder/lock", milliseconds(30)), kFile);
}

}  // namespace
}  // namespace trtnode
