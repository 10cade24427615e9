// Reading the command line of trtnode_cpp_loop.
#include "arguments.h"

#include <charconv>
#include <string_view>

namespace trtnode::benchmark {
namespace {

Status Wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Result<int> Number(const std::string& name, const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    return Wrong("--" + name + "=" + text + " is not a number");
  return value;
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(separator, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

// x:8x64,mask:1x200
Status ParseShapes(const std::string& text, std::map<std::string, Dims>* shapes) {
  for (const std::string& one : Split(text, ',')) {
    const std::size_t colon = one.rfind(':');
    if (colon == std::string::npos)
      return Wrong("--shapes wants NAME:1x2x3[,…], not '" + one + "'");
    std::vector<std::int64_t> dims;
    if (colon + 1 < one.size()) {
      for (const std::string& dim : Split(one.substr(colon + 1), 'x')) {
        ASSIGN_OR_RETURN(const int value, Number("shapes", dim));
        dims.push_back(value);
      }
    }
    const auto shape = Dims::From(dims);
    if (!shape) return Wrong("--shapes has more than eight dimensions for '" + one + "'");
    shapes->insert_or_assign(one.substr(0, colon), *shape);
  }
  return Status();
}

}  // namespace

const char* Usage() {
  return "usage: trtnode_cpp_loop PLAN [--shapes=x:8x64[,…]] [--profile=N]\n"
         "  --mode=latency|throughput|completion|load|load-read|load-mmap|load-ready   --streams=N "
         "  --graph=0|1   --copy=0|1\n"
         "  --iterations=N (0: for --duration-ms)   --warmup-ms=1000   --duration-ms=2000\n"
         "  "
         "--wait=sync|query|event|event-external|flag-memop|flag-memset|flag-memcpy|hostfunc|"
         "blocking\n"
         "  --json=FILE   --samples=0|1   --serve   --library=PATH\n"
         "  --runtime=tensorrt|reference   --onnxruntime=PATH (reference alone)\n";
}

Result<Arguments> ParseArguments(const std::vector<std::string>& words) {
  Arguments out;
  for (const std::string& word : words) {
    if (!word.starts_with("--")) {
      if (!out.plan.empty()) return Wrong("two plans: " + out.plan + " and " + word);
      out.plan = word;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const std::string text = equals == std::string::npos ? "1" : word.substr(equals + 1);
    const std::map<std::string_view, std::string*> texts = {{"mode", &out.mode},
                                                            {"wait", &out.wait},
                                                            {"json", &out.json},
                                                            {"library", &out.library},
                                                            {"onnxruntime", &out.onnxruntime}};
    const std::map<std::string_view, int*> numbers = {{"streams", &out.streams},
                                                      {"profile", &out.profile},
                                                      {"iterations", &out.iterations},
                                                      {"warmup-ms", &out.warmup_ms},
                                                      {"duration-ms", &out.duration_ms}};
    const std::map<std::string_view, bool*> switches = {{"graph", &out.graph},
                                                        {"copy", &out.copy},
                                                        {"samples", &out.samples},
                                                        {"serve", &out.serve}};
    if (const auto found = texts.find(name); found != texts.end()) {
      *found->second = text;
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      ASSIGN_OR_RETURN(*number->second, Number(name, text));
    } else if (const auto flag = switches.find(name); flag != switches.end()) {
      ASSIGN_OR_RETURN(const int value, Number(name, text));
      *flag->second = value != 0;
    } else if (name == "shapes") {
      RETURN_IF_ERROR(ParseShapes(text, &out.shapes));
    } else if (name == "runtime") {
      out.reference = text == "reference";
      if (!out.reference && text != "tensorrt") return Wrong("--runtime=" + text + " is unknown");
    } else {
      return Wrong("unknown option --" + name);
    }
  }
  if (out.plan.empty()) return Wrong("which plan?");
  if (out.streams < 1) return Wrong("--streams must be at least 1");
  if (out.reference && (out.library.empty() || out.onnxruntime.empty()))
    return Wrong("--runtime=reference needs --library and --onnxruntime");
  return out;
}

}  // namespace trtnode::benchmark
