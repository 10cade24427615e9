# trtnode_warnings: what every target of ours links (PRIVATE) for its flags; native/ is the include root.
add_library(trtnode_warnings INTERFACE)
target_compile_options(trtnode_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TRT_NODE_WERROR}>:-Werror>
  # g++ 12 warns of std::string's own operator+ (its bug 105651).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  # Line numbers for gdb and perf; prebuildify strips them.
  $<$<CONFIG:Release>:-g1>)
target_include_directories(trtnode_warnings INTERFACE "${CMAKE_SOURCE_DIR}/native")
