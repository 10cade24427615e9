// The objects that TensorRT 8 calls, called as it would: their slots are others than those of 10 and 11.
#include <cstring>

#include "tensorrt/error_recorder.h"
#include "tensorrt/output_allocator_adapter.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

using abi::i32;
using abi::u64;

// What a caller that knows nothing but the vtable does.
template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}

TEST(ErrorRecorderIsCalledInTensorRT8sLayout) {
  Logger logger(8, Severity::kInternalError, nullptr);
  ErrorRecorder recorder(logger);
  void* object = recorder.abi_object();
  Logger::Scope scope(logger);
  CHECK_EQ((CallSlot<i32>(object, 8)), 1);
  CHECK(CallSlot<bool>(object, 7, static_cast<abi::ErrorCode>(5), "no memory"));
  CHECK_EQ((CallSlot<i32>(object, 2)), 1);
  CHECK_EQ(static_cast<i32>(CallSlot<abi::ErrorCode>(object, 3, 0)), 5);
  CHECK_EQ(std::string(CallSlot<char const*>(object, 4, 0)), "no memory");
  CHECK(!CallSlot<bool>(object, 5));
  CallSlot<void>(object, 6);
  CHECK_EQ((CallSlot<i32>(object, 2)), 0);
  CHECK_EQ((CallSlot<i32>(object, 9)), 0);
  CHECK_EQ(scope.error_code(), 5);
  CHECK_EQ(scope.Take().front(), "[E] no memory");
}

struct FakeAllocator final : OutputAllocator {
  void* Reallocate(const char* tensor, void* current, std::uint64_t, std::uint64_t,
                   void* stream) override {
    last = {current, stream};
    return std::strcmp(tensor, "refuses") == 0 ? nullptr : this;
  }
  void NotifyShape(const char*, const Dims& dims) override { shape = dims; }

  std::pair<void*, void*> last;
  Dims shape;
};

TEST(OutputAllocatorIsCalledInTensorRT8sLayout) {
  const auto target = std::make_shared<FakeAllocator>();
  OutputAllocatorAdapter adapter(target);
  void* object = adapter.abi_object(8);
  CHECK_EQ((CallSlot<i32>(object, 0)), 1);
  CHECK((CallSlot<void*, char const*, void*, u64, u64>(object, 1, "y", object, 100, 256)) ==
        target.get());
  CHECK(target->last.first == object);
  CHECK(target->last.second == nullptr);
  CHECK((CallSlot<void*, char const*, void*, u64, u64>(object, 1, "refuses", object, 1, 1)) ==
        nullptr);
  CHECK(adapter.TakeFailure());
  const abi::Dims32 dims{2, {3, 5}};
  CallSlot<void, char const*, abi::Dims32 const&>(object, 2, "y", dims);
  CHECK(target->shape == (Dims{3, 5}));
  CHECK(!adapter.TakeFailure());
  const abi::Dims32 none{-1, {}};
  CallSlot<void, char const*, abi::Dims32 const&>(object, 2, "y", none);
  CHECK(adapter.TakeFailure());
}

}  // namespace
}  // namespace trtnode::tensorrt
