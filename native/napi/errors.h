// Errors as JavaScript gets them: made by hooks.createError from everything that we know.
#pragma once

#include "core/status.h"
#include "napi/env_state.h"

namespace trtnode::napi {

// Null: JavaScript cannot run, or createError itself threw (then that is pending).
napi_value MakeError(EnvState& state, const Error& error) noexcept;

// Throws unless an exception is pending already.
void Throw(EnvState& state, const Error& error) noexcept;

}  // namespace trtnode::napi
