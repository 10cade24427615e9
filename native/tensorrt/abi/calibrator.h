// IInt8Calibrator and its four kinds, as abstract classes in TensorRT's order of slots: TensorRT 8's and 10's; 11 has none.
// What IInt8LegacyCalibrator has more stands behind what all have, so that one class does for all.
#pragma once

#include "tensorrt/abi/callbacks.h"

namespace trtnode::tensorrt::abi {

enum class CalibrationAlgoType : i32 { kLegacy = 0, kEntropy = 1, kEntropy2 = 2, kMinMax = 3 };

class Int8Calibrator8 {
 public:
  virtual i32 getBatchSize() const noexcept = 0;
  virtual bool getBatch(void** bindings, char const** names, i32 count) noexcept = 0;
  virtual void const* readCalibrationCache(u64& length) noexcept = 0;
  virtual void writeCalibrationCache(void const* data, u64 length) noexcept = 0;
  virtual CalibrationAlgoType getAlgorithm() noexcept = 0;
  virtual ~Int8Calibrator8() = default;
  virtual double getQuantile() const noexcept = 0;
  virtual double getRegressionCutoff() const noexcept = 0;
  virtual void const* readHistogramCache(u64& length) noexcept = 0;
  virtual void writeHistogramCache(void const* data, u64 length) noexcept = 0;
  Int8Calibrator8(const Int8Calibrator8&) = delete;
  Int8Calibrator8& operator=(const Int8Calibrator8&) = delete;

 protected:
  Int8Calibrator8() = default;
};

class Int8Calibrator10 : public VersionedInterface {
 public:
  virtual i32 getBatchSize() const noexcept = 0;
  virtual bool getBatch(void** bindings, char const** names, i32 count) noexcept = 0;
  virtual void const* readCalibrationCache(u64& length) noexcept = 0;
  virtual void writeCalibrationCache(void const* data, u64 length) noexcept = 0;
  virtual CalibrationAlgoType getAlgorithm() noexcept = 0;
  virtual double getQuantile() const noexcept = 0;
  virtual double getRegressionCutoff() const noexcept = 0;
  virtual void const* readHistogramCache(u64& length) noexcept = 0;
  virtual void writeHistogramCache(void const* data, u64 length) noexcept = 0;
};

}  // namespace trtnode::tensorrt::abi
