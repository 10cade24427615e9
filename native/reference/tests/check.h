// A test harness of one header: CHECK macros that go on after a failure, and named tests that run in order.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace trtnode::reference::test {

struct Case {
  const char* name;
  void (*body)();
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Registrar {
  Registrar(const char* name, void (*body)()) { Cases().push_back({name, body}); }
};

inline void Fail(const char* file, int line, const std::string& what) {
  ++Failures();
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& expected, const B& found) {
  if (expected == found) return;
  std::ostringstream out;
  out << text << ": expected " << expected << ", found " << found;
  Fail(file, line, out.str());
}

// Runs the tests whose names contain the first argument, all without one. 0 if every check held.
inline int RunAll(int argc, char** argv) {
  const std::string filter = argc > 1 ? argv[1] : "";
  int run = 0;
  for (const Case& test : Cases()) {
    if (std::string(test.name).find(filter) == std::string::npos) continue;
    const int before = Failures();
    test.body();
    ++run;
    std::printf("%s %s\n", Failures() == before ? "ok  " : "FAIL", test.name);
    std::fflush(stdout);
  }
  std::printf("%d tests, %d failures\n", run, Failures());
  return Failures() == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace trtnode::reference::test

#define TEST(name)                                                                   \
  static void name();                                                                \
  static const ::trtnode::reference::test::Registrar registrar_##name(#name, &name); \
  static void name()
#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition))                                                                \
      ::trtnode::reference::test::Fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)
#define REQUIRE(condition)                                                                  \
  do {                                                                                      \
    if (!(condition))                                                                       \
      return ::trtnode::reference::test::Fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)
#define CHECK_EQ(expected, found) \
  ::trtnode::reference::test::CheckEqual(__FILE__, __LINE__, #found, expected, found)
// ONNX Runtime keeps a few bytes of its own for good, and its threads synchronize where ThreadSanitizer cannot see it.
#define TEST_MAIN                                                                               \
  extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() { \
    return "leak:libonnxruntime\n";                                                             \
  }                                                                                             \
  extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() { \
    return "called_from_lib:libonnxruntime\nrace:libonnxruntime\n";                             \
  }                                                                                             \
  int main(int argc, char** argv) { return ::trtnode::reference::test::RunAll(argc, argv); }
