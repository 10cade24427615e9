// The plugin registry: empty, as the reference runtime runs no TensorRT plugins.
#pragma once

#include "reference/abi/app.h"

namespace trtnode::reference {

IPluginRegistry& EmptyPluginRegistry();

}  // namespace trtnode::reference
