// The loader: stub libraries of many versions, damaged ones, plugins, the parser, and the search.
#include "tensorrt/loader.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tensorrt/entry_points.h"
#include "test/check.h"

namespace trtnode::tensorrt {
namespace {

namespace fs = std::filesystem;

const std::string kStubs = TRT_NODE_STUBS;

SearchEnvironment Nowhere() {
  return {[](const char*) { return std::string(); }, "/nonexistent"};
}

Result<std::shared_ptr<Library>> Open(const LibraryOptions& options) {
  return LibraryLoader(options, Nowhere()).Open();
}

Result<std::shared_ptr<Library>> OpenStub(const std::string& file, bool init_plugins = false) {
  LibraryOptions options;
  options.path = kStubs + "/" + file;
  options.init_plugins = init_plugins;
  return Open(options);
}

TEST(VersionsAreDecoded) {
  CHECK(DecodeVersion(8601) == (Version{8, 6, 1, 0}));
  CHECK(DecodeVersion(8502) == (Version{8, 5, 2, 0}));
  CHECK(DecodeVersion(9300) == (Version{9, 3, 0, 0}));
  CHECK(DecodeVersion(100600) == (Version{10, 6, 0, 0}));
  CHECK(DecodeVersion(101601) == (Version{10, 16, 1, 0}));
  CHECK(DecodeVersion(110201) == (Version{11, 2, 1, 0}));
  CHECK(DecodeVersion(10701) == (Version{1, 7, 1, 0}));
  CHECK_EQ((Version{10, 6, 0, 26}).ToString(), "10.6.0.26");
  CHECK_EQ((Version{10, 6, 0, 0}).ToString(), "10.6.0");
}

TEST(TheFullLibraryOpens) {
  const auto library = OpenStub("10/libnvinfer.so.10", true);
  REQUIRE_OK(library);
  const Library& opened = *library.value();
  CHECK_EQ(opened.version().ToString(), "10.6.0.26");
  CHECK_EQ(opened.version_number(), 100600);
  CHECK_EQ(opened.abi_major(), 10);
  CHECK(opened.flavor() == Flavor::kFull);
  CHECK(opened.has_builder());
  CHECK(opened.has_parser());
  CHECK(!opened.is_reference());
  CHECK_EQ(opened.path(), fs::path(kStubs + "/10/libnvinfer.so.10").lexically_normal().string());
  CHECK(opened.warnings().empty());
  REQUIRE(opened.plugin_libraries().size() == 1);
  CHECK_CONTAINS(opened.plugin_libraries()[0], "libnvinfer_plugin.so.10");
}

TEST(TheLeanLibraryHasNoBuilder) {
  const auto library = OpenStub("lean/libnvinfer_lean.so.11", true);
  REQUIRE_OK(library);
  CHECK(library.value()->flavor() == Flavor::kLean);
  CHECK(!library.value()->has_builder());
  CHECK(library.value()->plugin_libraries().empty());
  CHECK(library.value()->warnings().empty());
}

TEST(APluginLibraryThatRefusesIsAWarning) {
  const auto library = OpenStub("11/libnvinfer.so.11", true);
  REQUIRE_OK(library);
  REQUIRE(library.value()->warnings().size() == 1);
  CHECK_CONTAINS(library.value()->warnings()[0], "plugin registry is closed");
  CHECK(library.value()->plugin_libraries().empty());
}

TEST(APluginLibraryNamedByTheUserIsAnError) {
  LibraryOptions options;
  options.path = kStubs + "/11/libnvinfer.so.11";
  options.init_plugins = false;
  options.plugin_libraries = {kStubs + "/11/libnvinfer_plugin.so.11"};
  CHECK_CONTAINS(CHECK_FAILS(Open(options), kLibraryInvalid).message, "plugin registry is closed");
  options.plugin_libraries = {"/nonexistent/libmine.so"};
  CHECK_CONTAINS(CHECK_FAILS(Open(options), kLibraryNotFound).message, "/nonexistent/libmine.so");
  options.plugin_libraries = {"libtrtnode_no_such_plugin.so"};
  CHECK_FAILS(Open(options), kLibraryNotFound);
  options.plugin_libraries = {kStubs + "/10/libnvinfer_plugin.so.10"};
  const auto library = Open(options);
  REQUIRE_OK(library);
  CHECK_EQ(library.value()->plugin_libraries().size(), 1U);
  // It needs the other stub, so its plugins would register with that one.
  options.plugin_libraries = {kStubs + "/other/libdependent.so"};
  CHECK_CONTAINS(CHECK_FAILS(Open(options), kLibraryInvalid).message, "another libnvinfer");
}

TEST(OtherVersionsAreRefused) {
  const auto refused = [](const char* file) {
    return CHECK_FAILS(OpenStub(file), kLibraryVersion);
  };
  constexpr const char* kUsable = "trt-node works with TensorRT 8.5, 8.6, 10.x and 11.x";
  CHECK_CONTAINS(refused("7/libnvinfer.so.7").message, "is TensorRT 7.2.3, which cannot be used");
  CHECK_CONTAINS(refused("8.2/libnvinfer.so.8").message, "is TensorRT 8.2.1");
  const Error old = refused("8.4/libnvinfer.so.8");
  CHECK_CONTAINS(old.message, "is TensorRT 8.4.1, which cannot be used: ");
  CHECK_CONTAINS(old.message, kUsable);
  CHECK_CONTAINS(old.hint, "JetPack 5.1");
  CHECK_CONTAINS(refused("9/libnvinfer.so.9").message, "TensorRT 9.3.0");
  const Error newer = refused("12/libnvinfer.so.12");
  CHECK_CONTAINS(newer.message, "newer than what is known");
  CHECK_CONTAINS(newer.message, kUsable);
  CHECK_CONTAINS(newer.hint, "Update trt-node");
  CHECK_CONTAINS(refused("rtx/libtensorrt_rtx.so.1").message, "TensorRT-RTX 1.7.1");
}

TEST(TensorRT8Opens) {
  const auto library = OpenStub("8/libnvinfer.so.8", true);
  REQUIRE_OK(library);
  const Library& opened = *library.value();
  CHECK_EQ(opened.abi_major(), 8);
  CHECK_EQ(opened.version_number(), 8601);
  CHECK(opened.flavor() == Flavor::kFull);
  CHECK(opened.has_parser());
  CHECK(opened.entry_points().createInferRefitter != nullptr);
  // Its plugins are missing: what does not need them works all the same.
  REQUIRE(opened.warnings().size() == 1);
  CHECK_CONTAINS(opened.warnings()[0], "libnvinfer_plugin.so.8");
  CHECK(OpenStub("8.5/libnvinfer.so.8").value()->version() == (Version{8, 5, 2, 26}));
  const auto early = OpenStub("8.6.0/libnvinfer.so.8");
  REQUIRE_OK(early);
  CHECK_CONTAINS(CHECK_FAILS(early.value()->parser(), kUnsupported).message, "8.6.0");
}

TEST(TwoMajorsAreOpenAtOnce) {
  const auto eight = OpenStub("8/libnvinfer.so.8");
  const auto ten = OpenStub("10/libnvinfer.so.10");
  REQUIRE_OK(eight);
  REQUIRE_OK(ten);
  CHECK(eight.value()->entry_points().createInferRuntime !=
        ten.value()->entry_points().createInferRuntime);
  CHECK_EQ(eight.value()->entry_points().getInferLibVersion(), 8601);
  CHECK_EQ(ten.value()->entry_points().getInferLibVersion(), 100600);
}

TEST(DamagedFilesAreRefused) {
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("incomplete/libnvinfer.so.10"), kLibraryInvalid).message,
                 "has no createInferRuntime_INTERNAL");
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("other/libother.so"), kLibraryInvalid).message,
                 "is no TensorRT library");
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("other/libdependent.so"), kLibraryInvalid).message,
                 "depends on libnvinfer, but is not libnvinfer");
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("10"), kLibraryInvalid).message, "is a directory");
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("nothing.so"), kLibraryNotFound).message, "does not exist");

  const fs::path text = fs::path(kStubs) / "text.so";
  std::ofstream(text) << "This is no shared library, it is a text that is long enough to be read.";
  CHECK_CONTAINS(CHECK_FAILS(OpenStub("text.so"), kLibraryInvalid).message, "invalid ELF header");
}

TEST(TheEnvironmentVariableNamesTheLibrary) {
  SearchEnvironment environment = Nowhere();
  environment.variable = [](const char* name) {
    return std::string(name) == "TRT_NODE_LIBRARY" ? kStubs + "/8.2/libnvinfer.so.8"
                                                   : std::string();
  };
  LibraryOptions options;
  const Error error = CHECK_FAILS(LibraryLoader(options, environment).Open(), kLibraryVersion);
  CHECK_CONTAINS(error.message, "named by TRT_NODE_LIBRARY");
  // The option goes before it.
  options.path = kStubs + "/10/libnvinfer.so.10";
  CHECK_OK(LibraryLoader(options, environment).Open());
}

TEST(ASonameThatTheLinkerDoesNotKnow) {
  LibraryOptions options;
  options.path = "libtrtnode_no_such_library.so.10";
  CHECK_CONTAINS(CHECK_FAILS(Open(options), kLibraryNotFound).message, "named by the option");
}

// The search: a tree with pip's, Debian's and the tar file's places.
struct Tree {
  // A new name each time: the dynamic linker remembers by name what it has opened.
  Tree() {
    static int counter = 0;
    root = fs::temp_directory_path() /
           ("trtnode-search-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    fs::remove_all(root);
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  fs::path Folder(const std::string& path) const {
    fs::create_directories(root / path);
    return root / path;
  }
  void Link(const std::string& stub, const std::string& path) const {
    Folder(fs::path(path).parent_path().string());
    fs::create_symlink(kStubs + "/" + stub, root / path);
  }
  SearchEnvironment Environment() const {
    return {[this](const char* name) {
              const std::string variable = name;
              if (variable == "VIRTUAL_ENV") return (root / "venv").string();
              if (variable == "PATH") return "/nonexistent:" + (root / "python/bin").string();
              if (variable == "HOME") return (root / "home").string();
              return std::string();
            },
            root};
  }
  fs::path root;
};

// Real libraries on the linker's path come before everything that this file sets up.
bool HasTensorRT() {
  LibraryOptions options;
  const auto library = LibraryLoader(options, Nowhere()).Open();
  return library.ok() || library.error().code != ErrorCode::kLibraryNotFound;
}

TEST(SearchDirectoriesAreInOrder) {
  const Tree tree;
  tree.Folder("venv/lib/python3.9/site-packages/tensorrt_libs");
  tree.Folder("venv/lib/python3.12/site-packages/tensorrt_libs");
  tree.Folder("venv/lib/python3.12/site-packages/tensorrt_lean_libs");
  tree.Folder("python/bin");
  std::ofstream(tree.root / "python/bin/python3") << "";
  tree.Folder("python/lib/python3.11/site-packages/tensorrt_dispatch_libs");
  tree.Folder("home/.local/lib/python3.11/site-packages/tensorrt_libs");
  tree.Folder("usr/lib/x86_64-linux-gnu");
  tree.Folder("usr/lib/aarch64-linux-gnu");
  tree.Folder("usr/local/TensorRT-10.6.0/lib");
  tree.Folder("usr/local/TensorRT-9.0/lib");
  tree.Folder("usr/local/other/lib");
  tree.Folder("opt/tensorrt/lib");
  std::vector<std::string> found;
  for (const fs::path& path : SearchDirectories(tree.Environment())) {
    found.push_back(path.lexically_relative(tree.root).string());
  }
  const auto at = [&](const std::string& path) {
    return std::find(found.begin(), found.end(), path) - found.begin();
  };
  const std::vector<std::string> order = {
      "venv/lib/python3.12/site-packages/tensorrt_libs",
      "venv/lib/python3.12/site-packages/tensorrt_lean_libs",
      "venv/lib/python3.9/site-packages/tensorrt_libs",
      "python/lib/python3.11/site-packages/tensorrt_dispatch_libs",
      "home/.local/lib/python3.11/site-packages/tensorrt_libs",
      "usr/local/TensorRT-10.6.0/lib",
      "usr/local/TensorRT-9.0/lib",
      "opt/tensorrt/lib"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    CHECK(at(order[i]) < static_cast<std::ptrdiff_t>(found.size()));
    if (i > 0) CHECK(at(order[i - 1]) < at(order[i]));
  }
  CHECK_EQ(found.size(), order.size() + 1);  // and one triplet
}

TEST(NothingFoundNamesThePlaces) {
  if (HasTensorRT()) return;
  const Tree tree;
  tree.Folder("opt/tensorrt/lib");
  const Error error = CHECK_FAILS(LibraryLoader({}, tree.Environment()).Open(), kLibraryNotFound);
  CHECK_CONTAINS(error.message, "Searched: the dynamic linker");
  CHECK_CONTAINS(error.message, "opt/tensorrt/lib");
  CHECK_CONTAINS(error.hint, "TRT_NODE_LIBRARY");
}

TEST(PipsFolderComesBeforeOpt) {
  if (HasTensorRT()) return;
  const Tree tree;
  tree.Link("lean/libnvinfer_lean.so.11",
            "venv/lib/python3.12/site-packages/tensorrt_lean_libs/libnvinfer_lean.so.11");
  tree.Link("10/libnvinfer.so.10", "opt/tensorrt/lib/libnvinfer.so.10");
  LibraryOptions options;
  options.init_plugins = false;
  const auto library = LibraryLoader(options, tree.Environment()).Open();
  REQUIRE_OK(library);
  CHECK(library.value()->flavor() == Flavor::kLean);
}

TEST(WhatCannotBeUsedIsPassedOver) {
  if (HasTensorRT()) return;
  const Tree tree;
  tree.Link("incomplete/libnvinfer.so.10",
            "venv/lib/python3.12/site-packages/tensorrt_libs/libnvinfer.so.10");
  tree.Link("10/libnvinfer.so.10", "opt/tensorrt/lib/libnvinfer.so.10");
  LibraryOptions options;
  options.init_plugins = false;
  const auto library = LibraryLoader(options, tree.Environment()).Open();
  REQUIRE_OK(library);
  CHECK(fs::equivalent(library.value()->path(), kStubs + "/10/libnvinfer.so.10"));
}

TEST(TensorRT8IsFoundWhereNothingNewerIs) {
  if (HasTensorRT()) return;
  const Tree tree;
  tree.Link("8/libnvinfer.so.8", "usr/local/tensorrt/lib/libnvinfer.so.8");
  LibraryOptions options;
  options.init_plugins = false;
  const auto old = LibraryLoader(options, tree.Environment()).Open();
  REQUIRE_OK(old);
  CHECK_EQ(old.value()->abi_major(), 8);
  tree.Link("10/libnvinfer.so.10", "usr/local/tensorrt/lib/libnvinfer.so.10");
  CHECK_EQ(LibraryLoader(options, tree.Environment()).Open().value()->abi_major(), 10);
}

TEST(OnlyUnusableOnesAreNamed) {
  if (HasTensorRT()) return;
  const Tree tree;
  tree.Link("8.4/libnvinfer.so.8", "opt/tensorrt/lib/libnvinfer.so.8");
  tree.Link("12/libnvinfer.so.12", "usr/local/tensorrt/lib/libnvinfer.so.12");
  LibraryOptions options;
  const Error version =
      CHECK_FAILS(LibraryLoader(options, tree.Environment()).Open(), kLibraryVersion);
  CHECK_CONTAINS(version.message, "TensorRT 8.4.1");
  CHECK_CONTAINS(version.message, "TensorRT 12.0.0");
  tree.Link("incomplete/libnvinfer.so.10", "opt/tensorrt/lib/libnvinfer.so.10");
  const Error damaged =
      CHECK_FAILS(LibraryLoader(options, tree.Environment()).Open(), kLibraryInvalid);
  CHECK_CONTAINS(damaged.message, "has no createInferRuntime_INTERNAL");
}

TEST(AMissingParserIsSaid) {
  const auto library = OpenStub("lean/libnvinfer_lean.so.11");
  REQUIRE_OK(library);
  if (library.value()->has_parser()) return;  // a real one on the linker's path
  const Error error = CHECK_FAILS(library.value()->parser(), kLibraryNotFound);
  CHECK_CONTAINS(error.message, "libnvonnxparser.so.11");
  CHECK_FAILS(library.value()->parser(), kLibraryNotFound);  // and again
}

}  // namespace
}  // namespace trtnode::tensorrt
