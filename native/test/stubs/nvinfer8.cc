// A libnvinfer.so.8 that computes: the CPU reference runtime, whose objects are TensorRT 10's, behind objects in TensorRT 8's form.
//
// Only the slots are filled that TensorRT 8 has in the ABI table (STUB_VERSION 8601 or 8502); a call to any other ends the process.
// It keeps TensorRT 8's rules where they are others: an execution context needs an optimization profile of its own.
#include <dlfcn.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "tensorrt/abi/callbacks.h"
#include "tensorrt/abi/dims.h"
#include "test/fake_object.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace trtnode;            // NOLINT(google-build-using-namespace)
using namespace trtnode::tensorrt;  // NOLINT(google-build-using-namespace)
namespace m = abi::methods;
using abi::i32;
using abi::i64;
using abi::u64;

constexpr bool kHas86 = STUB_VERSION >= 8600;

// A method of an object of the application's, or of the reference runtime's, by its slot.
template <typename R, typename... A>
R CallSlot(void* object, std::size_t slot, A... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, A...)>(vtable[slot])(object, arguments...);
}
template <typename M, typename... A>
abi::ResultOf<M> Ten(const typename M::Interface::Handle* inner, A... arguments) {
  return abi::internal::InvokeIn<M>(10, inner, arguments...);
}

abi::Dims32 Narrow(const abi::Dims64& dims) {
  abi::Dims32 narrow{dims.nbDims, {}};
  for (int i = 0; i < dims.nbDims; ++i) narrow.d[i] = static_cast<i32>(dims.d[i]);
  return narrow;
}
abi::Dims64 Wide(const abi::Dims32& dims) {
  abi::Dims64 wide{dims.nbDims, {}};
  for (int i = 0; i < dims.nbDims; ++i) wide.d[i] = dims.d[i];
  return wide;
}

// The application's objects in TensorRT 8's layout, as the reference runtime wants to see them.
class Recorder final : public abi::ErrorRecorderInterface {
 public:
  explicit Recorder(void* target) : target_(target) {}
  i32 getNbErrors() const noexcept override { return CallSlot<i32>(target_, 2); }
  abi::ErrorCode getErrorCode(i32 i) const noexcept override {
    return CallSlot<abi::ErrorCode>(target_, 3, i);
  }
  char const* getErrorDesc(i32 i) const noexcept override {
    return CallSlot<char const*>(target_, 4, i);
  }
  bool hasOverflowed() const noexcept override { return CallSlot<bool>(target_, 5); }
  void clear() noexcept override { CallSlot<void>(target_, 6); }
  bool reportError(abi::ErrorCode code, char const* text) noexcept override {
    return CallSlot<bool>(target_, 7, code, text);
  }
  i32 incRefCount() noexcept override { return CallSlot<i32>(target_, 8); }
  i32 decRefCount() noexcept override { return CallSlot<i32>(target_, 9); }

 private:
  void* const target_;
};

class Allocator final : public abi::OutputAllocatorInterface {
 public:
  explicit Allocator(void* target) : target_(target) {}
  void* reallocateOutput(char const* tensor, void* current, u64 size,
                         u64 alignment) noexcept override {
    if (CallSlot<i32>(target_, 0) != 1) test::WrongSlot();
    return CallSlot<void*>(target_, 1, tensor, current, size, alignment);
  }
  void* reallocateOutputAsync(char const* tensor, void* current, u64 size, u64 alignment,
                              CUstream_st*) noexcept override {
    return reallocateOutput(tensor, current, size, alignment);
  }
  void notifyShape(char const* tensor, abi::Dims64 const& dims) noexcept override {
    const abi::Dims32 narrow = Narrow(dims);
    CallSlot<void, char const*, abi::Dims32 const&>(target_, 2, tensor, narrow);
  }

 private:
  void* const target_;
};

template <typename M, typename Signature = typename M::Signature>
struct Pass;
template <typename M, typename R, typename... P>
struct Pass<M, R(P...)> {
  template <typename Facade>
  static typename abi::internal::WireResult<R>::Type Do(void* self, P... arguments) {
    return Ten<M, P...>(Facade::Of(self).inner, arguments...);
  }
};

// An object in TensorRT 8's form that owns one of the reference runtime's. Deletes itself when the application deletes it.
template <typename Self, typename Interface>
class Facade {
 public:
  using Handle = typename Interface::Handle;

  ~Facade() { abi::Delete<Interface>(10, inner); }

  static Self& Of(void* impl) {
    return *static_cast<Self*>(test::FakeObject<Interface>::Of(impl).user);
  }

  Handle* const inner;
  test::FakeObject<Interface> object{8};

 protected:
  template <typename... M>
  void PassOn() {
    (object.template SetAny<M>(
         reinterpret_cast<void*>(&Pass<M>::template Do<Facade<Self, Interface>>)),
     ...);
  }
  template <typename SetErrorRecorder>
  void TakeRecorder() {
    object.template Set<SetErrorRecorder>(+[](void* self, abi::IErrorRecorder* given) {
      auto& facade = static_cast<Facade&>(Of(self));
      auto recorder = given != nullptr ? std::make_unique<Recorder>(given) : nullptr;
      Ten<SetErrorRecorder>(facade.inner,
                            reinterpret_cast<abi::IErrorRecorder*>(
                                static_cast<abi::ErrorRecorderInterface*>(recorder.get())));
      facade.given_recorder = given;
      facade.recorder_ = std::move(recorder);
    });
  }
  void* given_recorder = nullptr;

 private:
  friend Self;
  explicit Facade(Handle* of) : inner(of) {
    object.user = static_cast<Self*>(this);
    object.on_delete = [this] { const std::unique_ptr<Self> gone(static_cast<Self*>(this)); };
  }

  std::unique_ptr<Recorder> recorder_;  // so that this cannot be copied either
};

// What the contexts of an engine share: who has which profile, and where to complain.
struct Profiles {
  std::mutex mutex;
  std::set<i32> taken;
  void* logger = nullptr;
};

struct Context : Facade<Context, abi::VExecutionContext> {
  Context(Handle* of, std::shared_ptr<Profiles> shared) : Facade(of), profiles(std::move(shared)) {
    if (Take(0)) profile = 0;
    TakeRecorder<m::VExecutionContext_setErrorRecorder>();
    PassOn<m::VExecutionContext_setProfiler, m::VExecutionContext_setDeviceMemory,
           m::VExecutionContext_setEnqueueEmitsProfile, m::VExecutionContext_reportToProfiler,
           m::VExecutionContext_allInputDimensionsSpecified, m::VExecutionContext_setTensorAddress,
           m::VExecutionContext_getTensorAddress, m::VExecutionContext_inferShapes,
           m::VExecutionContext_setInputConsumedEvent, m::VExecutionContext_getMaxOutputSize,
           m::VExecutionContext_enqueueV3, m::VExecutionContext_setPersistentCacheLimit,
           m::VExecutionContext_getPersistentCacheLimit, m::VExecutionContext_setNvtxVerbosity,
           m::VExecutionContext_getNvtxVerbosity>();
    if (kHas86) PassOn<m::VExecutionContext_setAuxStreams>();
    object.Set<m::VExecutionContext_getOptimizationProfile>(
        +[](void* self) { return Of(self).profile; });
    object.Set<m::VExecutionContext_setOptimizationProfileAsync>(
        +[](void* self, i32 index, CUstream_st* stream) {
          return std::uint8_t(Of(self).Select(index, stream));
        });
    object.Set<m::VExecutionContext_setInputShape_8>(+[](void* self, char const* name,
                                                         abi::Dims32 const& dims) {
      Context& context = Of(self);
      if (context.profile < 0) {
        return std::uint8_t(context.Refuse("No optimization profile has been selected."));
      }
      const abi::Dims64 wide = Wide(dims);
      return std::uint8_t(Ten<m::VExecutionContext_setInputShape, char const*, abi::Dims64 const&>(
          context.inner, name, wide));
    });
    object.Set<m::VExecutionContext_getTensorShape_8>(+[](void* self, char const* name) {
      return Narrow(Ten<m::VExecutionContext_getTensorShape>(Of(self).inner, name));
    });
    object.Set<m::VExecutionContext_getTensorStrides_8>(+[](void* self, char const* name) {
      return Narrow(Ten<m::VExecutionContext_getTensorStrides>(Of(self).inner, name));
    });
    object.Set<m::VExecutionContext_setOutputAllocator>(
        +[](void* self, char const* name, abi::IOutputAllocator* given) {
          Context& context = Of(self);
          auto adapter = given != nullptr ? std::make_unique<Allocator>(given) : nullptr;
          const bool taken = Ten<m::VExecutionContext_setOutputAllocator>(
              context.inner, name,
              reinterpret_cast<abi::IOutputAllocator*>(
                  static_cast<abi::OutputAllocatorInterface*>(adapter.get())));
          if (taken) context.allocators[name] = std::move(adapter);
          return std::uint8_t(taken);
        });
  }
  ~Context() { Release(); }

  bool Take(i32 index) const {
    const std::lock_guard lock(profiles->mutex);
    return profiles->taken.insert(index).second;
  }
  void Release() const {
    const std::lock_guard lock(profiles->mutex);
    profiles->taken.erase(profile);
  }
  bool Refuse(const std::string& text) const {
    CallSlot<void, i32, char const*>(profiles->logger, 0, 1, text.c_str());
    if (given_recorder != nullptr) {
      CallSlot<bool, i32, char const*>(given_recorder, 7, 3, text.c_str());
    }
    return false;
  }
  bool Select(i32 index, CUstream_st* stream) {
    if (index != profile && !Take(index)) {
      return Refuse(
          "IExecutionContext::setOptimizationProfileAsync: Error Code 3: Internal Error "
          "(Profile " +
          std::to_string(index) +
          " has been chosen by another IExecutionContext. Use another profileIndex or "
          "destroy the IExecutionContext that use this profile.)");
    }
    if (index != profile) Release();
    profile = index;
    return Ten<m::VExecutionContext_setOptimizationProfileAsync>(inner, index, stream);
  }

  const std::shared_ptr<Profiles> profiles;
  i32 profile = -1;
  std::map<std::string, std::unique_ptr<Allocator>> allocators;
};

struct Inspector : Facade<Inspector, abi::VEngineInspector> {
  explicit Inspector(Handle* of) : Facade(of) {
    TakeRecorder<m::VEngineInspector_setErrorRecorder>();
    PassOn<m::VEngineInspector_getLayerInformation, m::VEngineInspector_getEngineInformation>();
    object.Set<m::VEngineInspector_setExecutionContext>(+[](void* self,
                                                            abi::IExecutionContext const* given) {
      const abi::IExecutionContext* context = nullptr;
      if (given != nullptr) {
        void* user = test::FakeObject<abi::VExecutionContext>::OfHandle(given).user;
        context = static_cast<Context*>(user)->inner;
      }
      return std::uint8_t(Ten<m::VEngineInspector_setExecutionContext>(Of(self).inner, context));
    });
  }
};

// The object as the application gets it; it goes when that deletes it. Null stays null.
template <typename Object, typename... A>
typename Object::Handle* Give(typename Object::Handle* inner, const A&... arguments) {
  if (inner == nullptr) return nullptr;
  return std::make_unique<Object>(inner, arguments...).release()->object.handle();
}

struct Engine : Facade<Engine, abi::VCudaEngine> {
  Engine(Handle* of, void* logger) : Facade(of), profiles(std::make_shared<Profiles>()) {
    profiles->logger = logger;
    TakeRecorder<m::VCudaEngine_setErrorRecorder>();
    PassOn<m::VCudaEngine_getNbLayers, m::VCudaEngine_serialize, m::VCudaEngine_isRefittable,
           m::VCudaEngine_getName, m::VCudaEngine_getNbOptimizationProfiles,
           m::VCudaEngine_getEngineCapability, m::VCudaEngine_getProfilingVerbosity,
           m::VCudaEngine_getTensorDataType, m::VCudaEngine_getTensorLocation,
           m::VCudaEngine_isShapeInferenceIO, m::VCudaEngine_getTensorIOMode,
           m::VCudaEngine_getNbIOTensors, m::VCudaEngine_getIOTensorName>();
    if (kHas86) {
      PassOn<m::VCudaEngine_getHardwareCompatibilityLevel, m::VCudaEngine_getNbAuxStreams,
             m::VCudaEngine_getTensorFormatV2, m::VCudaEngine_getTensorFormatDescV2,
             m::VCudaEngine_getTensorBytesPerComponentV2,
             m::VCudaEngine_getTensorComponentsPerElementV2,
             m::VCudaEngine_getTensorVectorizedDimV2>();
    }
    FillLayouts();
    FillShapes();
    object.Set<m::VCudaEngine_getDeviceMemorySize>(+[](void* self) {
      return static_cast<u64>(Ten<m::VCudaEngine_getDeviceMemorySizeV2>(Of(self).inner));
    });
    object.Set<m::VCudaEngine_createExecutionContext_8>(
        +[](void* self) { return Of(self).NewContext(AllocationStrategy::kStatic); });
    object.Set<m::VCudaEngine_createExecutionContextWithoutDeviceMemory>(
        +[](void* self) { return Of(self).NewContext(AllocationStrategy::kUserManaged); });
    object.Set<m::VCudaEngine_createEngineInspector>(+[](void* self) {
      return Give<Inspector>(Ten<m::VCudaEngine_createEngineInspector>(Of(self).inner));
    });
  }

  void FillLayouts() {
    object.Set<m::VCudaEngine_getTensorFormat>(+[](void* self, char const* name) {
      return Ten<m::VCudaEngine_getTensorFormatV2>(Of(self).inner, name, 0);
    });
    object.Set<m::VCudaEngine_getTensorFormatDesc>(+[](void* self, char const* name) {
      return Ten<m::VCudaEngine_getTensorFormatDescV2>(Of(self).inner, name, 0);
    });
    object.Set<m::VCudaEngine_getTensorBytesPerComponent>(+[](void* self, char const* name) {
      return Ten<m::VCudaEngine_getTensorBytesPerComponentV2>(Of(self).inner, name, 0);
    });
    object.Set<m::VCudaEngine_getTensorComponentsPerElement>(+[](void* self, char const* name) {
      return Ten<m::VCudaEngine_getTensorComponentsPerElementV2>(Of(self).inner, name, 0);
    });
    object.Set<m::VCudaEngine_getTensorVectorizedDim>(+[](void* self, char const* name) {
      return Ten<m::VCudaEngine_getTensorVectorizedDimV2>(Of(self).inner, name, 0);
    });
  }

  void FillShapes() {
    object.Set<m::VCudaEngine_getTensorShape_8>(+[](void* self, char const* name) {
      return Narrow(Ten<m::VCudaEngine_getTensorShape>(Of(self).inner, name));
    });
    object.Set<m::VCudaEngine_getProfileShape_8>(+[](void* self, char const* name, i32 profile,
                                                     OptProfileSelector selector) {
      return Narrow(Ten<m::VCudaEngine_getProfileShape>(Of(self).inner, name, profile, selector));
    });
    object.Set<m::VCudaEngine_getBindingIndex>(+[](void* self, char const* name) -> i32 {
      const auto* inner = Of(self).inner;
      for (i32 i = 0; i < Ten<m::VCudaEngine_getNbIOTensors>(inner); ++i) {
        if (std::string(Ten<m::VCudaEngine_getIOTensorName>(inner, i)) == name) return i;
      }
      return -1;
    });
    object.Set<m::VCudaEngine_getProfileShapeValues>(
        +[](void* self, i32 profile, i32 index, OptProfileSelector selector) {
          const auto* inner = Of(self).inner;
          return Ten<m::VCudaEngine_getProfileTensorValues>(
              inner, Ten<m::VCudaEngine_getIOTensorName>(inner, index), profile, selector);
        });
  }

  abi::IExecutionContext* NewContext(AllocationStrategy strategy) const {
    return Give<Context>(Ten<m::VCudaEngine_createExecutionContext>(inner, strategy), profiles);
  }

  const std::shared_ptr<Profiles> profiles;
};

struct Runtime : Facade<Runtime, abi::VRuntime> {
  Runtime(Handle* of, void* given_logger) : Facade(of), logger(given_logger) {
    TakeRecorder<m::VRuntime_setErrorRecorder>();
    PassOn<m::VRuntime_setDLACore, m::VRuntime_getDLACore, m::VRuntime_getNbDLACores,
           m::VRuntime_setMaxThreads, m::VRuntime_getMaxThreads>();
    if (kHas86) {
      PassOn<m::VRuntime_setTemporaryDirectory, m::VRuntime_getTemporaryDirectory,
             m::VRuntime_setEngineHostCodeAllowed, m::VRuntime_getEngineHostCodeAllowed>();
    }
    object.Set<m::VRuntime_deserializeCudaEngine_8>(
        +[](void* self, void const* plan, u64 size,
            abi::IPluginFactory* factory) -> abi::ICudaEngine* {
          if (factory != nullptr) test::WrongSlot();
          Runtime& runtime = Of(self);
          return Give<Engine>(Ten<m::VRuntime_deserializeCudaEngine>(runtime.inner, plan, size),
                              runtime.logger);
        });
  }
  void* const logger;
};

}  // namespace

EXPORT std::int32_t getInferLibVersion() { return STUB_VERSION; }
// Its plans are the reference runtime's, and so is its CUDA driver, which dlsym finds through this library.
EXPORT const char* trtNodeReferenceVersion() { return "8"; }
EXPORT void* createInferRuntime_INTERNAL(void* logger, std::int32_t) {
  // By name, as this library has a function of that name itself.
  void* reference = dlopen("libtrtnode_reference.so", RTLD_NOW | RTLD_NOLOAD);
  if (reference == nullptr) return nullptr;
  using Create = abi::IRuntime* (*)(void*, std::int32_t);
  const auto create = reinterpret_cast<Create>(dlsym(reference, "createInferRuntime_INTERNAL"));
  return create == nullptr ? nullptr : Give<Runtime>(create(logger, 100600), logger);
}
