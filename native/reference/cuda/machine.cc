// Devices, contexts and the current-context stack.
#include "reference/cuda/machine.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "reference/exit_gate.h"
#include "reference/faults.h"

namespace trtnode::reference {
namespace {

constexpr size_t kDefaultMemory = size_t{8} << 30;
constexpr int kMaxDevices = 64;

// A number with an optional K, M or G (powers of 1024); `otherwise` if the variable is unset or no such number.
size_t NumberFromEnvironment(const char* name, size_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  const char* end = text + std::strlen(text);
  size_t value = 0;
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc()) return otherwise;
  const std::string_view suffix(rest, static_cast<size_t>(end - rest));
  if (suffix.empty()) return value;
  if (suffix == "K" || suffix == "k") return value << 10;
  if (suffix == "M" || suffix == "m") return value << 20;
  if (suffix == "G" || suffix == "g") return value << 30;
  return otherwise;
}

}  // namespace

Context::Context(int ordinal) : ordinal_(ordinal) {}

void Context::Retain() { references_.fetch_add(1); }

bool Context::Release() {
  int count = references_.load();
  do {
    if (count == 0) return false;
  } while (!references_.compare_exchange_weak(count, count - 1));
  if (count > 1) return true;
  Synchronize();
  std::set<std::shared_ptr<Stream>> streams;
  {
    const std::lock_guard lock(mutex_);
    streams.swap(streams_);
    if (legacy_) legacy_->Close();
    legacy_.reset();
  }
  for (const auto& stream : streams) {
    Machine::Get().streams.Remove(stream->handle());
    stream->Close();
  }
  Machine::Get().memory.ReleaseAll(ordinal_);
  return true;
}

CUresult Context::Sticky() const {
  if (const auto lost = Faults::Get().Standing("lost")) return static_cast<CUresult>(*lost);
  if (const auto code = Faults::Get().Standing("sticky")) return static_cast<CUresult>(*code);
  return static_cast<CUresult>(sticky_.load());
}

void Context::SetSticky(CUresult code) {
  int none = CUDA_SUCCESS;
  sticky_.compare_exchange_strong(none, code);
}

std::shared_ptr<Stream> Context::CreateStream(unsigned stream_flags, int priority) {
  auto stream = std::make_shared<Stream>(*this, stream_flags, priority);
  const std::lock_guard lock(mutex_);
  streams_.insert(stream);
  return stream;
}

void Context::Forget(Stream& stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream.shared_from_this());
}

std::shared_ptr<Stream> Context::Legacy() {
  const std::lock_guard lock(mutex_);
  if (!legacy_) legacy_ = std::make_shared<Stream>(*this, 0U, kLeastPriority);
  return legacy_;
}

bool Context::IsLegacy(const Stream& stream) {
  const std::lock_guard lock(mutex_);
  return legacy_.get() == &stream;
}

Ticket Context::Submit(Stream& stream, Work work, std::vector<Ticket> dependencies) {
  const std::lock_guard lock(mutex_);
  if (legacy_.get() == &stream) {
    for (const auto& other : streams_) {
      if (!other->blocking()) continue;
      Ticket last = other->Last();
      if (!last.Reached()) dependencies.push_back(std::move(last));
    }
  } else if (stream.blocking() && legacy_) {
    Ticket last = legacy_->Last();
    if (!last.Reached()) dependencies.push_back(std::move(last));
  }
  return stream.Push(std::move(work), std::move(dependencies));
}

std::vector<Ticket> Context::Tails() {
  const std::lock_guard lock(mutex_);
  std::vector<Ticket> tails;
  for (const auto& stream : streams_) tails.push_back(stream->Last());
  if (legacy_) tails.push_back(legacy_->Last());
  return tails;
}

void Context::Synchronize() {
  for (const Ticket& ticket : Tails()) ticket.Wait();
}

bool Context::EnablePeer(int ordinal) {
  const std::lock_guard lock(mutex_);
  return peers_.insert(ordinal).second;
}

bool Context::Reaches(int ordinal) {
  const std::lock_guard lock(mutex_);
  return ordinal == ordinal_ || peers_.count(ordinal) != 0;
}

Machine& Machine::Get() {
  static Machine* const machine = new Machine;  // NOLINT: leaked on purpose, see the header
  return *machine;
}

Machine::Machine()
    : total_memory_(NumberFromEnvironment("TRT_NODE_REFERENCE_MEMORY", kDefaultMemory)),
      integrated_(NumberFromEnvironment("TRT_NODE_REFERENCE_INTEGRATED", 0) == 1) {
  const auto count =
      std::min<size_t>(NumberFromEnvironment("TRT_NODE_REFERENCE_DEVICES", 1), kMaxDevices);
  for (size_t i = 0; i < count; ++i)
    contexts_.push_back(std::make_unique<Context>(static_cast<int>(i)));
  ExitGate::Register();
}

CUresult Machine::Initialize() {
  if (const auto code = Faults::Get().Standing("init")) return static_cast<CUresult>(*code);
  if (Faults::Get().Standing("nodevice") || contexts_.empty()) return CUDA_ERROR_NO_DEVICE;
  initialized_.store(true);
  return CUDA_SUCCESS;
}

Context* Machine::Device(int ordinal) {
  if (ordinal < 0 || ordinal >= device_count()) return nullptr;
  return contexts_[static_cast<size_t>(ordinal)].get();
}

Context* Machine::FindContext(CUcontext handle) {
  for (const auto& context : contexts_) {
    if (context->handle() == handle) return context.get();
  }
  return nullptr;
}

void Machine::Heal() {
  for (const auto& context : contexts_) context->Heal();
}

std::vector<Context*>& ContextStack() {
  thread_local std::vector<Context*> stack;
  return stack;
}

Context* CurrentContext() {
  const auto& stack = ContextStack();
  return stack.empty() ? nullptr : stack.back();
}

CUresult Enter(Context** context) {
  if (!Machine::Get().initialized()) return CUDA_ERROR_NOT_INITIALIZED;
  if (OnStreamThread()) return CUDA_ERROR_NOT_PERMITTED;
  Context* current = CurrentContext();
  if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (!current->active()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  *context = current;
  return current->Sticky();
}

std::shared_ptr<Stream> FindStream(Context& context, CUstream handle) {
  constexpr uintptr_t kLegacyHandle = 1;
  constexpr uintptr_t kPerThreadHandle = 2;
  const auto value = reinterpret_cast<uintptr_t>(handle);
  if (value == 0 || value == kLegacyHandle) return context.Legacy();
  if (value == kPerThreadHandle) {
    struct PerThread {
      std::map<Context*, std::shared_ptr<Stream>> streams;
      // Only a broken mutex throws in it, and then there is nothing to go on with.
      ~PerThread() {  // NOLINT(bugprone-exception-escape)
        for (const auto& [owner, stream] : streams) {
          owner->Forget(*stream);
          stream->Close();
        }
      }
    };
    thread_local PerThread own;
    auto& stream = own.streams[&context];
    if (!stream) stream = context.CreateStream(0, kLeastPriority);
    return stream;
  }
  return Machine::Get().streams.Find(handle);
}

}  // namespace trtnode::reference
