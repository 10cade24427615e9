# trtnode_node_api: headers and macros of Node-API, for native/napi alone. The headers are those of the npm packages
# node-addon-api and node-api-headers, so that a build needs neither an installed nor a downloaded Node.js source.
find_program(TRT_NODE_NODE NAMES node nodejs REQUIRED)
execute_process(
  COMMAND "${TRT_NODE_NODE}" -p
          "[require('node-api-headers').include_dir, require('node-addon-api').include_dir].map((dir) => path.resolve(dir)).join(';')"
  WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
  OUTPUT_VARIABLE TRT_NODE_API_INCLUDE_DIRS
  OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE TRT_NODE_API_RESULT)
if(NOT TRT_NODE_API_RESULT EQUAL 0)
  message(FATAL_ERROR "node-addon-api and node-api-headers are not installed: run `npm install` first, or pass -DTRT_NODE_ADDON=OFF.")
endif()

add_library(trtnode_node_api INTERFACE)
target_include_directories(trtnode_node_api SYSTEM INTERFACE ${TRT_NODE_API_INCLUDE_DIRS})
target_compile_definitions(trtnode_node_api INTERFACE
  NAPI_VERSION=9
  NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
  NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS
  NODE_ADDON_API_DISABLE_DEPRECATED
  NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED)
