// trtnode_cpp_loop: the C++ peer. What TensorRT and the driver cost when nothing lies between: the measure for trt-node.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>

#include "measure.h"

namespace trtnode::benchmark {
namespace {

std::string Describe(const World& world, const Arguments& arguments) {
  std::string device;
  if (const auto described = world.driver->Describe(0); described.ok())
    device = described.value().name;
  std::string shapes;
  for (const auto& [name, shape] : arguments.shapes) {
    shapes += (shapes.empty() ? "" : ",") + Quoted(name) + ":[";
    for (int i = 0; i < shape.rank(); ++i) shapes += (i > 0 ? "," : "") + std::to_string(shape[i]);
    shapes += "]";
  }
  return "\"peer\":\"cpp\",\"plan\":" + Quoted(arguments.plan) + ",\"shapes\":{" + shapes +
         "},\"profile\":" + std::to_string(arguments.profile) +
         ",\"mode\":" + Quoted(arguments.mode) + ",\"wait\":" + Quoted(arguments.wait) +
         ",\"streams\":" + std::to_string(arguments.streams) +
         ",\"graph\":" + (arguments.graph ? "true" : "false") +
         ",\"copy\":" + (arguments.copy ? "true" : "false") +
         ",\"tensorrt\":" + Quoted(world.library->version().ToString()) +
         ",\"library\":" + Quoted(world.library->path()) +
         ",\"driver\":" + std::to_string(world.driver->version()) + ",\"device\":" + Quoted(device);
}

// The members that follow Describe's in the answer.
Result<std::string> Measure(const World& world, const Arguments& arguments) {
  if (arguments.mode == "load") return "\"results\":" + MeasureLoads(world, arguments);
  ASSIGN_OR_RETURN(const auto plan, ReadFile(arguments.plan));
  ASSIGN_OR_RETURN(const auto engine, world.runtime->DeserializeEngine(plan));
  if (arguments.mode == "completion")
    return "\"results\":" + MeasureCompletion(world, engine, arguments);
  const bool loads = arguments.mode.starts_with("load-");
  if (!loads && arguments.mode != "latency" && arguments.mode != "throughput")
    return Status(ErrorCode::kInvalidArgument, "unknown --mode=" + arguments.mode);
  const auto wait = WaitFromName(arguments.wait);
  if (!wait) return Status(ErrorCode::kInvalidArgument, "unknown --wait=" + arguments.wait);
  ASSIGN_OR_RETURN(const Lanes lanes, MakeLanes(world, engine, arguments, *wait));
  const bool throughput = arguments.mode == "throughput";
  const Round measure = [&](int iterations, int duration_ms) {
    if (loads) return MeasureLoad(world, arguments, arguments.mode, iterations);
    return throughput ? MeasureThroughput(lanes, arguments.copy, iterations, duration_ms)
                      : MeasureLatency(*lanes[0], arguments.copy, iterations, duration_ms);
  };
  const Series warm = measure(0, arguments.warmup_ms);
  if (!warm.error.empty()) return Status(ErrorCode::kExecution, warm.error);
  if (arguments.serve) {
    Serve(arguments, measure,
          "{\"ready\":true," + Describe(world, arguments) +
              ",\"outputs\":" + lanes[0]->OutputsJson() + "}");
    return std::string();
  }
  const Series series = measure(arguments.iterations, arguments.duration_ms);
  char rate[96];
  std::snprintf(rate, sizeof rate, "\"count\":%lld,\"seconds\":%.6f,\"per_second\":%.1f",
                static_cast<long long>(series.count), series.seconds,
                static_cast<double>(series.count) / series.seconds);
  std::string out = rate;
  out += (throughput ? ",\"launch\":{" : ",\"latency\":{") + FiguresJson(series.samples) + "}";
  if (arguments.samples) out += ",\"samples_us\":" + SamplesJson(series.samples);
  if (!series.error.empty()) out += ",\"error\":" + Quoted(series.error);
  return out + ",\"outputs\":" + lanes[0]->OutputsJson();
}

int Print(const Arguments& arguments, const std::string& json, bool good) {
  if (arguments.json.empty()) {
    std::cout << json << '\n';
  } else {
    std::ofstream(arguments.json) << json << '\n';
  }
  std::cout.flush();
  return good ? 0 : 1;
}

int Main(const std::vector<std::string>& words) {
  const auto parsed = ParseArguments(words);
  if (!parsed.ok()) {
    std::cerr << parsed.error().message << '\n' << Usage();
    return 2;
  }
  const Arguments& arguments = parsed.value();
  const auto failed = [&](const Error& error) {
    return Print(arguments,
                 "{\"peer\":\"cpp\",\"mode\":" + Quoted(arguments.mode) +
                     ",\"error\":" + Quoted(error.message) + "}",
                 false);
  };
  auto world = OpenWorld(arguments);
  if (!world.ok()) return failed(world.error());
  const auto measured = Measure(world.value(), arguments);
  if (!measured.ok()) return failed(measured.error());
  if (measured.value().empty()) return 0;
  return Print(arguments,
               "{" + Describe(world.value(), arguments) + ",\n  " + measured.value() + "}", true);
}

}  // namespace
}  // namespace trtnode::benchmark

int main(int argc, char** argv) {
  try {
    return trtnode::benchmark::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
