// Mode load: how long reading a plan and deserializing it takes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"

namespace trtnode::benchmark {
namespace {

constexpr int kDefaultLoads = 10;
constexpr int kLoadsInARound = 5;

// What a load leaves, freed after the clock was read.
struct Loaded {
  std::shared_ptr<tensorrt::Engine> engine;
  std::unique_ptr<Lane> lane;
};

Result<Loaded> LoadByReading(const World& world, const Arguments& arguments) {
  Loaded loaded;
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(arguments.plan));
  ASSIGN_OR_RETURN(loaded.engine, world.runtime->DeserializeEngine(bytes));
  return loaded;
}

Result<Loaded> LoadByMapping(const World& world, const Arguments& arguments) {
  const int file = open(arguments.plan.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Status(ErrorCode::kFile, "cannot open " + arguments.plan);
  struct stat about{};
  const bool known = fstat(file, &about) == 0 && about.st_size > 0;
  const auto size = static_cast<std::size_t>(about.st_size);
  void* memory =
      known ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return Status(ErrorCode::kFile, "cannot map " + arguments.plan);
  auto engine = world.runtime->DeserializeEngine({static_cast<const std::byte*>(memory), size});
  munmap(memory, size);
  if (!engine.ok()) return engine.TakeStatus();
  return Loaded{engine.Take(), nullptr};
}

Result<Loaded> LoadReady(const World& world, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Loaded loaded, LoadByReading(world, arguments));
  ASSIGN_OR_RETURN(loaded.lane, Lane::Create(world, loaded.engine, arguments, WaitKind::kSync));
  return loaded;
}

}  // namespace

Series MeasureLoad(const World& world, const Arguments& arguments, const std::string& way,
                   int iterations) {
  const auto load = way == "load-mmap"    ? LoadByMapping
                    : way == "load-ready" ? LoadReady
                                          : LoadByReading;
  Series series;
  const std::int64_t start = NowNs();
  for (int i = 0; i < (iterations > 0 ? iterations : kLoadsInARound); ++i) {
    const std::int64_t before = NowNs();
    const auto loaded = load(world, arguments);
    if (!loaded.ok()) {
      series.error = loaded.error().message;
      break;
    }
    series.samples.push_back(NowNs() - before);
    ++series.count;
  }
  series.seconds = static_cast<double>(NowNs() - start) / 1e9;
  return series;
}

std::string MeasureLoads(const World& world, const Arguments& arguments) {
  struct Way {
    const char* name = nullptr;
    Series series;
  };
  Way ways[] = {{"load-read", {}}, {"load-mmap", {}}};
  const int times = arguments.iterations > 0 ? arguments.iterations : kDefaultLoads;
  for (int i = -1; i < times; ++i) {  // the first pair warms the page cache and TensorRT
    for (int k = 0; k < 2; ++k) {
      Way& way = ways[i % 2 == 0 ? k : 1 - k];
      if (!way.series.error.empty()) continue;
      const Series one = MeasureLoad(world, arguments, way.name, 1);
      way.series.error = one.error;
      if (i >= 0 && one.error.empty()) way.series.samples.push_back(one.samples[0]);
    }
  }
  std::string out = "[";
  for (const Way& way : ways) {
    if (out.size() > 1) out += ",\n  ";
    out += std::string("{\"name\":\"") + way.name + "\"," + FiguresJson(way.series.samples) +
           ",\"samples_us\":" + SamplesJson(way.series.samples);
    if (!way.series.error.empty()) out += ",\"error\":" + Quoted(way.series.error);
    out += "}";
  }
  return out + "]";
}

}  // namespace trtnode::benchmark
