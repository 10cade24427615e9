// Library: one opened libnvinfer (full, lean or dispatch) with its version and entry points. Several may be open at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

struct LibraryOptions {
  // Exactly this file (or soname) and no other; empty: search (loader.cc says where).
  std::string path;
  // Plugin libraries to open besides libnvinfer_plugin, each given to dlopen.
  std::vector<std::string> plugin_libraries;
  // Opens libnvinfer_plugin and calls initLibNvInferPlugins when it is found.
  bool init_plugins = true;
  // The library carries TensorRT's parser and plugins itself (our reference runtime does).
  bool self_contained = false;
};

struct EntryPoints;        // tensorrt/entry_points.h
struct ParserEntryPoints;  // tensorrt/entry_points.h

// Immutable once open; safe from any thread. Never dlclosed: TensorRT and CUDA register exit handlers in the process.
class Library {
 public:
  // Errors: kLibraryNotFound (the places searched are in the message), kLibraryInvalid, kLibraryVersion. Calls no CUDA.
  static Result<std::shared_ptr<Library>> Open(const LibraryOptions& options);
  ~Library();

  const Version& version() const noexcept;
  int abi_major() const noexcept;  // 8, 10 or 11: which column of the ABI table is used
  std::int32_t version_number()
      const;  // what getInferLibVersion answers; handed back to create*_INTERNAL
  Flavor flavor() const noexcept;
  bool is_reference() const noexcept;        // trt-node's own CPU reference runtime
  const std::string& path() const noexcept;  // absolute, as the dynamic linker resolved it
  bool has_builder() const noexcept;
  bool has_parser() const noexcept;  // opens libnvonnxparser at the first question
  // Makes the builder's resource libraries findable, which TensorRT opens by name although they lie beside libnvinfer, where
  // the dynamic linker need not look. To be called before createInferBuilder.
  void PrepareBuilder() const;
  // Of libnvonnxparser: next to the library, else by soname. kLibraryNotFound or kLibraryInvalid where there is none.
  Result<const ParserEntryPoints*> parser() const;
  const std::vector<std::string>& plugin_libraries() const noexcept;  // those that are open
  const EntryPoints& entry_points() const noexcept;
  const std::vector<std::string>& warnings()
      const noexcept;  // e.g. a plugin library that could not be opened and why

 private:
  friend class LibraryLoader;
  struct Impl;
  explicit Library(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trtnode::tensorrt
