// Every virtual function that crosses the border lies in the slot that the facts (abi/facts) give, for this compiler.
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>

#include "reference/abi/handles.h"
#include "reference/abi/parser.h"
#include "reference/tests/check.h"

namespace trtnode::reference {
namespace {

// Itanium C++ ABI: a pointer to a virtual member function is 1 + the byte offset of its slot, and an adjustment of this.
template <typename Pointer>
int SlotOf(Pointer pointer) {
  struct {
    uintptr_t code;
    ptrdiff_t adjustment;
  } raw{};
  static_assert(sizeof(pointer) == sizeof(raw));
  std::memcpy(&raw, &pointer, sizeof(raw));
  if ((raw.code & 1U) == 0 || raw.adjustment != 0) return -1;
  return static_cast<int>((raw.code - 1) / sizeof(void*));
}

using Row = std::tuple<std::string, int, std::string>;  // class, slot, method
std::map<Row, bool>& Checked() {
  static std::map<Row, bool> rows;
  return rows;
}

#define SLOT(cls, slot, name, method, ...)                     \
  {                                                            \
    std::type_identity_t<__VA_ARGS__> pointer = &cls::method;  \
    CHECK_EQ(slot, SlotOf(pointer));                           \
    Checked()[{#cls, slot, name}] = SlotOf(pointer) == (slot); \
  }

TEST(SlotsMatchTheFacts) {
#include "reference/tests/slots_app.inc"
#include "reference/tests/slots_builder.inc"
#include "reference/tests/slots_network.inc"
#include "reference/tests/slots_parser.inc"
#include "reference/tests/slots_runtime.inc"
}

// The generated rows could leave one out: here the facts themselves are read again.
TEST(NoFactIsLeftOut) {
  size_t rows = 0;
  for (const char* file : {"app", "builder", "network", "parser", "runtime"}) {
    std::ifstream facts(std::string(TRTNODE_REFERENCE_FACTS) + "/" + file + ".tsv");
    std::string line;
    std::getline(facts, line);
    while (std::getline(facts, line)) {
      std::istringstream fields(line);
      std::string cls;
      std::string slot;
      std::string method;
      std::getline(fields, cls, '\t');
      std::getline(fields, slot, '\t');
      std::getline(fields, method, '\t');
      ++rows;
      if (method.starts_with("~")) continue;
      if (!Checked()[{cls, std::stoi(slot), method}])
        test::Fail(__FILE__, __LINE__, "not checked: " + line);
    }
  }
  CHECK(rows > 500);
}

class Probe final : public VRuntime {
 public:
  explicit Probe(int* destroyed) : destroyed_(destroyed) {}
  ~Probe() override { ++*destroyed_; }
  IPluginRegistry& getPluginRegistry() noexcept override { std::abort(); }

 private:
  int* destroyed_;
};

// {vptr, mImpl}; an application deletes through slot 1 of the handle's vtable, and the implementation goes with it.
TEST(HandleLayout) {
  int destroyed = 0;
  void* handle = std::make_unique<IRuntime>(std::make_unique<Probe>(&destroyed)).release();
  void** words = static_cast<void**>(handle);
  auto* impl = static_cast<VRuntime*>(words[1]);
  CHECK(impl == static_cast<IRuntime*>(handle)->impl());
  CHECK(static_cast<void*>(impl) == words[1]);
  auto** vtable = static_cast<void (**)(void*)>(words[0]);
  vtable[1](handle);
  CHECK_EQ(1, destroyed);
}

// The destructors of the interfaces whose destructor is not first.
template <typename Base>
void CheckDestructorSlot(Base* object, size_t slot, const int& destroyed) {
  void* raw = object;
  auto** vtable = *static_cast<void (***)(void*)>(raw);
  vtable[slot](raw);
  CHECK_EQ(1, destroyed);
}

struct ErrorProbe final : IParserError {
  explicit ErrorProbe(int* d) : destroyed(d) {}
  ~ErrorProbe() override { ++*destroyed; }
  ParserErrorCode code() const noexcept override { return {}; }
  char const* desc() const noexcept override { return ""; }
  char const* file() const noexcept override { return ""; }
  int line() const noexcept override { return 0; }
  char const* func() const noexcept override { return ""; }
  int node() const noexcept override { return 0; }
  char const* nodeName() const noexcept override { return ""; }
  char const* nodeOperator() const noexcept override { return ""; }
  char const* const* localFunctionStack() const noexcept override { return nullptr; }
  int32_t localFunctionStackSize() const noexcept override { return 0; }
  int* destroyed;
};

struct LoggerProbe final : ILogger {
  explicit LoggerProbe(int* d) : destroyed(d) {}
  ~LoggerProbe() override { ++*destroyed; }
  void log(Severity, AsciiChar const*) noexcept override {}
  int* destroyed;
};

TEST(DestructorSlots) {
  int destroyed = 0;
  CheckDestructorSlot<IParserError>(std::make_unique<ErrorProbe>(&destroyed).release(), 11,
                                    destroyed);
  destroyed = 0;
  CheckDestructorSlot<ILogger>(std::make_unique<LoggerProbe>(&destroyed).release(), 2, destroyed);
}

}  // namespace
}  // namespace trtnode::reference

TEST_MAIN
