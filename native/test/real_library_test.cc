// NVIDIA's real libraries on a machine without a GPU: TRT_NODE_TEST_LIBRARIES=PATH[:PATH…]; nothing is tested if it is unset.
//
// Our logger must be heard in the layout of each major, and the junk that create functions answer without a driver must count as
// a failure. PyPI's tensorrt-lean-cu13-libs has small libraries (10.x and 11.x). Each runs in a child: a wrong layout crashes.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "tensorrt/runtime.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

// With a usable GPU the runtime is created, which is as good.
bool Probe(const std::string& path) {
  LibraryOptions options;
  options.path = path;
  auto library = Library::Open(options);
  if (!library.ok()) {
    std::cout << test::Describe(library.error()) << '\n';
    return false;
  }
  const Library& opened = *library.value();
  std::cout << opened.path() << ": TensorRT " << opened.version().ToString() << ", flavour "
            << static_cast<int>(opened.flavor()) << (opened.has_builder() ? ", builder" : "")
            << (opened.has_parser() ? ", parser" : "") << '\n';
  for (const std::string& text : opened.plugin_libraries())
    std::cout << "  plugins " << text << "\n";
  for (const std::string& text : opened.warnings()) std::cout << "  warning " << text << "\n";
  int lines = 0;
  RuntimeOptions runtime_options;
  runtime_options.log_severity = Severity::kVerbose;
  runtime_options.log_sink = [&lines](Severity, std::string_view line) {
    ++lines;
    std::cout << "  log " << line << "\n";
  };
  const auto runtime = Runtime::Create(library.value(), runtime_options);
  if (runtime.ok()) return true;
  std::cout << "  " << test::Describe(runtime.error()) << '\n';
  return lines > 0 && runtime.error().code == ErrorCode::kNoDriver && !runtime.error().log.empty();
}

TEST(RealLibrariesAreHeardAndSurvived) {
  const char* const list = std::getenv("TRT_NODE_TEST_LIBRARIES");
  if (list == nullptr) return;
  std::istringstream paths(list);
  for (std::string path; std::getline(paths, path, ':');) {
    std::cout.flush();
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const bool good = Probe(path);
      std::cout.flush();
      _exit(good ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      test::Fail(path.c_str(), 0, "failed with wait status " + std::to_string(status));
    }
  }
}

}  // namespace
}  // namespace trtnode::tensorrt
