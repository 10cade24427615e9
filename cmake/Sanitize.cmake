# -DTRT_NODE_SANITIZE=address,undefined instruments everything (npm run test:sanitize).
if(TRT_NODE_SANITIZE)
  # Not vptr: across TensorRT's binary interface either side knows the other's objects by their vtables, not by their C++ classes.
  add_compile_options(-fsanitize=${TRT_NODE_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${TRT_NODE_SANITIZE})
endif()
