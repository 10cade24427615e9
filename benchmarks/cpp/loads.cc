// Mode load: how long reading a plan and deserializing it takes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"

namespace trtnode::benchmark {
namespace {

constexpr int kDefaultLoads = 10;

Status LoadByReading(const World& world, const std::string& path) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  ASSIGN_OR_RETURN(const auto engine, world.runtime->DeserializeEngine(bytes));
  return Status();
}

Status LoadByMapping(const World& world, const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Status(ErrorCode::kFile, "cannot open " + path);
  struct stat about{};
  const bool known = fstat(file, &about) == 0 && about.st_size > 0;
  const auto size = static_cast<std::size_t>(about.st_size);
  void* memory =
      known ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return Status(ErrorCode::kFile, "cannot map " + path);
  Status status =
      world.runtime->DeserializeEngine({static_cast<const std::byte*>(memory), size}).TakeStatus();
  munmap(memory, size);
  return status;
}

}  // namespace

std::string MeasureLoads(const World& world, const Arguments& arguments) {
  struct Way {
    const char* name;
    Status (*load)(const World&, const std::string&);
    Series series;
  };
  Way ways[] = {{"read", LoadByReading, {}}, {"mmap", LoadByMapping, {}}};
  const int times = arguments.iterations > 0 ? arguments.iterations : kDefaultLoads;
  for (int i = -1; i < times; ++i) {  // the first pair warms the page cache and TensorRT
    for (int k = 0; k < 2; ++k) {
      Way& way = ways[i % 2 == 0 ? k : 1 - k];
      if (!way.series.error.empty()) continue;
      const std::int64_t before = NowNs();
      const Status status = way.load(world, arguments.plan);
      if (!status.ok()) way.series.error = status.error().message;
      if (i >= 0 && status.ok()) way.series.samples.push_back(NowNs() - before);
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
