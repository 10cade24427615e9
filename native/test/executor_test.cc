// The executor's parts by themselves, some from many threads (to be run under -DTRT_NODE_SANITIZE=thread as well): the cache of graphs, the pools
// of device memory, and the threads that launch.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "cuda/driver.h"
#include "cuda/stream.h"
#include "executor/activation_pool.h"
#include "executor/clock.h"
#include "executor/device_pool.h"
#include "executor/graph_cache.h"
#include "executor/launcher.h"
#include "test/check.h"

namespace trtnode::executor {
namespace {

// The reference library's first device.
std::shared_ptr<cuda::PrimaryContext> Device() {
  static const std::shared_ptr<cuda::PrimaryContext> context = [] {
    auto driver = cuda::Driver::Open(TRT_NODE_REFERENCE_LIBRARY);
    REQUIRE_OK(driver);
    auto retained = driver.value()->Retain(0);
    REQUIRE_OK(retained);
    return retained.Take();
  }();
  return context;
}

GraphKey Key(std::int64_t extent) {
  GraphKey key;
  key.shapes = {extent};
  key.addresses = {nullptr};
  return key;
}

std::shared_ptr<cuda::Graph> EmptyGraph() {
  const cuda::ContextGuard guard(*Device());
  auto stream = cuda::Stream::Create(Device(), 0);
  REQUIRE_OK(stream);
  REQUIRE_OK(stream.value()->BeginCapture(1));
  auto graph = stream.value()->EndCapture();
  REQUIRE_OK(graph);
  return graph.Take();
}

TEST(CombinationsAreFoundAgainAndToldApart) {
  GraphCache cache(8);
  GraphCache::Entry& first = cache.Find(Key(1));
  first.runs = 5;
  const std::uint64_t id = first.id;
  GraphKey other = Key(1);
  other.profile = 1;
  CHECK_EQ(cache.Find(other).runs, 0);
  other = Key(1);
  other.addresses.push_back(&other);
  CHECK_EQ(cache.Find(other).runs, 0);
  CHECK_EQ(cache.Find(Key(2)).runs, 0);
  CHECK_EQ(cache.Find(Key(1)).runs, 5);
  CHECK_EQ(cache.Find(Key(1)).id, id);
  cache.Clear();
  CHECK(cache.Find(Key(1)).id != id);
}

TEST(TheGraphUsedLongestAgoGoes) {
  GraphCache cache(2);
  const auto graph = EmptyGraph();
  for (const std::int64_t extent : {1, 2}) {
    cache.Keep(cache.Find(Key(extent)), GraphVariant::kLatency, graph, Signal::Mark::kStream);
  }
  (void)cache.Find(Key(1));
  cache.Keep(cache.Find(Key(3)), GraphVariant::kThroughput, graph, Signal::Mark::kWord);
  CHECK(cache.Find(Key(1)).captured());
  CHECK(cache.Find(Key(3)).Of(GraphVariant::kThroughput) == graph.get());
  CHECK(cache.Find(Key(3)).Of(GraphVariant::kLatency) == nullptr);
  CHECK(!cache.Find(Key(2)).captured());
}

TEST(CombinationsWithoutAGraphDoNotPushOutGraphs) {
  GraphCache cache(2);
  const auto graph = EmptyGraph();
  for (const std::int64_t extent : {1, 2}) {
    cache.Keep(cache.Find(Key(extent)), GraphVariant::kLatency, graph, Signal::Mark::kStream);
  }
  for (std::int64_t extent = 10; extent < 100; ++extent) cache.Find(Key(extent)).runs = 1;
  CHECK(cache.Find(Key(1)).captured());
  CHECK(cache.Find(Key(2)).captured());
  CHECK_EQ(cache.Find(Key(99)).runs, 1);
  CHECK_EQ(cache.Find(Key(10)).runs, 0);  // forgotten
  // Two graphs and two without: what is kept is bounded, and the references to it hold (graph, and the cache's).
  CHECK_EQ(graph.use_count(), 3);
}

TEST(ActivationsAreLentAndGrow) {
  ActivationPool pool(Device());
  auto first = pool.Acquire(1000, nullptr);
  REQUIRE_OK(first);
  ActivationPool::Block* const block = first.value();
  void* const memory = block->memory();
  CHECK_EQ(pool.bytes(), block->bytes());
  CHECK(!ActivationPool::TryAcquire(*block, memory));
  auto second = pool.Acquire(1000, block);  // it is lent: another one
  REQUIRE_OK(second);
  CHECK(second.value() != block);
  ActivationPool::Release(*block);
  ActivationPool::Release(*second.value());
  CHECK(ActivationPool::TryAcquire(*block, memory));
  ActivationPool::Release(*block);
  auto third =
      pool.Acquire(500'000, block);  // neither is large enough: one is grown, none is added
  REQUIRE_OK(third);
  CHECK(third.value()->bytes() >= 500'000);
  CHECK_EQ(pool.bytes(), block->bytes() + second.value()->bytes());
  ActivationPool::Release(*third.value());
  // What a graph knows by its address is gone.
  if (third.value() == block) CHECK(!ActivationPool::TryAcquire(*block, memory));
}

TEST(ActivationsAreOneThreadsAtATime) {
  ActivationPool pool(Device());
  constexpr int kThreads = 8;
  std::atomic<int> clashes{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int number = 1; number <= kThreads; ++number) {
    threads.emplace_back([&pool, &clashes, &failures, number] {
      cuda::EnterThread(*Device());
      ActivationPool::Block* mine = nullptr;
      const void* memory = nullptr;
      for (int round = 0; round < 2000; ++round) {
        const auto bytes = static_cast<std::size_t>(4096 * (1 + (round * number) % 7));
        if (round % 3 == 0 || mine == nullptr || !ActivationPool::TryAcquire(*mine, memory)) {
          auto acquired = pool.Acquire(bytes, mine);
          if (!acquired.ok()) {
            ++failures;
            continue;
          }
          mine = acquired.value();
          memory = mine->memory();
          if (mine->bytes() < bytes) ++failures;
        }
        // The reference's device memory is the host's. Not atomic: it is this thread's alone.
        auto* const word = static_cast<int*>(mine->memory());
        *word = number;
        for (int spin = 0; spin < 20; ++spin) CpuRelax();
        if (*word != number) ++clashes;
        ActivationPool::Release(*mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(clashes.load(), 0);
  CHECK_EQ(failures.load(), 0);
  CHECK(pool.bytes() <= std::uint64_t{kThreads} * 4096 * 7);
}

TEST(DeviceBuffersComeBack) {
  const auto pool = std::make_shared<DevicePool>(Device());
  auto first = pool->Acquire(1 << 20);
  REQUIRE_OK(first);
  const cuda::abi::CUdeviceptr address = first.value()->address();
  CHECK_EQ(pool->bytes(), 0U);
  std::shared_ptr<cuda::DeviceBuffer> second = first.Take();
  second.reset();
  CHECK_EQ(pool->bytes(), std::uint64_t{1} << 20);
  auto again = pool->Acquire(900'000);
  REQUIRE_OK(again);
  CHECK_EQ(again.value()->address(), address);
  CHECK_EQ(pool->bytes(), 0U);
  auto wasteful = pool->Acquire(16);
  REQUIRE_OK(wasteful);
  again.Take().reset();
  auto small = pool->Acquire(16);  // not a megabyte for 16 bytes
  REQUIRE_OK(small);
  CHECK(small.value()->address() != address);
}

TEST(TheOldestDeviceBuffersGo) {
  const auto pool = std::make_shared<DevicePool>(Device());
  const auto fill = [&pool](std::size_t bytes) {
    std::vector<std::shared_ptr<cuda::DeviceBuffer>> all;
    for (int i = 0; i < 40; ++i) all.push_back(pool->Acquire(bytes).Take());
  };
  fill(4096);
  const std::uint64_t small = pool->bytes();
  CHECK(small > 0);
  CHECK(small < 40 * 4096);
  fill(65536);
  CHECK_EQ(pool->bytes(), small * 16);
}

TEST(DeviceBuffersOutliveTheirPool) {
  auto pool = std::make_shared<DevicePool>(Device());
  auto kept = pool->Acquire(64);
  REQUIRE_OK(kept);
  pool.reset();
  CHECK(kept.value()->address() != 0);
}

TEST(DeviceBuffersFromManyThreads) {
  const auto pool = std::make_shared<DevicePool>(Device());
  std::vector<std::thread> threads;
  std::atomic<int> clashes{0};
  for (int number = 1; number <= 8; ++number) {
    threads.emplace_back([&pool, &clashes, number] {
      cuda::EnterThread(*Device());
      for (int round = 0; round < 2000; ++round) {
        const auto buffer = pool->Acquire(static_cast<std::size_t>(64 * (1 + round % 5))).Take();
        auto* const word = static_cast<int*>(buffer->pointer());
        *word = number;
        CpuRelax();
        if (*word != number) ++clashes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(clashes.load(), 0);
}

// Pushes `jobs` for 16 slots, of which each is pushed again only after it was launched, as an executor does.
void LaunchMany(bool spin, int most_threads, int jobs, int slow_each) {
  constexpr int kSlots = 16;
  std::array<std::atomic<bool>, kSlots> busy{};
  std::atomic<int> launched{0};
  std::atomic<int> clashes{0};
  Launcher launcher(Device(), most_threads, spin, [&](int slot) {
    if (!busy[static_cast<std::size_t>(slot)].exchange(false)) ++clashes;
    ++launched;
  });
  const std::int64_t end = Now() + std::int64_t{60'000'000'000};
  for (int job = 0; job < jobs; ++job) {
    const int slot = job % kSlots;
    auto& mine = busy[static_cast<std::size_t>(slot)];
    while (mine.load() && Now() < end) std::this_thread::yield();
    REQUIRE(Now() < end);  // else a job was forgotten
    mine = true;
    REQUIRE_OK(launcher.Push(slot, slow_each == 0 || job % slow_each != 0));
  }
  launcher.Stop();
  CHECK_EQ(launched.load(), jobs);
  CHECK_EQ(clashes.load(), 0);
}

TEST(AHundredThousandQuickJobs) { LaunchMany(false, 4, 100'000, 0); }
TEST(AHundredThousandJobsQuickAndSlow) { LaunchMany(false, 4, 100'000, 3); }
TEST(JobsOfSpinningThreads) { LaunchMany(true, 4, 100'000, 7); }
TEST(JobsOfOneThread) { LaunchMany(true, 1, 20'000, 5); }

TEST(WhatIsQueuedAtTheEndIsLaunched) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> launched{0};
    Launcher launcher(Device(), 3, round % 2 == 0, [&](int) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      ++launched;
    });
    for (int slot = 0; slot < 12; ++slot) REQUIRE_OK(launcher.Push(slot, slot % 2 == 0));
    launcher.Stop();
    CHECK_EQ(launched.load(), 12);
  }
}

TEST(ASlowJobDoesNotKeepQuickOnesWaiting) {
  std::atomic<bool> release{false};
  std::atomic<int> quick{0};
  Launcher launcher(Device(), 4, false, [&](int slot) {
    if (slot != 0) {
      ++quick;
      return;
    }
    while (!release.load()) std::this_thread::yield();
  });
  REQUIRE_OK(launcher.Push(0, false));
  for (int slot = 1; slot <= 20; ++slot) REQUIRE_OK(launcher.Push(slot, true));
  const std::int64_t end = Now() + std::int64_t{20'000'000'000};
  while (quick.load() < 20 && Now() < end) std::this_thread::yield();
  CHECK_EQ(quick.load(), 20);
  release = true;
  launcher.Stop();
}

}  // namespace
}  // namespace trtnode::executor
