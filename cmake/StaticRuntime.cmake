# Links libstdc++ and libgcc statically where the toolchain has them so, and keeps their symbols to ourselves: a prebuilt binary
# then loads on systems whose libstdc++ is older. Sanitizers want the shared ones.
include(CheckLinkerFlag)
check_linker_flag(CXX "-static-libstdc++;-static-libgcc" TRT_NODE_HAS_STATIC_CXX_RUNTIME)
if(TRT_NODE_HAS_STATIC_CXX_RUNTIME AND NOT TRT_NODE_SANITIZE)
  add_link_options(-static-libstdc++ -static-libgcc -Wl,--exclude-libs,libstdc++.a:libgcc.a:libgcc_eh.a)
endif()
