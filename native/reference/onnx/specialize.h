// Rewrites a model for shape inference: input shapes fixed, shape-tensor inputs made constants, heavy weights left out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trtnode::reference::onnx {

struct Constant {
  int32_t element_type = 0;
  std::vector<int64_t> dimensions;
  std::vector<int64_t> values;
};

struct Specialization {
  std::map<std::string, std::vector<int64_t>> input_shapes;
  std::map<std::string, Constant> constants;  // inputs that become initializers
  // Turns large floating-point initializers into inputs: their values never matter to a shape, and without them a session
  // is made in a millisecond instead of seconds.
  bool drop_weights = false;
  // Forgets the declared output shapes and the values in between, so that only what follows from the inputs is left.
  bool forget_shapes = true;
  std::map<std::string, size_t> output_ranks;  // declared ranks, kept when shapes are forgotten
  std::vector<std::string> more_outputs;       // values in between that become outputs, too
};

// The bytes of the rewritten model. `model` must have passed ParseModel; what cannot be read is copied as it is.
std::string Specialize(std::string_view model, const Specialization& how);

// Copies a message, giving the bytes of each field of one number to `rewrite`.
std::string RewriteField(std::string_view message, uint32_t number,
                         const std::function<std::string(std::string_view)>& rewrite);

// Replaces each initializer that lies in another file by its data: `read` is given location, offset and length (-1: to
// the end) and returns false if it cannot. Returns false with the location in `error`.
using ReadExternal = bool (*)(void* context, const std::string& location, int64_t offset,
                              int64_t length, std::string* data);
bool EmbedExternalData(std::string_view model, ReadExternal read, void* context, std::string* out,
                       std::string* error);

}  // namespace trtnode::reference::onnx
