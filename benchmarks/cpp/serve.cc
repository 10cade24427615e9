// The peers' protocol: a round for each line on standard input.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "measure.h"

namespace trtnode::benchmark {
namespace {

// The number after "name": in a line of JSON; 0 if it is not there. The lines are our own run.mjs's: flat objects of numbers.
int NumberIn(std::string_view line, const std::string& name) {
  std::size_t at = line.find("\"" + name + "\"");
  if (at == std::string_view::npos) return 0;
  at = line.find_first_of("0123456789", at + name.size() + 2);
  if (at == std::string_view::npos) return 0;
  int value = 0;
  std::from_chars(line.data() + at, line.data() + line.size(), value);
  return value;
}

}  // namespace

int Serve(const Arguments& arguments, const Round& round, const std::string& ready) {
  std::cout << ready << std::endl;  // NOLINT(performance-avoid-endl): the other side waits for it
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    if (const int warmup_ms = NumberIn(line, "warmupMs"); warmup_ms > 0) round(0, warmup_ms);
    const bool throughput = arguments.mode == "throughput";
    const Series series = round(NumberIn(line, "iterations"), NumberIn(line, "durationMs"));
    char numbers[128];
    std::snprintf(numbers, sizeof numbers, "{\"count\":%lld,\"seconds\":%.6f",
                  static_cast<long long>(series.count), series.seconds);
    std::string answer = numbers;
    if (series.allocations.counted && series.count > 0) {
      const auto runs = static_cast<double>(series.count);
      std::snprintf(numbers, sizeof numbers,
                    ",\"nativeCallsPerRun\":%.4f,\"nativeBytesPerRun\":%.2f",
                    static_cast<double>(series.allocations.calls) / runs,
                    static_cast<double>(series.allocations.bytes) / runs);
      answer += numbers;
    }
    answer += throughput ? ",\"launch\":{" + FiguresJson(series.samples) + "}"
                         : ",\"samples\":" + SamplesJson(series.samples);
    if (!series.error.empty()) answer += ",\"error\":" + Quoted(series.error);
    std::cout << answer << "}" << std::endl;  // NOLINT(performance-avoid-endl)
    if (!series.error.empty()) return 1;
  }
  return 0;
}

}  // namespace trtnode::benchmark
