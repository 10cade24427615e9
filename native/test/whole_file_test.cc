// WholeFile and LeasedMapping: what is mapped, what is read, what is refused, and writers that come while a file is in use.
#include "core/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "test/check.h"

namespace trtnode {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// A folder of its own, removed afterwards.
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

std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 % 251);
  return text;
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string Text(const WholeFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whether leases can be had here at all: in some sandboxes and on some file systems they cannot.
bool LeasesWork() {
  const Folder folder;
  Write(folder / "file", "1");
  const Descriptor file(::open((folder / "file").c_str(), O_RDONLY | O_CLOEXEC));
  const bool works = ::fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0;
  if (works) (void)::fcntl(file.get(), F_SETLEASE, F_UNLCK);
  if (!works) std::cout << "(no leases here)\n";
  return works;
}

TEST(MapsAndGivesTheBytes) {
  const Folder folder;
  const std::string text = Pattern(5'000'003);
  Write(folder / "file", text);
  auto file = WholeFile::Open(folder / "file");
  REQUIRE_OK(file);
  CHECK_EQ(file.value().mapped(), LeasesWork());
  CHECK(Text(file.value()) == text);
  auto again = WholeFile::Open(folder / "file");  // readers do not disturb each other
  REQUIRE_OK(again);
  CHECK_EQ(again.value().mapped(), file.value().mapped());
  CHECK(Text(again.value()) == text);
}

TEST(EmptyFilesHaveNoBytes) {
  const Folder folder;
  Write(folder / "file", "");
  auto file = WholeFile::Open(folder / "file");
  REQUIRE_OK(file);
  CHECK(file.value().bytes().empty());
}

TEST(WhatIsNoRegularFileIsRefused) {
  const Folder folder;
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open(folder / "none"), kFile).message, "ENOENT");
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open(folder / ""), kFile).message, "EISDIR");
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open("/dev/zero"), kFile).message, "no regular file");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open(folder / "fifo"), kFile).message, "no regular file");
  REQUIRE(::symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open(folder / "loop"), kFile).message, "ELOOP");
}

TEST(NoPermission) {
  if (::geteuid() == 0) return;  // root may read everything
  const Folder folder;
  Write(folder / "file", "1");
  fs::permissions(folder / "file", fs::perms::none);
  CHECK_CONTAINS(CHECK_FAILS(WholeFile::Open(folder / "file"), kFile).message, "EACCES");
}

TEST(LargerThanAnyMemoryIsAnError) {
  const Folder folder;
  Write(folder / "file", "1");
  constexpr off_t kLarge = off_t{1} << 43;                         // 8 TiB, nearly all of it a hole
  if (::truncate((folder / "file").c_str(), kLarge) != 0) return;  // not on this file system
  const Error error = CHECK_FAILS(WholeFile::Open(folder / "file"), kOutOfMemory);
  CHECK(error.requested_bytes == static_cast<std::uint64_t>(kLarge));
}

TEST(ReadsWhereSomebodyMayWrite) {
  const Folder folder;
  const std::string text = Pattern(100'000);
  Write(folder / "file", text);
  const Descriptor writer(::open((folder / "file").c_str(), O_RDWR | O_CLOEXEC));
  auto file = WholeFile::Open(folder / "file");
  REQUIRE_OK(file);
  CHECK(!file.value().mapped());
  REQUIRE(::ftruncate(writer.get(), 0) == 0);
  CHECK(Text(file.value()) == text);
}

TEST(ReadsOnFileSystemsThatAreNotLocal) {
  auto file = WholeFile::Open("/proc/self/cmdline");  // a size of 0, as all of /proc
  REQUIRE_OK(file);
  CHECK(!file.value().mapped());
}

// What a writer does to a file in use must neither kill the reader nor reach it, and the writer must not wait for long.
void DisturbedBy(const std::function<bool(const std::string&)>& writer) {
  if (!LeasesWork()) return;
  const Folder folder;
  const std::string path = folder / "file";
  const std::string text = Pattern(20'000'001);
  Write(path, text);
  auto opened = WholeFile::Open(path);
  REQUIRE_OK(opened);
  const WholeFile file = opened.Take();
  REQUIRE(file.mapped());
  const std::byte* const address = file.bytes().data();
  const auto start = steady_clock::now();
  auto done = std::async(std::launch::async, [&] { return writer(path); });
  // Reads all the time, as TensorRT would, while the mapping is replaced under it.
  std::size_t reads = 0;
  while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    CHECK(Text(file) == text);
    if (++reads == 1000) break;
  }
  CHECK(done.get());
  CHECK(steady_clock::now() - start < std::chrono::seconds(20));
  CHECK(Text(file) == text);
  CHECK(file.bytes().data() == address);
  CHECK(fs::file_size(path) < text.size());
}

TEST(TruncatedWhileInUse) {
  DisturbedBy([](const std::string& path) { return ::truncate(path.c_str(), 0) == 0; });
}

TEST(OverwrittenWhileInUse) {
  DisturbedBy([](const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    return file.get() >= 0 && ::write(file.get(), "new", 3) == 3;
  });
}

TEST(ReplacedByRenamingWhileInUse) {
  const Folder folder;
  const std::string text = Pattern(10'000);
  Write(folder / "file", text);
  auto file = WholeFile::Open(folder / "file");
  REQUIRE_OK(file);
  Write(folder / "new", "new");
  fs::rename(folder / "new", folder / "file");
  CHECK(Text(file.value()) == text);
  auto renamed = WholeFile::Open(folder / "file");
  REQUIRE_OK(renamed);
  CHECK_EQ(Text(renamed.value()), "new");
}

TEST(AfterwardsNobodyWaits) {
  const Folder folder;
  Write(folder / "file", "some bytes");
  CHECK_OK(WholeFile::Open(folder / "file"));
  const Descriptor writer(::open((folder / "file").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(writer.get() >= 0);
}

int signals = 0;

TEST(NobodyElseSeesTheSignal) {
  struct sigaction count{};
  struct sigaction before{};
  count.sa_handler = [](int) { ++signals; };
  ::sigaction(SIGURG, &count, &before);
  DisturbedBy([](const std::string& path) { return ::truncate(path.c_str(), 0) == 0; });
  ::sigaction(SIGURG, &before, nullptr);
  CHECK_EQ(signals, 0);
}

TEST(ManyAtOnce) {
  const Folder folder;
  const std::string path = folder / "file";
  const std::string text = Pattern(300'000);
  Write(path, text);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        auto file = WholeFile::Open(path);
        if (file.ok() && Text(file.value()) == text) ++right;
      }
    });
  }
  // Opens for writing, and changes nothing.
  for (int i = 0; i < 50; ++i) {
    const Descriptor writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    CHECK(writer.get() >= 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(right.load(), 200);
}

}  // namespace
}  // namespace trtnode
