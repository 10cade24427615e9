// CalibrationFeed: batches on their way from a JavaScript iterable to TensorRT's builder, which waits for each.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "napi/copied_bytes.h"
#include "napi/js_reference.h"
#include "tensorrt/calibration.h"

namespace trtnode::napi {

struct CalibrationTensor {
  DataType dtype = DataType::kFloat;
  Dims shape;
  std::shared_ptr<const CopiedBytes> data;  // as many bytes as dtype and shape say
};
using CalibrationBatch = std::map<std::string, CalibrationTensor>;

class CalibrationFeed {
 public:
  // `ask()` is called on the JavaScript thread for each batch; the answer comes by Give or Fail.
  CalibrationFeed(std::shared_ptr<cuda::PrimaryContext> context, std::shared_ptr<JsReference> ask,
                  std::shared_ptr<std::atomic<bool>> cancelled);

  // The builder's thread: waits for a batch, checks it, and copies it to the device. Ends, with kAborted, when the build is
  // cancelled, and when the environment or the process ends.
  Result<bool> Next(std::span<const tensorrt::CalibrationInput> inputs, std::span<void*> addresses);
  // The builder's thread, when the build is over: frees the device memory.
  void Release() noexcept;

  // JavaScript thread. Null: there are no more.
  void Give(std::optional<CalibrationBatch> batch);
  void Fail();

 private:
  enum class State : std::uint8_t { kIdle, kAsked, kGiven, kEnded, kFailed };

  Status Wait(CalibrationBatch& batch, bool& more);
  Result<void*> ToDevice(const tensorrt::CalibrationInput& input, const CalibrationTensor& tensor);
  void Answer(State state, CalibrationBatch batch);

  const std::shared_ptr<cuda::PrimaryContext> context_;
  const std::shared_ptr<JsReference> ask_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;

  std::mutex mutex_;  // guards the next two
  std::condition_variable changed_;
  State state_ = State::kIdle;
  CalibrationBatch batch_;

  // The builder's thread only.
  std::shared_ptr<cuda::Stream> stream_;
  std::map<std::string, std::shared_ptr<cuda::DeviceBuffer>> buffers_;
  int number_ = 0;  // of the current batch
};

}  // namespace trtnode::napi
