// Why TensorRT refused a plan, told from its log and the plan's header.
#pragma once

#include "core/status.h"
#include "tensorrt/plan_header.h"
#include "tensorrt/types.h"

namespace trtnode::tensorrt {

// Sharpens the code of `error` (kDeserialize) by its log to kPlanVersion or kPlanDevice, and says what to do. kOutOfMemory stays.
void ExplainRefusal(const PlanHeader& header, const Version& running, Flavor flavor, Error& error);

}  // namespace trtnode::tensorrt
