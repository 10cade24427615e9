// PlanReader: the IStreamReader and IStreamReaderV2 that TensorRT reads a plan from, over a source that only goes forwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/abi/callbacks.h"
#include "tensorrt/plan_source.h"

namespace trtnode::tensorrt {

class PlanReader {
 public:
  PlanReader(PlanSource& source, DeviceCopy& copy)
      : source_(source), copy_(copy), v1_(*this), v2_(*this) {}
  PlanReader(const PlanReader&) = delete;
  PlanReader& operator=(const PlanReader&) = delete;

  // The first bytes, up to `bytes` of them; they are read again afterwards. Before anything else.
  Result<std::span<const std::byte>> Peek(std::size_t bytes);
  // What the header says; where seeking from the end counts from.
  void SetTotal(std::optional<std::uint64_t> total) { total_ = total; }
  // Keeps what was read last, so that TensorRT may go back a little.
  void KeepWindow() { keep_window_ = true; }
  // All that is left, into memory, with `expected` bytes in all if that is known.
  Result<std::vector<std::byte>> Collect(std::optional<std::uint64_t> expected);
  // Reads to the end: only there does a source tell that it was whole (an authentication tag, say).
  Status Drain();

  // Why reading failed; ok: it did not, or only because the source ended.
  Status TakeFailure() noexcept { return std::move(failure_); }
  bool failed() const noexcept { return !failure_.ok(); }
  bool ended_early() const noexcept { return ended_early_; }
  std::uint64_t bytes_read() const noexcept { return position_; }
  // TensorRT's first calls, for the verbose log: "h32 d65536 s0,0": reads to the host and to the device, seeks.
  const std::string& trace() const noexcept { return trace_; }

  abi::IStreamReader* v1() noexcept {
    return reinterpret_cast<abi::IStreamReader*>(static_cast<abi::StreamReaderInterface*>(&v1_));
  }
  abi::IStreamReaderV2* v2() noexcept {
    return reinterpret_cast<abi::IStreamReaderV2*>(
        static_cast<abi::StreamReaderV2Interface*>(&v2_));
  }

 private:
  class V1 final : public abi::StreamReaderInterface {
   public:
    explicit V1(PlanReader& owner) : owner_(owner) {}
    abi::i64 read(void* destination, abi::i64 bytes) noexcept override {
      return owner_.Read(destination, bytes, nullptr);
    }

   private:
    PlanReader& owner_;
  };
  class V2 final : public abi::StreamReaderV2Interface {
   public:
    explicit V2(PlanReader& owner) : owner_(owner) {}
    abi::i64 read(void* destination, abi::i64 bytes, abi::CUstream_st* stream) noexcept override {
      return owner_.Read(destination, bytes, stream);
    }
    bool seek(abi::i64 offset, abi::SeekPosition position) noexcept override {
      return owner_.Seek(offset, position);
    }

   private:
    PlanReader& owner_;
  };

  // -1: failed, and failure_ says why.
  abi::i64 Read(void* destination, abi::i64 bytes, void* stream) noexcept;
  bool Seek(abi::i64 offset, abi::SeekPosition position) noexcept;
  void Trace(char kind, abi::i64 value, const std::string& rest = {});
  Result<std::size_t> Fill(std::byte* to, std::size_t bytes);
  Result<std::size_t> FillDevice(std::byte* to, std::size_t bytes, void* stream);
  // The next bytes of the source itself, kept in the window.
  Result<std::size_t> Next(std::span<std::byte> into);
  Status SkipTo(std::uint64_t position);
  void Remember(std::span<const std::byte> bytes);

  PlanSource& source_;
  DeviceCopy& copy_;
  V1 v1_;
  V2 v2_;
  std::optional<std::uint64_t> total_;
  bool keep_window_ = false;
  bool ended_early_ = false;
  Status failure_;
  std::uint64_t position_ = 0;     // of the next byte that TensorRT gets
  std::uint64_t source_at_ = 0;    // how much was taken from the source
  std::vector<std::byte> window_;  // the last bytes that were taken, up to source_at_
  std::string trace_;
  std::vector<std::byte> staging_;  // for device destinations and skipping
};

}  // namespace trtnode::tensorrt
