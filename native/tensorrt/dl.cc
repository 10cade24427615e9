// dlfcn.h, with answers as strings.
#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <system_error>

#include "tensorrt/library_impl.h"

namespace trtnode::tensorrt::dl {
namespace {

const char* LinkName(void* handle) {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return "";
  return map->l_name;
}

}  // namespace

void* Open(const std::string& name, std::string& error) {
  dlerror();
  // NOW: a library that lacks something is refused here, with a reason, not in the middle of a call. LOCAL: two versions may be
  // open at once and must not see each other's symbols.
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* text = dlerror();
    error = text != nullptr ? text : "dlopen failed without a reason";
  }
  return handle;
}

std::string PathOf(void* handle) {
  const std::filesystem::path path = LinkName(handle);
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return (error ? path : absolute).lexically_normal().string();
}

void* AnySymbol(void* handle, const char* symbol) { return dlsym(handle, symbol); }

void* OwnSymbol(void* handle, const char* symbol) {
  void* address = dlsym(handle, symbol);
  if (address == nullptr) return nullptr;
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return nullptr;
  return std::string(info.dli_fname) == LinkName(handle) ? address : nullptr;
}

bool SaysNotFound(const std::string& error, const std::string& name) {
  return error.starts_with(name + ": cannot open shared object file: No such file");
}

}  // namespace trtnode::tensorrt::dl
