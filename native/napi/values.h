// Values: reading arguments and making results. Types were checked in lib/; what is wrong all the same gives an Error, never a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dims.h"
#include "core/status.h"
#include "napi/js.h"

namespace trtnode::napi {

// `what` names the argument in the message.
Status WrongType(const char* what, const char* expected);
Result<std::int64_t> ReadInteger(napi_env env, napi_value value, const char* what,
                                 std::int64_t least, std::int64_t most);
Result<int> ReadInt(napi_env env, napi_value value, const char* what, int least, int most);
Result<std::size_t> ReadSize(napi_env env, napi_value value, const char* what);  // up to 2^53 - 1
Result<bool> ReadBool(napi_env env, napi_value value, const char* what);
Result<std::string> ReadString(napi_env env, napi_value value, const char* what);
Result<std::vector<std::string>> ReadStrings(napi_env env, napi_value value, const char* what);
Result<Dims> ReadDims(napi_env env, napi_value value, const char* what);
Status ReadIntegers(napi_env env, napi_value value, const char* what,
                    std::vector<std::int64_t>& into);
Result<std::uint32_t> ReadLength(napi_env env, napi_value array, const char* what);
napi_valuetype TypeOf(napi_env env, napi_value value) noexcept;
bool IsNullish(napi_env env, napi_value value) noexcept;

// A property; missing: undefined.
Result<napi_value> Get(napi_env env, napi_value object, const char* name);
Result<int> GetInt(napi_env env, napi_value object, const char* name, int least, int most);
Result<bool> GetBool(napi_env env, napi_value object, const char* name);
Result<std::string> GetString(napi_env env, napi_value object, const char* name);
Result<napi_value> GetElement(napi_env env, napi_value array, std::uint32_t index);

Result<napi_value> MakeNumber(napi_env env, double value);
Result<napi_value> MakeBool(napi_env env, bool value);
Result<napi_value> MakeString(napi_env env, std::string_view value);
Result<napi_value> MakeBigint(napi_env env, std::uint64_t value);
Result<napi_value> MakeStrings(napi_env env, const std::vector<std::string>& values);
Result<napi_value> MakeIntegers(napi_env env, std::span<const std::int64_t> values);
Result<napi_value> MakeDims(napi_env env, const Dims& dims);
Result<napi_value> MakeDimsList(napi_env env, std::span<const Dims> list);
// A copy, as where external buffers are forbidden.
Result<napi_value> MakeArrayBuffer(napi_env env, std::span<const std::byte> bytes);

// Fills a plain object.
class ObjectWriter {
 public:
  static Result<ObjectWriter> Make(napi_env env);
  Status Set(const char* name, napi_value value);
  Status Set(const char* name, std::string_view value);
  Status Set(const char* name, const std::string& value) {
    return Set(name, std::string_view(value));
  }
  Status Set(const char* name, const char* value) { return Set(name, std::string_view(value)); }
  Status Set(const char* name, double value);
  Status Set(const char* name, int value) { return Set(name, static_cast<double>(value)); }
  Status Set(const char* name, std::int64_t value) { return Set(name, static_cast<double>(value)); }
  Status Set(const char* name, std::uint64_t value) {
    return Set(name, static_cast<double>(value));
  }
  Status Set(const char* name, bool value);
  Status Set(const char* name, Result<napi_value> value);
  napi_value value() const noexcept { return object_; }

 private:
  ObjectWriter(napi_env env, napi_value object) noexcept : env_(env), object_(object) {}
  napi_env env_;
  napi_value object_;
};

// An array, filled by index.
Result<napi_value> MakeArray(napi_env env, std::size_t length);
Status SetElement(napi_env env, napi_value array, std::size_t index, Result<napi_value> value);

}  // namespace trtnode::napi
