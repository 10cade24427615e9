// Error to Error.
#include "napi/errors.h"

#include <string>

#include "napi/values.h"

namespace trtnode::napi {
namespace {

Result<napi_value> MakeInfo(napi_env env, const Error& error) {
  ASSIGN_OR_RETURN(ObjectWriter info, ObjectWriter::Make(env));
  RETURN_IF_ERROR(info.Set("code", ErrorCodeName(error.code)));
  RETURN_IF_ERROR(info.Set("message", error.message));
  RETURN_IF_ERROR(info.Set("hint", error.hint));
  RETURN_IF_ERROR(info.Set("call", error.call));
  RETURN_IF_ERROR(info.Set("cudaErrorCode", error.cuda_error));
  RETURN_IF_ERROR(info.Set("cudaErrorName", error.cuda_error_name));
  napi_value bytes = nullptr;
  if (error.requested_bytes.has_value()) {
    ASSIGN_OR_RETURN(bytes, MakeNumber(env, static_cast<double>(*error.requested_bytes)));
  } else {
    NAPI_TRY(napi_get_undefined(env, &bytes));
  }
  RETURN_IF_ERROR(info.Set("requestedBytes", bytes));
  ASSIGN_OR_RETURN(napi_value missing, MakeStrings(env, error.missing_weights));
  RETURN_IF_ERROR(info.Set("missingWeights", missing));
  ASSIGN_OR_RETURN(napi_value log, MakeStrings(env, error.log));
  RETURN_IF_ERROR(info.Set("log", log));
  if (error.code == ErrorCode::kParse) {
    RETURN_IF_ERROR(info.Set("modelErrors", MakeModelErrors(env, error.model_errors)));
    RETURN_IF_ERROR(info.Set("subgraphs", MakeSubgraphs(env, error.subgraphs)));
  }
  return info.value();
}

Result<napi_value> Make(EnvState& state, const Error& error) {
  const napi_env env = state.env();
  napi_value result = nullptr;
  if (state.create_error == nullptr) {  // initialize was not called
    ASSIGN_OR_RETURN(napi_value code, MakeString(env, ErrorCodeName(error.code)));
    ASSIGN_OR_RETURN(napi_value message, MakeString(env, error.message));
    NAPI_TRY(napi_create_error(env, code, message, &result));
    return result;
  }
  ASSIGN_OR_RETURN(napi_value info, MakeInfo(env, error));
  napi_value create = nullptr;
  napi_value receiver = nullptr;
  NAPI_TRY(napi_get_reference_value(env, state.create_error, &create));
  NAPI_TRY(napi_get_undefined(env, &receiver));
  NAPI_TRY(napi_call_function(env, receiver, create, 1, &info, &result));
  return result;
}

}  // namespace

Result<napi_value> MakeModelErrors(napi_env env, const std::vector<ModelError>& errors) {
  ASSIGN_OR_RETURN(napi_value list, MakeArray(env, errors.size()));
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const ModelError& error = errors[i];
    ASSIGN_OR_RETURN(ObjectWriter one, ObjectWriter::Make(env));
    RETURN_IF_ERROR(one.Set("code", error.code));
    RETURN_IF_ERROR(one.Set("description", error.description));
    RETURN_IF_ERROR(one.Set("node", error.node));
    RETURN_IF_ERROR(one.Set("nodeName", error.node_name));
    RETURN_IF_ERROR(one.Set("nodeOperator", error.node_operator));
    RETURN_IF_ERROR(one.Set("localFunctions", MakeStrings(env, error.local_functions)));
    RETURN_IF_ERROR(one.Set("file", error.file));
    RETURN_IF_ERROR(one.Set("line", error.line));
    RETURN_IF_ERROR(one.Set("function", error.function));
    RETURN_IF_ERROR(SetElement(env, list, i, one.value()));
  }
  return list;
}

Result<napi_value> MakeSubgraphs(napi_env env, const std::vector<ModelSubgraph>& subgraphs) {
  ASSIGN_OR_RETURN(napi_value list, MakeArray(env, subgraphs.size()));
  for (std::size_t i = 0; i < subgraphs.size(); ++i) {
    ASSIGN_OR_RETURN(ObjectWriter one, ObjectWriter::Make(env));
    RETURN_IF_ERROR(one.Set("supported", subgraphs[i].supported));
    RETURN_IF_ERROR(one.Set("nodes", MakeIntegers(env, subgraphs[i].nodes)));
    RETURN_IF_ERROR(SetElement(env, list, i, one.value()));
  }
  return list;
}

napi_value MakeError(EnvState& state, const Error& error) noexcept {
  try {
    Result<napi_value> made = Make(state, error);
    return made.ok() ? made.value() : nullptr;
  } catch (...) {  // no memory
    return nullptr;
  }
}

void Throw(EnvState& state, const Error& error) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(state.env(), &pending) != napi_ok || pending) return;
  const napi_value made = MakeError(state, error);
  if (made != nullptr) (void)napi_throw(state.env(), made);
}

Status NapiFailure(napi_status status, const char* call) {
  return Status(ErrorCode::kInternal, std::string("Node-API refused ") + call + " with status " +
                                          std::to_string(static_cast<int>(status)) + ".");
}

bool ReportPendingException(napi_env env) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok) return false;
  if (!pending) return true;
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return false;
  return napi_fatal_exception(env, error) == napi_ok;
}

}  // namespace trtnode::napi
