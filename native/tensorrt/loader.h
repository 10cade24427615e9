// LibraryLoader: finds, opens and checks libnvinfer and its plugin libraries.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "tensorrt/library.h"
#include "tensorrt/search.h"

namespace trtnode::tensorrt {

class LibraryLoader {
 public:
  LibraryLoader(const LibraryOptions& options, SearchEnvironment environment);

  // Order: options.path; TRT_NODE_LIBRARY; the dynamic linker by soname; SearchDirectories(). A library named by path is the
  // only one tried. While searching, one that cannot be used is passed over and named in the error if nothing better turns up.
  Result<std::shared_ptr<Library>> Open();

 private:
  using Opened = Result<std::unique_ptr<Library::Impl>>;

  Opened OpenNamed(const std::string& name, const char* named_by);
  Opened Search();
  void SearchUnusable(std::vector<Status>& failures) const;
  // Errors: kLibraryNotFound only if the file itself does not exist.
  Opened TryOpen(const std::string& name) const;
  Status OpenPlugins(Library::Impl& library) const;
  void OpenStandardPlugins(Library::Impl& library) const;

  const LibraryOptions& options_;
  const SearchEnvironment environment_;
};

}  // namespace trtnode::tensorrt
