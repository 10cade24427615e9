// Logger: the ILogger that TensorRT calls, and the scopes that keep what it said.
#include "tensorrt/logger.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "tensorrt/abi/callbacks.h"

namespace trtnode::tensorrt {
namespace {

constexpr std::size_t kMaxLines = 64;

// Innermost scope of this thread, of whichever Logger.
thread_local Logger::Scope* t_scope = nullptr;

char SeverityLetter(Severity severity) {
  switch (severity) {
    case Severity::kInternalError:
      return 'F';
    case Severity::kError:
      return 'E';
    case Severity::kWarning:
      return 'W';
    case Severity::kInfo:
      return 'I';
    case Severity::kVerbose:
      return 'V';
  }
  return '?';
}

// TensorRT warns whenever a second runtime brings a logger of its own. That is how this project works, and no user can act on it.
bool IsNoise(std::string_view line) {
  return line.find(
             "differs from one already provided for an existing builder, runtime, or refitter") !=
         std::string_view::npos;
}

}  // namespace

// What a Logger and the immortal adapter share.
struct LoggerState {
  LoggerState(Severity t, LogSink s) : threshold(t), sink(std::move(s)) {}

  void Log(Severity severity, std::string_view line, int error_code) {
    if (IsNoise(line)) return;
    if (severity <= Severity::kWarning) {
      for (Logger::Scope* scope = t_scope; scope != nullptr; scope = scope->previous_) {
        if (scope->state_.get() == this && !scope->all_threads_) {
          scope->Add(severity, line, error_code);
        }
      }
      const std::lock_guard lock(mutex);
      for (Logger::Scope* scope : shared_scopes) scope->Add(severity, line, error_code);
    }
    if (severity <= threshold && sink) sink(severity, line);
  }

  const Severity threshold;
  const LogSink sink;
  std::mutex mutex;
  std::vector<Logger::Scope*> shared_scopes;  // those that collect from all threads
};

// The object behind the ILogger* of either layout (TensorRT 8's is 10's). Never freed, but used again for the next Logger.
class LoggerAdapter {
 public:
  LoggerAdapter() : v10_(*this), v11_(*this) {}

  void* abi_object(int abi_major) noexcept {
    return abi_major >= 11 ? static_cast<void*>(static_cast<abi::Logger11*>(&v11_))
                           : static_cast<void*>(static_cast<abi::Logger10*>(&v10_));
  }

  void Attach(std::shared_ptr<LoggerState> state, int abi_major) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
    abi_major_ = abi_major;
  }
  int abi_major() const noexcept { return abi_major_; }

  void Log(abi::i32 severity, char const* message) noexcept {
    if (message == nullptr) return;
    try {
      std::shared_ptr<LoggerState> state;
      {
        const std::lock_guard lock(mutex_);
        state = state_;
      }
      if (state) state->Log(static_cast<Severity>(severity), message, 0);
    } catch (...) {
      // A line lost for want of memory, or a sink that threw: TensorRT must not see it.
    }
  }

 private:
  class V10 final : public abi::Logger10 {
   public:
    explicit V10(LoggerAdapter& owner) : owner_(owner) {}
    void log(abi::i32 severity, char const* message) noexcept override {
      owner_.Log(severity, message);
    }

   private:
    LoggerAdapter& owner_;
  };
  class V11 final : public abi::Logger11 {
   public:
    explicit V11(LoggerAdapter& owner) : owner_(owner) {}
    void log(abi::i32 severity, char const* message) noexcept override {
      owner_.Log(severity, message);
    }

   private:
    LoggerAdapter& owner_;
  };

  V10 v10_;
  V11 v11_;
  std::mutex mutex_;
  std::shared_ptr<LoggerState> state_;
  int abi_major_ = 0;
};

namespace {

// Adapters out of use. The pool itself is never destroyed either: TensorRT may log from exit handlers.
struct AdapterPool {
  std::mutex mutex;
  std::vector<std::unique_ptr<LoggerAdapter>> all;
  std::vector<LoggerAdapter*> free;
};

AdapterPool& Pool() {
  static AdapterPool* const pool = std::make_unique<AdapterPool>().release();
  return *pool;
}

LoggerAdapter* AcquireAdapter(std::shared_ptr<LoggerState> state, int abi_major) {
  AdapterPool& pool = Pool();
  const std::lock_guard lock(pool.mutex);
  // One layout keeps its adapters: an object that a library of one major remembers is never another major's.
  const auto found = std::find_if(pool.free.begin(), pool.free.end(), [&](LoggerAdapter* adapter) {
    return adapter->abi_major() == abi_major;
  });
  LoggerAdapter* adapter = nullptr;
  if (found != pool.free.end()) {
    adapter = *found;
    pool.free.erase(found);
  } else {
    pool.all.push_back(std::make_unique<LoggerAdapter>());
    adapter = pool.all.back().get();
    pool.free.reserve(pool.all.size());  // so that giving it back cannot fail
  }
  adapter->Attach(std::move(state), abi_major);
  return adapter;
}

void ReleaseAdapter(LoggerAdapter* adapter) {
  adapter->Attach(nullptr, adapter->abi_major());
  AdapterPool& pool = Pool();
  const std::lock_guard lock(pool.mutex);
  pool.free.push_back(adapter);
}

}  // namespace

Logger::Logger(int abi_major, Severity threshold, LogSink sink)
    : state_(std::make_shared<LoggerState>(threshold, std::move(sink))),
      adapter_(AcquireAdapter(state_, abi_major)) {}

Logger::~Logger() { ReleaseAdapter(adapter_); }

int Logger::abi_major() const noexcept { return adapter_->abi_major(); }
void* Logger::abi_object() const noexcept { return adapter_->abi_object(adapter_->abi_major()); }

void Logger::Log(Severity severity, std::string_view line, int error_code) noexcept {
  try {
    state_->Log(severity, line, error_code);
  } catch (...) {
    // As above.
  }
}

Logger::Scope::Scope(Logger& logger, bool all_threads)
    : state_(logger.state_), all_threads_(all_threads), previous_(t_scope) {
  t_scope = this;
  if (all_threads_) {
    const std::lock_guard lock(state_->mutex);
    state_->shared_scopes.push_back(this);
  }
}

Logger::Scope::~Scope() {
  t_scope = previous_;
  if (all_threads_) {
    const std::lock_guard lock(state_->mutex);
    std::erase(state_->shared_scopes, this);
  }
}

std::vector<std::string> Logger::Scope::Take() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(lines_, {});
}

int Logger::Scope::error_code() const {
  const std::lock_guard lock(state_->mutex);
  return error_code_;
}

bool Logger::Scope::has_errors() const {
  const std::lock_guard lock(state_->mutex);
  return has_errors_;
}

void Logger::Scope::Add(Severity severity, std::string_view line, int error_code) {
  if (error_code != 0) error_code_ = error_code;
  if (severity <= Severity::kError) has_errors_ = true;
  if (lines_.size() >= kMaxLines) return;
  // The same error may come through the logger and through the error recorder, there perhaps with words in front of it.
  for (const std::string& known : lines_) {
    if (std::string_view(known).substr(4) == line) return;
    if (line.size() >= 24 && known.find(line) != std::string::npos) return;
  }
  std::string text = {'[', SeverityLetter(severity), ']', ' '};
  text += line;
  lines_.push_back(std::move(text));
}

}  // namespace trtnode::tensorrt
