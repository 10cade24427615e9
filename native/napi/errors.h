// Errors as JavaScript gets them: made by hooks.createError from everything that we know.
#pragma once

#include <vector>

#include "core/status.h"
#include "napi/env_state.h"

namespace trtnode::napi {

// Null: JavaScript cannot run, or createError itself threw (then that is pending).
napi_value MakeError(EnvState& state, const Error& error) noexcept;

// Throws unless an exception is pending already.
void Throw(EnvState& state, const Error& error) noexcept;

// NativeModelError[] and NativeSubgraph[].
Result<napi_value> MakeModelErrors(napi_env env, const std::vector<ModelError>& errors);
Result<napi_value> MakeSubgraphs(napi_env env, const std::vector<ModelSubgraph>& subgraphs);

// What a throwing callback gets in JavaScript: an 'uncaughtException'. False: JavaScript cannot run any more.
bool ReportPendingException(napi_env env) noexcept;

}  // namespace trtnode::napi
