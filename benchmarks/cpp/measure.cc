// Latency, throughput, ways of waiting, and figures.
#include "measure.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace trtnode::benchmark {
namespace {

constexpr int kLaunchSampling = 16;
constexpr int kCompletionRounds = 10;
constexpr int kChecked = 200;

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

Allocations Counted() {
  static const auto* const counters =
      static_cast<const std::uint64_t* const*>(dlsym(RTLD_DEFAULT, "trtnode_malloc_counters"));
  if (counters == nullptr || *counters == nullptr) return {};
  return {true, (*counters)[0], (*counters)[1]};
}

Allocations CountedSince(const Allocations& before) {
  const Allocations now = Counted();
  return {now.counted, now.calls - before.calls, now.bytes - before.bytes};
}

double Microseconds(std::int64_t ns) { return static_cast<double>(ns) / 1000; }

}  // namespace

std::int64_t NowNs() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string FiguresJson(const std::vector<std::int64_t>& samples) {
  std::string out = "\"count\":" + std::to_string(samples.size());
  if (samples.empty()) return out;
  std::vector<std::int64_t> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const auto percentile = [&](double p) {
    const auto n = static_cast<std::int64_t>(sorted.size());
    const auto above = static_cast<std::int64_t>((1 - p / 100) * static_cast<double>(n));
    return Microseconds(sorted[static_cast<std::size_t>(std::max<std::int64_t>(n - 1 - above, 0))]);
  };
  double sum = 0;
  for (const std::int64_t one : sorted) sum += Microseconds(one);
  out += Format(",\"p50_us\":%.2f", percentile(50)) + Format(",\"p95_us\":%.2f", percentile(95)) +
         Format(",\"p99_us\":%.2f", percentile(99)) +
         Format(",\"mean_us\":%.2f", sum / static_cast<double>(sorted.size())) +
         Format(",\"min_us\":%.2f", Microseconds(sorted.front())) +
         Format(",\"max_us\":%.2f", Microseconds(sorted.back()));
  return out;
}

std::string SamplesJson(const std::vector<std::int64_t>& samples) {
  std::string out = "[";
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i > 0) out += ',';
    out += Format("%.2f", Microseconds(samples[i]));
  }
  return out + "]";
}

Result<Lanes> MakeLanes(const World& world, const std::shared_ptr<tensorrt::Engine>& engine,
                        const Arguments& arguments, WaitKind wait) {
  Lanes lanes;
  for (int i = 0; i < arguments.streams; ++i) {
    ASSIGN_OR_RETURN(auto lane, Lane::Create(world, engine, arguments, wait));
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

Series MeasureLatency(Lane& lane, bool copy, int iterations, int duration_ms) {
  Series series;
  series.samples.reserve(iterations > 0 ? static_cast<std::size_t>(iterations) : 1 << 20);
  const Allocations before_all = Counted();
  const std::int64_t start = NowNs();
  const std::int64_t end = start + std::int64_t{duration_ms} * 1000000;
  std::int64_t before = start;
  while (iterations > 0 ? series.count < iterations : before < end) {
    before = NowNs();
    if (!lane.Once(copy)) {
      series.error = lane.failure();
      break;
    }
    series.samples.push_back(NowNs() - before);
    ++series.count;
  }
  series.seconds = static_cast<double>(NowNs() - start) / 1e9;
  series.allocations = CountedSince(before_all);
  return series;
}

Series MeasureThroughput(const Lanes& lanes, bool copy, int iterations, int duration_ms) {
  Series series;
  series.samples.reserve(1 << 18);
  std::size_t launched = 0;
  const auto launch = [&](Lane& lane) {
    if (copy) lane.CopyIn();
    if (launched++ % kLaunchSampling != 0) return lane.Launch();
    const std::int64_t before = NowNs();
    const bool good = lane.Launch();
    series.samples.push_back(NowNs() - before);
    return good;
  };
  const auto finish = [&](Lane& lane) {
    if (!lane.Wait()) return false;
    if (copy) lane.CopyOut();
    ++series.count;
    return true;
  };
  const Allocations before_all = Counted();
  const std::int64_t start = NowNs();
  const std::int64_t end = start + std::int64_t{duration_ms} * 1000000;
  Lane* failed = nullptr;
  for (const auto& lane : lanes)
    if (!launch(*lane)) failed = lane.get();
  while (failed == nullptr && (iterations > 0 ? series.count < iterations : NowNs() < end)) {
    for (const auto& lane : lanes) {
      if (finish(*lane) && launch(*lane)) continue;
      failed = lane.get();
      break;
    }
  }
  for (const auto& lane : lanes)
    if (failed == nullptr && !finish(*lane)) failed = lane.get();
  series.seconds = static_cast<double>(NowNs() - start) / 1e9;
  series.allocations = CountedSince(before_all);
  if (failed != nullptr) series.error = failed->failure();
  return series;
}

std::string MeasureCompletion(const World& world, const std::shared_ptr<tensorrt::Engine>& engine,
                              const Arguments& arguments) {
  struct Entry {
    WaitKind wait;
    std::unique_ptr<Lane> lane;
    Series total;
    int right = 0;
  };
  std::vector<Entry> entries;
  for (const WaitKind wait : kAllWaits) {
    Entry entry{wait, nullptr, {}, 0};
    auto lane = Lane::Create(world, engine, arguments, wait);
    if (lane.ok()) {
      entry.lane = lane.Take();
      MeasureLatency(*entry.lane, arguments.copy, 0, arguments.warmup_ms / 4);
      entry.right = entry.lane->CountRight(kChecked);
    } else {
      entry.total.error = lane.error().message;
    }
    entries.push_back(std::move(entry));
  }
  const int per_round = arguments.iterations / kCompletionRounds;
  for (int round = 0; round < kCompletionRounds; ++round) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      Entry& entry = entries[round % 2 == 0 ? i : entries.size() - 1 - i];
      if (entry.lane == nullptr || !entry.total.error.empty()) continue;
      MeasureLatency(*entry.lane, arguments.copy, 100, 0);  // warm again after the others
      const Series one = MeasureLatency(*entry.lane, arguments.copy, per_round,
                                        arguments.duration_ms / kCompletionRounds);
      entry.total.samples.insert(entry.total.samples.end(), one.samples.begin(), one.samples.end());
      entry.total.error = one.error;
    }
  }
  std::string out = "[";
  for (const Entry& entry : entries) {
    if (out.size() > 1) out += ",\n  ";
    out +=
        "{\"name\":\"" + std::string(NameOf(entry.wait)) + "\"," + FiguresJson(entry.total.samples);
    if (entry.lane != nullptr)
      out += ",\"right\":" + std::to_string(entry.right) + ",\"of\":" + std::to_string(kChecked);
    if (!entry.total.error.empty()) out += ",\"error\":" + Quoted(entry.total.error);
    if (arguments.samples) out += ",\"samples_us\":" + SamplesJson(entry.total.samples);
    out += "}";
  }
  return out + "]";
}

}  // namespace trtnode::benchmark
