// Promises for what takes long: work on a thread of the pool, the result on the JavaScript thread.
#pragma once

#include <functional>

#include "core/status.h"
#include "napi/env_state.h"

namespace trtnode::napi {

using Work = std::function<Status()>;  // on a pool thread
using Finish = std::function<Result<napi_value>(
    EnvState& state)>;  // on the JavaScript thread, if the work succeeded

// A promise of what `finish` gives. The process stays alive until it has settled. What `work` holds is let go on the pool thread.
Result<napi_value> RunAsync(EnvState& state, Work work, Finish finish);

// A promise that is already fulfilled with undefined.
Result<napi_value> ResolvedPromise(napi_env env);

}  // namespace trtnode::napi
