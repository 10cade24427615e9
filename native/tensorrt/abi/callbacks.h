// The interfaces that TensorRT calls: abstract classes whose virtual methods stand in exactly TensorRT's order.
//
// Classes ending in 8 are TensorRT 8's layout, those ending in 10 TensorRT 10's (and 8's), those ending in 11 TensorRT 11's;
// without a number it is the same in 10 and 11. The wrong one fails silently on 8 and 10 and crashes on 11, so it is chosen by the
// library's major before anything is created. Methods are noexcept: TensorRT must never see an exception of ours.
#pragma once

#include "tensorrt/abi/types.h"

namespace trtnode::tensorrt::abi {

// Slots 0 to 3 of every interface of TensorRT 11, and of most of TensorRT 10's. TensorRT 8 has none of it.
class VersionedInterface {
 public:
  virtual i32 getAPILanguage() const noexcept { return 0; }  // C++
  virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
  virtual ~VersionedInterface() = default;
  VersionedInterface(const VersionedInterface&) = delete;
  VersionedInterface& operator=(const VersionedInterface&) = delete;

 protected:
  VersionedInterface() = default;
};

class Logger10 {
 public:
  virtual void log(i32 severity, char const* message) noexcept = 0;
  virtual ~Logger10() = default;
};

class Logger11 : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"ILogger", 1, 0}; }
  virtual void log(i32 severity, char const* message) noexcept = 0;
};

class Profiler10 {
 public:
  virtual void reportLayerTime(char const* layer, f32 milliseconds) noexcept = 0;
  virtual ~Profiler10() = default;
};

class Profiler11 : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IProfiler", 1, 0}; }
  virtual void reportLayerTime(char const* layer, f32 milliseconds) noexcept = 0;
};

class ErrorRecorderInterface : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IErrorRecorder", 1, 0}; }
  virtual i32 getNbErrors() const noexcept = 0;
  virtual ErrorCode getErrorCode(i32 index) const noexcept = 0;
  virtual char const* getErrorDesc(i32 index) const noexcept = 0;
  virtual bool hasOverflowed() const noexcept = 0;
  virtual void clear() noexcept = 0;
  virtual bool reportError(ErrorCode code, char const* description) noexcept = 0;
  virtual i32 incRefCount() noexcept = 0;
  virtual i32 decRefCount() noexcept = 0;
};

class ErrorRecorder8 {
 public:
  virtual ~ErrorRecorder8() = default;  // before the methods, unlike all others
  virtual i32 getNbErrors() const noexcept = 0;
  virtual ErrorCode getErrorCode(i32 index) const noexcept = 0;
  virtual char const* getErrorDesc(i32 index) const noexcept = 0;
  virtual bool hasOverflowed() const noexcept = 0;
  virtual void clear() noexcept = 0;
  virtual bool reportError(ErrorCode code, char const* description) noexcept = 0;
  virtual i32 incRefCount() noexcept = 0;
  virtual i32 decRefCount() noexcept = 0;
};

class OutputAllocatorInterface : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IOutputAllocator", 1, 0}; }
  virtual void* reallocateOutput(char const* tensor, void* current, u64 size,
                                 u64 alignment) noexcept = 0;
  virtual void* reallocateOutputAsync(char const* tensor, void* current, u64 size, u64 alignment,
                                      CUstream_st* stream) noexcept = 0;
  virtual void notifyShape(char const* tensor, Dims64 const& dims) noexcept = 0;
};

// The destructor came with 8.5.3, behind the methods: older ones do not look so far.
class OutputAllocator8 {
 public:
  virtual i32 getInterfaceVersion() const noexcept { return 1; }
  virtual void* reallocateOutput(char const* tensor, void* current, u64 size,
                                 u64 alignment) noexcept = 0;
  virtual void notifyShape(char const* tensor, Dims32 const& dims) noexcept = 0;
  virtual ~OutputAllocator8() = default;
};

// IGpuAllocator and IGpuAsyncAllocator: the same slots, and the same kind.
class GpuAllocatorInterface : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IGpuAllocator", 1, 0}; }
  virtual void* allocate(u64 size, u64 alignment, u32 flags) noexcept = 0;
  virtual void* reallocate(void* address, u64 alignment, u64 new_size) noexcept = 0;
  virtual bool deallocate(void* address) noexcept = 0;
  virtual void* allocateAsync(u64 size, u64 alignment, u32 flags, CUstream_st* stream) noexcept = 0;
  virtual bool deallocateAsync(void* address, CUstream_st* stream) noexcept = 0;
};

class ProgressMonitorInterface : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IProgressMonitor", 1, 0}; }
  virtual void phaseStart(char const* phase, char const* parent, i32 steps) noexcept = 0;
  virtual bool stepComplete(char const* phase, i32 step) noexcept = 0;
  virtual void phaseFinish(char const* phase) noexcept = 0;
};

class DebugListenerInterface : public VersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IDebugListener", 1, 0}; }
  virtual bool processDebugTensor(void const* address, TensorLocation location, DataType type,
                                  Dims64 const& dims, char const* name,
                                  CUstream_st* stream) noexcept = 0;
};

class StreamReaderInterface : public VersionedInterface {  // superseded by V2 in 10.7, gone in 11
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamReader", 1, 0}; }
  virtual i64 read(void* destination, i64 bytes) noexcept = 0;
};

class StreamReaderV2Interface : public VersionedInterface {  // from 10.7
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamReaderV2", 1, 0}; }
  virtual i64 read(void* destination, i64 bytes, CUstream_st* stream) noexcept = 0;
  virtual bool seek(i64 offset, SeekPosition position) noexcept = 0;
};

class StreamWriterInterface : public VersionedInterface {  // from 10.13
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return {"IStreamWriter", 1, 0}; }
  virtual i64 write(void const* data, i64 bytes) noexcept = 0;
};

}  // namespace trtnode::tensorrt::abi
