# Compiles through ccache where it is installed and no other launcher was chosen.
if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TRT_NODE_CCACHE ccache)
  if(TRT_NODE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${TRT_NODE_CCACHE}")
  endif()
endif()
