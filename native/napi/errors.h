// Errors as JavaScript gets them: made by hooks.createError from everything that we know.
#pragma once

#include "core/status.h"
#include "napi/env_state.h"

namespace trtnode::napi {

// Null: JavaScript cannot run, or createError itself threw (then that is pending).
napi_value MakeError(EnvState& state, const Error& error) noexcept;

// Throws unless an exception is pending already.
void Throw(EnvState& state, const Error& error) noexcept;

// What a throwing callback gets in JavaScript: an 'uncaughtException'. False: JavaScript cannot run any more.
bool ReportPendingException(napi_env env) noexcept;

}  // namespace trtnode::napi
