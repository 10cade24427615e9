// Headers for the test of scripts/check-abi: a few classes as TensorRT 10.6 has them; with WRONG, four mistakes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#define NV_TENSORRT_MAJOR 10
#define NV_TENSORRT_MINOR 6
#define NV_TENSORRT_PATCH 0

namespace nvinfer1 {

enum class DataType : int32_t { kFLOAT = 0, kHALF = 1, kINT8 = 2 };
#ifdef WRONG
enum class OptProfileSelector : int32_t { kMIN = 0, kOPT = 2, kMAX = 1 };
#else
enum class OptProfileSelector : int32_t { kMIN = 0, kOPT = 1, kMAX = 2 };
#endif

struct Dims64 {
  int32_t nbDims;
#ifdef WRONG
  int32_t d[8];
#else
  int64_t d[8];
#endif
};

class ILogger {
 public:
  enum class Severity : int32_t { kERROR = 1 };
  virtual void log(Severity severity, char const* message) noexcept = 0;
  virtual ~ILogger() = default;
};

namespace apiv {

class VRoot {
 public:
  virtual ~VRoot() noexcept = default;
};

class VHostMemory : public VRoot {
 public:
#ifdef WRONG
  virtual std::size_t size() const noexcept = 0;
  virtual void* data() const noexcept = 0;
#else
  virtual void* data() const noexcept = 0;
  virtual std::size_t size() const noexcept = 0;
#endif
  virtual DataType type() const noexcept = 0;
};

class VOptimizationProfile : public VRoot {
 public:
#ifdef WRONG
  virtual bool setDimensions(char const* name, OptProfileSelector select, Dims64 dims) noexcept = 0;
#else
  virtual bool setDimensions(char const* name, OptProfileSelector select,
                             Dims64 const& dims) noexcept = 0;
#endif
  virtual Dims64 getDimensions(char const* name, OptProfileSelector select) const noexcept = 0;
  virtual bool setShapeValues(char const* name, OptProfileSelector select, int32_t const* values,
                              int32_t count) noexcept = 0;
  virtual int32_t getNbShapeValues(char const* name) const noexcept = 0;
  virtual int32_t const* getShapeValues(char const* name,
                                        OptProfileSelector select) const noexcept = 0;
  virtual bool setExtraMemoryTarget(float target) noexcept = 0;
  virtual float getExtraMemoryTarget() const noexcept = 0;
  virtual bool isValid() const noexcept = 0;
};

}  // namespace apiv
}  // namespace nvinfer1
