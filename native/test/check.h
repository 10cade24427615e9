// A test harness in one header: TEST(name) { CHECK(…); }, one program a file, run by ctest.
//
// No GoogleTest: a user who builds from source has none, and no npm package carries it. A failed CHECK is reported and the test
// goes on; REQUIRE leaves the test. `program` runs all tests, `program word` those whose name contains the word.
#pragma once

#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/status.h"

namespace trtnode::test {

struct Case {
  const char* name;
  void (*body)();
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

inline int& Failures() {  // of the test that is running
  static int failures = 0;
  return failures;
}

struct Registration {
  Registration(const char* name, void (*body)()) { Cases().push_back({name, body}); }
};

struct Abandon {};  // thrown by REQUIRE

template <typename T>
std::string Show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "a value";
  }
  return out.str();
}

inline void Fail(const char* file, int line, const std::string& text) {
  ++Failures();
  std::cout << file << ":" << line << ": " << text << "\n";
}

template <typename A, typename B>
void CheckEq(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) Fail(file, line, std::string(text) + ": " + Show(a) + " is not " + Show(b));
}

inline std::string Describe(const Error& error) {
  std::string text = std::string(ErrorCodeName(error.code)) + ": " + error.message;
  for (const std::string& line : error.log) text += "\n    " + line;
  return text;
}

// The Error of a Status or Result that must have failed with `code`; an empty one if it did not.
template <typename S>
Error CheckFails(const S& outcome, ErrorCode code, const char* text, const char* file, int line) {
  if (outcome.ok()) {
    Fail(file, line, std::string(text) + " was expected to fail with " + ErrorCodeName(code));
    return {};
  }
  if (outcome.error().code != code) {
    Fail(file, line,
         std::string(text) + " was expected to fail with " + ErrorCodeName(code) + ", not " +
             Describe(outcome.error()));
  }
  return outcome.error();
}

inline int RunAll(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  int passed = 0;
  int failed = 0;
  for (const Case& test : Cases()) {
    if (std::string_view(test.name).find(word) == std::string_view::npos) continue;
    Failures() = 0;
    try {
      test.body();
    } catch (const Abandon&) {
    } catch (const std::exception& error) {
      Fail(test.name, 0, std::string("threw ") + error.what());
    }
    std::cout << (Failures() == 0 ? "ok     " : "FAILED ") << test.name << "\n";
    ++(Failures() == 0 ? passed : failed);
  }
  std::cout << passed << " passed, " << failed << " failed" << std::endl;
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace trtnode::test

#define TEST(name)                                                            \
  static void Test##name();                                                   \
  static const ::trtnode::test::Registration test_##name(#name, &Test##name); \
  static void Test##name()

#define CHECK(expr)                                                           \
  do {                                                                        \
    if (!(expr)) ::trtnode::test::Fail(__FILE__, __LINE__, "not so: " #expr); \
  } while (false)

#define CHECK_EQ(a, b) ::trtnode::test::CheckEq((a), (b), #a, __FILE__, __LINE__)

#define CHECK_CONTAINS(text, part)                                                   \
  do {                                                                               \
    const std::string& text_ = (text);                                               \
    if (text_.find(part) == std::string::npos) {                                     \
      ::trtnode::test::Fail(__FILE__, __LINE__, "not in \"" + text_ + "\": " #part); \
    }                                                                                \
  } while (false)

// For a Status or a Result.
#define CHECK_OK(expr)                                                                 \
  do {                                                                                 \
    const auto& outcome_ = (expr);                                                     \
    if (!outcome_.ok()) {                                                              \
      ::trtnode::test::Fail(__FILE__, __LINE__,                                        \
                            #expr ": " + ::trtnode::test::Describe(outcome_.error())); \
    }                                                                                  \
  } while (false)

#define CHECK_FAILS(expr, code) \
  ::trtnode::test::CheckFails((expr), ::trtnode::ErrorCode::code, #expr, __FILE__, __LINE__)

#define REQUIRE(expr)                                              \
  do {                                                             \
    if (!(expr)) {                                                 \
      ::trtnode::test::Fail(__FILE__, __LINE__, "not so: " #expr); \
      throw ::trtnode::test::Abandon();                            \
    }                                                              \
  } while (false)

#define REQUIRE_OK(expr)                                                               \
  do {                                                                                 \
    const auto& outcome_ = (expr);                                                     \
    if (!outcome_.ok()) {                                                              \
      ::trtnode::test::Fail(__FILE__, __LINE__,                                        \
                            #expr ": " + ::trtnode::test::Describe(outcome_.error())); \
      throw ::trtnode::test::Abandon();                                                \
    }                                                                                  \
  } while (false)
