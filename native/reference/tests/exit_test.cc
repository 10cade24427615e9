// The process ends whenever it likes: with runs under way, with streams waiting for ever, with everything left open.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "reference/tests/check.h"
#include "reference/tests/helpers.h"

namespace trtnode::reference::test {
namespace {

// Runs the body in a child that then exits normally; the exit status, or 128 + signal.
template <typename Body>
int ExitStatusOf(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    body();
    std::exit(7);
  }
  const auto start = std::chrono::steady_clock::now();
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(60)) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void MakeCurrent() {
  CUcontext context = nullptr;
  cuInit(0);
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
}

TEST(WithAStreamThatWaitsForEver) {
  CHECK_EQ(7, ExitStatusOf([] {
             MakeCurrent();
             CUstream stream = nullptr;
             void* flag = nullptr;
             cuStreamCreate(&stream, 1);
             cuMemHostAlloc(&flag, 4, 0);
             *static_cast<uint32_t*>(flag) = 0;
             cuStreamWaitValue32_v2(stream, reinterpret_cast<uintptr_t>(flag), 1, 1);
             CUdeviceptr memory = 0;
             cuMemAlloc_v2(&memory, 64);
             cuMemsetD8Async(memory, 1, 64, stream);
           }));
}

TEST(WithRunsUnderWay) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    CHECK_EQ(7, ExitStatusOf([i] {
               MakeCurrent();
               static TestLogger logger;
               const BuildOptions options{{{{{"x", {{64, 64}, {512, 512}, {2048, 2048}}}}, {}}}};
               const std::string plan = BuildPlan(logger, ReadFixture("onnx/slow.onnx"), options);
               ICudaEngine* engine = LoadEngine(logger, plan).release();
               IExecutionContext* context = engine->impl()->createExecutionContext(
                   ExecutionContextAllocationStrategy::kSTATIC);
               CUstream stream = nullptr;
               cuStreamCreate(&stream, 1);
               CUdeviceptr x = 0;
               CUdeviceptr y = 0;
               cuMemAlloc_v2(&x, 2048 * 2048 * 4);
               cuMemAlloc_v2(&y, 2048 * 2048 * 4);
               cuMemsetD8_v2(x, 0, 2048 * 2048 * 4);
               context->impl()->setInputShape("x", MakeDims({2048, 2048}));
               context->impl()->setTensorAddress(
                   "x", reinterpret_cast<void*>(static_cast<uintptr_t>(x)));
               context->impl()->setTensorAddress(
                   "y", reinterpret_cast<void*>(static_cast<uintptr_t>(y)));
               for (int run = 0; run < 50; ++run) context->impl()->enqueueV3(stream);
               std::this_thread::sleep_for(std::chrono::milliseconds(10 * i));
             }));
  }
  // A run is interrupted, so that nobody waits for the fifty of them.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

}  // namespace
}  // namespace trtnode::reference::test

TEST_MAIN
