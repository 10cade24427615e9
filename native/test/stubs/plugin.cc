// A library that looks like libnvinfer_plugin. STUB_FAILS: it complains to the logger and refuses.
#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT bool initLibNvInferPlugins(void* logger, char const*) {
#ifdef STUB_FAILS
  // ILogger of TensorRT 11: log is its fifth method.
  using Log = void (*)(void*, int, char const*);
  reinterpret_cast<Log>((*static_cast<void***>(logger))[4])(logger, 1, "plugin registry is closed");
  return false;
#else
  return logger != nullptr;
#endif
}
