// The search for libnvinfer: names and directories.
#include "tensorrt/search.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <system_error>

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;

#if defined(__x86_64__)
constexpr const char* kTriplet = "x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr const char* kTriplet = "aarch64-linux-gnu";
#else
#error "trt-node runs on x86-64 and arm64 Linux: TensorRT has no other builds that it knows"
#endif

bool IsDirectory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// Entries of `directory` that `accept` takes, newest version first (by name, numbers compared as numbers).
std::vector<fs::path> List(const fs::path& directory,
                           const std::function<bool(const std::string&)>& accept) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (accept(it->path().filename().string())) found.push_back(it->path());
  }
  const auto key = [](const fs::path& path) {
    // "python3.9" < "python3.12": runs of digits are padded.
    std::string text, digits;
    for (const char c : path.filename().string() + " ") {
      if (std::isdigit(static_cast<unsigned char>(c))) {
        digits += c;
        continue;
      }
      if (!digits.empty())
        text += std::string(12 - std::min<std::size_t>(12, digits.size()), '0') + digits;
      digits.clear();
      text += c;
    }
    return text;
  };
  std::sort(found.begin(), found.end(),
            [&](const fs::path& a, const fs::path& b) { return key(a) > key(b); });
  return found;
}

bool StartsWithIgnoringCase(const std::string& text, const std::string& lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

// Adds pip's TensorRT packages of the Python whose prefix this is (PREFIX/lib/python3*/site-packages/tensorrt_libs …).
void AddPrefix(const fs::path& prefix, std::vector<fs::path>& directories) {
  const auto pythons =
      List(prefix / "lib", [](const std::string& name) { return name.starts_with("python3"); });
  for (const fs::path& python : pythons) {
    for (const char* packages : {"site-packages", "dist-packages"}) {
      for (const char* package :
           {"tensorrt_libs", "tensorrt_lean_libs", "tensorrt_dispatch_libs"}) {
        directories.push_back(python / packages / package);
      }
    }
  }
}

// The prefix of the first python3 on the PATH, as it lies there and as its links lead (a virtual environment's python3 is a link).
void AddPythonOnPath(const std::string& path, std::vector<fs::path>& directories) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    fs::path directory = path.substr(begin, end - begin);
    begin = end + 1;
    if (!directory.has_filename()) directory = directory.parent_path();  // "/venv/bin/"
    const fs::path python = directory / "python3";
    std::error_code error;
    if (directory.empty() || !fs::exists(python, error)) continue;
    AddPrefix(directory.parent_path(), directories);
    const fs::path real = fs::canonical(python, error);
    if (!error) AddPrefix(real.parent_path().parent_path(), directories);
    return;
  }
}

}  // namespace

SearchEnvironment SearchEnvironment::Process() {
  return {[](const char* name) {
            const char* value = std::getenv(name);
            return std::string(value != nullptr ? value : "");
          },
          "/"};
}

const std::vector<std::string>& LibraryNames() {
  // The full library before lean and dispatch, as it can do all that they can. Within a flavour the newest major first: its plans
  // are what a fresh installation builds; a machine that has both and needs the older names it by path.
  static const std::vector<std::string> names = {
      "libnvinfer.so.11",          "libnvinfer.so.10",          "libnvinfer.so.8",
      "libnvinfer_lean.so.11",     "libnvinfer_lean.so.10",     "libnvinfer_lean.so.8",
      "libnvinfer_dispatch.so.11", "libnvinfer_dispatch.so.10", "libnvinfer_dispatch.so.8"};
  return names;
}

std::vector<fs::path> SearchDirectories(const SearchEnvironment& environment) {
  std::vector<fs::path> all;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string prefix = environment.variable(variable); !prefix.empty()) {
      AddPrefix(prefix, all);
    }
  }
  AddPythonOnPath(environment.variable("PATH"), all);
  if (const std::string home = environment.variable("HOME"); !home.empty()) {
    AddPrefix(fs::path(home) / ".local", all);
  }
  all.push_back(environment.root / "usr/lib" / kTriplet);
  for (const char* parent : {"usr/local", "opt"}) {
    const auto installs = List(environment.root / parent, [](const std::string& name) {
      return StartsWithIgnoringCase(name, "tensorrt");
    });
    for (const fs::path& install : installs) all.push_back(install / "lib");
  }

  std::vector<fs::path> existing;
  for (const fs::path& directory : all) {
    if (IsDirectory(directory) &&
        std::find(existing.begin(), existing.end(), directory) == existing.end()) {
      existing.push_back(directory);
    }
  }
  return existing;
}

std::vector<fs::path> OtherLibraries(const fs::path& directory) {
  return List(directory, [](const std::string& name) {
    const bool is_library = name.starts_with("libnvinfer.so.") ||
                            name.starts_with("libnvinfer_lean.so.") ||
                            name.starts_with("libnvinfer_dispatch.so.");
    if (!is_library) return false;
    // "libnvinfer.so.10.6.0" is the file behind "libnvinfer.so.10", not another one.
    if (name.find('.', name.find(".so.") + 4) != std::string::npos) return false;
    const auto& names = LibraryNames();
    return std::find(names.begin(), names.end(), name) == names.end();
  });
}

}  // namespace trtnode::tensorrt
