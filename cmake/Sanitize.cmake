# -DTRT_NODE_SANITIZE=address,undefined instruments everything (npm run test:sanitize).
if(TRT_NODE_SANITIZE)
  add_compile_options(-fsanitize=${TRT_NODE_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${TRT_NODE_SANITIZE})
endif()
