// An ONNX Runtime session: a model from memory, its inputs and outputs, and runs on memory that the caller owns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reference/ort/library.h"

namespace trtnode::reference::ort {

struct SessionImpl;
struct Value;

struct TensorType {
  std::string name;
  int32_t element_type = 0;         // 0: not a tensor
  std::vector<int64_t> dimensions;  // -1: unknown
};

// Memory of a tensor, borrowed for one run. Null data for an output: ONNX Runtime allocates, see Produced.
struct TensorView {
  const char* name = nullptr;
  int32_t element_type = 0;
  void* data = nullptr;
  size_t bytes = 0;
  std::vector<int64_t> dimensions;
};

// An output as it came out. `data` is the view's memory, or ONNX Runtime's for as long as this lives.
struct Produced {
  std::vector<int64_t> dimensions;
  const void* data = nullptr;
  std::shared_ptr<Value> owner;
};

enum class Purpose { kInferShapes, kRun };

class Session {
 public:
  // Null with ONNX Runtime's text if the model cannot be loaded.
  static std::unique_ptr<Session> Create(std::string_view model, Purpose purpose,
                                         std::string* error);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::vector<TensorType>& inputs() const { return inputs_; }
  const std::vector<TensorType>& outputs() const { return outputs_; }

  // Empty: good. May be called from several threads at once.
  std::string Run(const std::vector<TensorView>& inputs, const std::vector<TensorView>& outputs,
                  std::vector<Produced>* produced) const;

 private:
  explicit Session(const Library& library) : library_(library) {}
  std::string Describe(bool input, std::vector<TensorType>* types) const;

  const Library& library_;
  SessionImpl* session_ = nullptr;
  std::vector<TensorType> inputs_;
  std::vector<TensorType> outputs_;
};

}  // namespace trtnode::reference::ort
