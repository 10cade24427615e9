// NativeEngine.measure and NativeMeasurement.
#include "napi/measure_object.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "napi/exit_gate.h"
#include "napi/measure_options.h"
#include "napi/objects.h"
#include "napi/promise.h"
#include "napi/values.h"

namespace trtnode::napi {
namespace {

Result<napi_value> MakeOutputs(napi_env env, const std::vector<bench::Output>& outputs) {
  ASSIGN_OR_RETURN(napi_value list, MakeArray(env, outputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    ASSIGN_OR_RETURN(ObjectWriter writer, ObjectWriter::Make(env));
    RETURN_IF_ERROR(writer.Set("shape", MakeDims(env, outputs[i].dims)));
    RETURN_IF_ERROR(writer.Set("data", MakeArrayBuffer(env, outputs[i].bytes)));
    RETURN_IF_ERROR(SetElement(env, list, i, writer.value()));
  }
  return list;
}

// A typed array of `count` elements, which `fill` writes.
template <typename T, typename Fill>
Result<napi_value> MakeTypedArray(napi_env env, napi_typedarray_type type, std::size_t count,
                                  Fill fill) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  NAPI_TRY(napi_create_arraybuffer(env, count * sizeof(T), &data, &buffer));
  fill(static_cast<T*>(data));
  NAPI_TRY(napi_create_typedarray(env, type, count, buffer, 0, &array));
  return array;
}

Result<napi_value> MakeTimes(napi_env env, const std::vector<bench::Query>& queries,
                             double bench::Query::* member) {
  return MakeTypedArray<double>(env, napi_float64_array, queries.size(), [&](double* into) {
    for (const bench::Query& query : queries) *into++ = query.*member;
  });
}

// A column a property.
Result<napi_value> MakeTrace(napi_env env, const std::vector<bench::Query>& queries) {
  using bench::Query;
  struct Column {
    const char* name;
    double Query::* member;
  };
  constexpr std::array kColumns = {
      Column{"startEnqMs", &Query::enqueue_start},     Column{"endEnqMs", &Query::enqueue_end},
      Column{"startH2dMs", &Query::h2d_start},         Column{"endH2dMs", &Query::h2d_end},
      Column{"startComputeMs", &Query::compute_start}, Column{"endComputeMs", &Query::compute_end},
      Column{"startD2hMs", &Query::d2h_start},         Column{"endD2hMs", &Query::d2h_end},
  };
  ASSIGN_OR_RETURN(ObjectWriter writer, ObjectWriter::Make(env));
  for (const Column& column : kColumns) {
    RETURN_IF_ERROR(writer.Set(column.name, MakeTimes(env, queries, column.member)));
  }
  RETURN_IF_ERROR(writer.Set(
      "stream",
      MakeTypedArray<std::int32_t>(env, napi_int32_array, queries.size(), [&](std::int32_t* into) {
        for (const Query& query : queries) *into++ = query.stream;
      })));
  return writer.value();
}

Result<napi_value> MakeMeasurement(napi_env env, const bench::Measurement& measurement) {
  ASSIGN_OR_RETURN(ObjectWriter writer, ObjectWriter::Make(env));
  RETURN_IF_ERROR(writer.Set("trace", MakeTrace(env, measurement.queries)));
  RETURN_IF_ERROR(writer.Set("full", measurement.full));
  RETURN_IF_ERROR(writer.Set("cudaGraph", measurement.cuda_graph));
  RETURN_IF_ERROR(writer.Set("graphNodes", static_cast<std::uint64_t>(measurement.graph_nodes)));
  RETURN_IF_ERROR(writer.Set("graphRefusal", measurement.graph_refusal));
  RETURN_IF_ERROR(writer.Set("threadCpuMs", measurement.thread_cpu_ms));
  RETURN_IF_ERROR(writer.Set("processCpuMs", measurement.process_cpu_ms));
  RETURN_IF_ERROR(writer.Set("cpuQueries", measurement.cpu_queries));
  RETURN_IF_ERROR(writer.Set("outputs", MakeOutputs(env, measurement.outputs)));
  const std::size_t count = measurement.layer_times.size() * measurement.layers.size();
  RETURN_IF_ERROR(writer.Set("layers", MakeStrings(env, measurement.layers)));
  RETURN_IF_ERROR(writer.Set(
      "layerTimes", MakeTypedArray<float>(env, napi_float32_array, count, [&](float* into) {
        for (const auto& row : measurement.layer_times) into = std::ranges::copy(row, into).out;
      })));
  return writer.value();
}

}  // namespace

std::span<const napi_property_descriptor> MeasureObject::Definition() {
  using Self = MeasureObject;
  static const std::array kProperties = {
      Getter<&Self::GetResult>("result"),
      Method<&Self::Progress>("progress"),
      Method<&Self::Stop>("stop"),
      Method<&Self::Cancel>("cancel"),
  };
  return kProperties;
}

void MeasureObject::DropReferences(napi_env env) noexcept {
  if (result_ != nullptr) (void)napi_delete_reference(env, std::exchange(result_, nullptr));
}

Result<napi_value> MeasureObject::GetResult(Call& call) {
  napi_value result = nullptr;
  NAPI_TRY(napi_get_reference_value(call.env, result_, &result));
  return result;
}

Result<napi_value> MeasureObject::Progress(Call& call) {
  ASSIGN_OR_RETURN(ObjectWriter writer, ObjectWriter::Make(call.env));
  RETURN_IF_ERROR(writer.Set("queries", control_->queries.load()));
  RETURN_IF_ERROR(writer.Set("deviceMs", control_->device_ms.load()));
  return writer.value();
}

Result<napi_value> MeasureObject::Stop(Call& /*call*/) {
  control_->stopped = true;
  return nullptr;
}

Result<napi_value> MeasureObject::Cancel(Call& /*call*/) {
  *control_->cancelled = true;
  return nullptr;
}

Result<napi_value> EngineObject::Measure(Call& call) {
  ASSIGN_OR_RETURN(bench::Options read, ReadMeasureOptions(call.env, call.arguments[0]));
  auto options = std::make_shared<const bench::Options>(std::move(read));
  auto control = std::make_shared<bench::Control>();
  control->cancelled = std::make_shared<std::atomic<bool>>(false);
  call.state.AddCancellation(control->cancelled);
  auto measurement = std::make_shared<bench::Measurement>();
  ASSIGN_OR_RETURN(
      napi_value promise,
      RunAsync(
          call.state,
          [resource = resource_, options = std::move(options), control, measurement,
           token = std::make_shared<LiveToken>(Kind::kMeasurement)]() -> Status {
            cuda::RelaxCaptureMode(resource->context->driver());
            auto result = bench::Measure(resource->context, resource->engine, *options, *control);
            GuardExit();  // the first run may load libraries
            RETURN_IF_ERROR(result.TakeStatus());
            *measurement = result.Take();
            return {};
          },
          [measurement](EnvState& state) { return MakeMeasurement(state.env(), *measurement); }));
  napi_ref reference = nullptr;
  NAPI_TRY(napi_create_reference(call.env, promise, 1, &reference));
  return NewObject(call.state, std::make_unique<MeasureObject>(std::move(control), reference));
}

}  // namespace trtnode::napi
