// FileLock::TryAcquire: who is excluded, when it ends, and what is refused.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/file_lock.h"
#include "test/check.h"

namespace trtnode {
namespace {

namespace fs = std::filesystem;

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

TEST(EndsWithItsProcessHoweverThatEnds) {
  const Folder folder;
  const std::string path = folder / "lock";
  int ready[2] = {-1, -1};
  CHECK(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = FileLock::TryAcquire(path);
    const char taken = lock.ok() && lock.value().has_value() ? '1' : '0';
    if (::write(ready[1], &taken, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char taken = '0';
  CHECK(::read(ready[0], &taken, 1) == 1);
  CHECK(taken == '1');
  CHECK(!Free(path));
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
  CHECK(Free(path));
  (void)::close(ready[0]);
  (void)::close(ready[1]);
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

}  // namespace
}  // namespace trtnode
