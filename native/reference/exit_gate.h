// At process exit nothing may still run inside ONNX Runtime while its static objects are destroyed: this gate sees to it.
#pragma once

namespace trtnode::reference {

class ExitGate {
 public:
  // Held by a stream's thread while it does work. Once the process is exiting, the constructor never returns.
  class Pass {
   public:
    Pass();
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
  };

  static bool Exiting();
  // For work that polls: parks this thread for good if the process is exiting. The caller holds a Pass.
  static void ParkIfExiting();

  // Registers the exit handler. Handlers run last-registered first, so this is called again after each step at which
  // ONNX Runtime may have registered destructors of its own (opened, first session, first run).
  static void Register();

  // What ends a long run early; called from the exit handler.
  static void SetInterrupt(void (*interrupt)());
};

}  // namespace trtnode::reference
