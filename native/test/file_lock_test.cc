// FileLock: one at a time, also among the threads of a process; holders that are killed; lockf() as trtexec uses it.
#include "core/file_lock.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "test/check.h"

namespace trtnode {
namespace {

using std::chrono::milliseconds;

std::string LockPath(const char* name) {
  return (std::filesystem::temp_directory_path() /
          ("trtnode-" + std::to_string(getpid()) + "-" + name))
      .string();
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

TEST(OneAtATime) {
  const std::string path = LockPath("threads");
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
  std::filesystem::remove(path);
}

TEST(AKilledHolderLetsGo) {
  const std::string path = LockPath("killed");
  const pid_t child = HoldInAChild([&] {
    return std::make_unique<Result<FileLock>>(FileLock::Acquire(path, milliseconds(1000)));
  });
  const Error error = CHECK_FAILS(FileLock::Acquire(path, milliseconds(30)), kFile);
  CHECK_CONTAINS(error.message, "another process holds it");
  Kill(child);
  CHECK_OK(FileLock::Acquire(path, milliseconds(1000)));
  std::filesystem::remove(path);
}

TEST(TrtexecsLockCounts) {
  const std::string path = LockPath("lockf");
  const pid_t child = HoldInAChild([&] {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    return fd >= 0 && lockf(fd, F_LOCK, 0) == 0;
  });
  CHECK_FAILS(FileLock::Acquire(path, milliseconds(30)), kFile);
  Kill(child);
  CHECK_OK(FileLock::Acquire(path, milliseconds(1000)));
  std::filesystem::remove(path);
}

TEST(WhatCannotBeOpened) {
  CHECK_FAILS(FileLock::Acquire("/no/such/folder/lock", milliseconds(30)), kFile);
}

}  // namespace
}  // namespace trtnode
