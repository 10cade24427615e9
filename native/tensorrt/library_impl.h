// What a Library consists of; for library.cc and loader.cc alone.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tensorrt/entry_points.h"
#include "tensorrt/library.h"

namespace trtnode::tensorrt {

struct Library::Impl {
  void* handle = nullptr;  // of dlopen, never closed
  Version version;
  std::int32_t version_number = 0;
  Flavor flavor = Flavor::kFull;
  std::string path;
  bool self_contained = false;
  bool is_reference = false;
  EntryPoints entry_points;
  std::vector<std::string> plugin_libraries;
  std::vector<std::string> warnings;

  // The parser is opened at the first question for it.
  std::once_flag parser_once;
  ParserEntryPoints parser;
  Status parser_status;
};

// A thin layer over dlfcn.h, shared by the two.
namespace dl {

// Null with dlerror's text in `error`.
void* Open(const std::string& name, std::string& error);

// The file that `handle` stands for, absolute.
std::string PathOf(void* handle);

// `symbol` of `handle` itself (not of a library that it depends on); null if it has none.
void* OwnSymbol(void* handle, const char* symbol);

// The same, also in the libraries that `handle` depends on.
void* AnySymbol(void* handle, const char* symbol);

// True if `error` says that `name` itself does not exist, rather than something that it needs.
bool SaysNotFound(const std::string& error, const std::string& name);

template <typename F>
void Bind(F& function, void* symbol) {
  function = reinterpret_cast<F>(symbol);
}

}  // namespace dl

}  // namespace trtnode::tensorrt
