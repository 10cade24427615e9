// Runs a model on device memory, with faults and checks first.
#include "reference/runtime/model_run.h"

#include <cstdint>
#include <cstdio>
#include <thread>

#include "reference/cuda/machine.h"
#include "reference/exit_gate.h"
#include "reference/faults.h"
#include "reference/runtime/types.h"

namespace trtnode::reference {
namespace {

constexpr char kApi[] = "IExecutionContext::enqueueV3";

CUresult InjectedFault() {
  Faults& faults = Faults::Get();
  if (const auto delay = faults.Hit("delay")) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(*delay);
    while (std::chrono::steady_clock::now() < end) {
      ExitGate::ParkIfExiting();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  for (const char* name : {"launch", "sticky", "lost"}) {
    if (const auto code = faults.Hit(name)) return static_cast<CUresult>(*code);
  }
  return CUDA_SUCCESS;
}

std::string Address(const void* pointer) {
  char text[24];
  std::snprintf(text, sizeof(text), "%p", pointer);
  return text;
}

}  // namespace

bool ModelRun::AddView(RunTensor& tensor, std::vector<ort::TensorView>* views,
                       std::vector<std::shared_ptr<const Block>>* holds) {
  const TensorSpec& spec = core_->Spec(tensor.tensor);
  ort::TensorView view{spec.name.c_str(), spec.element_type, nullptr, 0, tensor.dimensions};
  if (!tensor.host_copy.empty()) {
    view.data = tensor.host_copy.data();
    view.bytes = tensor.host_copy.size();
  } else if (tensor.address != nullptr) {
    view.bytes = static_cast<size_t>(Volume(tensor.dimensions)) * ElementSize(spec.type);
    view.data = tensor.address;
    if (view.bytes != 0) {
      auto block = Machine::Get().memory.Find(tensor.address);
      if (!block || !block->Covers(tensor.address, view.bytes)) {
        reporter_->Error(ErrorCode::kFAILED_EXECUTION, kApi, kCudaRuntime,
                         "an illegal memory access was encountered: tensor " + spec.name +
                             " needs " + std::to_string(view.bytes) + " bytes at " +
                             Address(tensor.address) +
                             (block ? ", more than the allocation there has"
                                    : ", where there is no device memory"));
        return false;
      }
      if (block->OnDevice() && !context_.Reaches(block->device())) {
        reporter_->Error(ErrorCode::kFAILED_EXECUTION, kApi, kCudaRuntime,
                         "an illegal memory access was encountered: tensor " + spec.name +
                             " lies on device " + std::to_string(block->device()) +
                             ", which device " + std::to_string(context_.ordinal()) +
                             " has no access to");
        return false;
      }
      holds->push_back(std::move(block));
    }
  }
  views->push_back(std::move(view));
  return true;
}

CUresult ModelRun::operator()() {
  return Guard(*reporter_, kApi, CUDA_ERROR_LAUNCH_FAILED, [&] { return Run(); });
}

CUresult ModelRun::Run() {
  if (const CUresult fault = InjectedFault()) return fault;
  const auto start = std::chrono::steady_clock::now();
  std::vector<ort::TensorView> inputs;
  std::vector<ort::TensorView> outputs;
  std::vector<std::shared_ptr<const Block>> holds;
  for (RunTensor& tensor : inputs_) {
    if (!AddView(tensor, &inputs, &holds)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  for (RunTensor& tensor : outputs_) {
    if (!AddView(tensor, &outputs, &holds)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  std::vector<ort::Produced> produced;
  const std::string error = core_->computing()->session->Run(inputs, outputs, &produced);
  if (!error.empty()) {
    if (!ExitGate::Exiting())
      reporter_->Error(ErrorCode::kFAILED_EXECUTION, kApi, kCudaRuntime,
                       "unspecified launch failure: " + error);
    return CUDA_ERROR_LAUNCH_FAILED;
  }
  const std::lock_guard lock(result_->mutex);
  result_->outputs = std::move(produced);
  result_->milliseconds =
      std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start).count();
  return CUDA_SUCCESS;
}

}  // namespace trtnode::reference
