// Where libnvinfer is looked for when no path is given.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace trtnode::tensorrt {

// What the search depends on; the tests put their own in.
struct SearchEnvironment {
  std::function<std::string(const char*)> variable;  // an environment variable, empty if unset
  std::filesystem::path root = "/";                  // in front of /usr and /opt

  static SearchEnvironment Process();
};

// File names that are tried at every place, best first.
const std::vector<std::string>& LibraryNames();

// Existing directories, in the order in which they are searched after the dynamic linker: pip's packages of VIRTUAL_ENV,
// CONDA_PREFIX, the python3 on the PATH and the user; /usr/lib/<triplet>; /usr/local/tensorrt*/lib; /opt/tensorrt*/lib.
std::vector<std::filesystem::path> SearchDirectories(const SearchEnvironment& environment);

// Files named like libnvinfer in `directory` that are none of LibraryNames(): versions that cannot be used, named in errors.
std::vector<std::filesystem::path> OtherLibraries(const std::filesystem::path& directory);

}  // namespace trtnode::tensorrt
