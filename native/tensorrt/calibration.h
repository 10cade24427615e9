// INT8 calibration (TensorRT 8 and 10): the IInt8Calibrator that TensorRT asks for batches and for its cache.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/dims.h"
#include "core/dtype.h"
#include "core/status.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

struct BuildObjects;
struct BuildOptions;

// An input of the network and what every batch must bring for it: a calibration runs with one shape.
struct CalibrationInput {
  std::string name;
  DataType dtype = DataType::kFloat;
  Dims shape;  // -1 where nothing says what it is
};

struct CalibrationOptions {
  int algorithm = 2;                               // abi::CalibrationAlgoType
  double quantile = 0.5, regression_cutoff = 0.5;  // kLEGACY_CALIBRATION only
  std::vector<std::byte> cache;                    // of an earlier calibration; empty: none
  // The shapes to calibrate with: its optima. Else those of `profiles[profile_index]`.
  std::optional<std::map<std::string, ProfileShape>> profile;
  int profile_index = 0;
  // Blocks for the next batch, and puts the device address of each input's data into `addresses`; false: there are no more. On a
  // thread of TensorRT's, with the build's CUDA context current. Null: there is the cache only.
  std::function<Result<bool>(std::span<const CalibrationInput> inputs, std::span<void*> addresses)>
      next;
  // Gets what TensorRT wants to be kept, when the plan is built.
  std::function<void(std::span<const std::byte>)> keep_cache;
};

// Refuses what cannot be calibrated: a version without calibrators, a build without int8.
Status CheckCalibration(const Version& version, const BuildOptions& options);

class Int8Calibrator {
 public:
  // Gives the configuration a calibrator and, where there are dynamic shapes, a calibration profile. Must outlive the build.
  static Result<std::unique_ptr<Int8Calibrator>> Attach(BuildObjects& objects,
                                                        const BuildOptions& options);
  Int8Calibrator(const CalibrationOptions& options, std::vector<CalibrationInput> inputs,
                 int major);
  ~Int8Calibrator();
  Int8Calibrator(const Int8Calibrator&) = delete;
  Int8Calibrator& operator=(const Int8Calibrator&) = delete;

  // True once there was no batch to be had: TensorRT would take it for the end of the data, so the build has to be stopped.
  bool failed() const;
  Status TakeFailure();
  // What TensorRT wrote; empty: nothing.
  const std::vector<std::byte>& written() const noexcept { return written_; }

  // What TensorRT calls, through the layout of its major.
  bool GetBatch(void** bindings, char const** names, int count) noexcept;
  const std::vector<std::byte>& cache() const noexcept { return options_.cache; }
  void Write(const void* data, std::size_t length) noexcept;
  const CalibrationOptions& options() const noexcept { return options_; }
  void* abi_object() const noexcept;

 private:
  class Layouts;

  Status Next(void** bindings, char const** names, int count, bool& more);

  const CalibrationOptions& options_;
  const std::vector<CalibrationInput> inputs_;
  const std::unique_ptr<Layouts> layouts_;
  mutable std::mutex mutex_;  // guards failure_
  Status failure_;
  std::vector<std::byte> written_;
};

}  // namespace trtnode::tensorrt
