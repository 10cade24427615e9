// INT8 calibration, as far as it goes without quantizing: the calibrator is asked for batches, which are looked at, and gets a
// cache to keep. The engine computes in the model's own precision all the same.
#pragma once

#include "reference/builder/config.h"
#include "reference/builder/network.h"
#include "reference/report.h"

namespace trtnode::reference {

// Does nothing without INT8 or without a calibrator. False, with a reported error, when there was no batch or a bad one.
bool Calibrate(const Network& network, const BuilderConfig& config, const Reporter& reports);

}  // namespace trtnode::reference
