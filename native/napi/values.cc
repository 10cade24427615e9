// Conversions between JavaScript and C++.
#include "napi/values.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace trtnode::napi {

Status WrongType(const char* what, const char* expected) {
  return Status(ErrorCode::kInvalidArgument, std::string(what) + " must be " + expected + ".");
}

Result<std::int64_t> ReadInteger(napi_env env, napi_value value, const char* what,
                                 std::int64_t least, std::int64_t most) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return WrongType(what, "a number");
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::trunc(number)) {
    std::array<char, 32> given{};
    std::snprintf(given.data(), given.size(), "%.15g", number);
    return Status(ErrorCode::kInvalidArgument,
                  std::string(what) + " must be an integer from " + std::to_string(least) + " to " +
                      std::to_string(most) + "; " + given.data() + " was given.");
  }
  return static_cast<std::int64_t>(number);
}

Result<int> ReadInt(napi_env env, napi_value value, const char* what, int least, int most) {
  ASSIGN_OR_RETURN(const std::int64_t number, ReadInteger(env, value, what, least, most));
  return static_cast<int>(number);
}

Result<std::size_t> ReadSize(napi_env env, napi_value value, const char* what) {
  ASSIGN_OR_RETURN(const std::int64_t number,
                   ReadInteger(env, value, what, 0, (std::int64_t{1} << 53) - 1));
  return static_cast<std::size_t>(number);
}

Result<bool> ReadBool(napi_env env, napi_value value, const char* what) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) return WrongType(what, "true or false");
  return result;
}

Result<std::string> ReadString(napi_env env, napi_value value, const char* what) {
  std::size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    return WrongType(what, "a string");
  }
  std::string text(length, '\0');
  // The buffer has room for the terminating zero that Node-API writes.
  NAPI_TRY(napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

Result<std::uint32_t> ReadLength(napi_env env, napi_value array, const char* what) {
  std::uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) return WrongType(what, "an array");
  return length;
}

Result<napi_value> GetElement(napi_env env, napi_value array, std::uint32_t index) {
  napi_value element = nullptr;
  NAPI_TRY(napi_get_element(env, array, index, &element));
  return element;
}

Result<std::vector<std::string>> ReadStrings(napi_env env, napi_value value, const char* what) {
  ASSIGN_OR_RETURN(const std::uint32_t length, ReadLength(env, value, what));
  std::vector<std::string> strings;
  for (std::uint32_t i = 0; i < length; ++i) {
    ASSIGN_OR_RETURN(napi_value element, GetElement(env, value, i));
    ASSIGN_OR_RETURN(std::string text, ReadString(env, element, what));
    strings.push_back(std::move(text));
  }
  return strings;
}

Result<Dims> ReadDims(napi_env env, napi_value value, const char* what) {
  ASSIGN_OR_RETURN(const std::uint32_t length, ReadLength(env, value, what));
  if (length > Dims::kMaxRank) {
    return Status(ErrorCode::kRankMismatch, std::string(what) + " has " + std::to_string(length) +
                                                " dimensions; TensorRT has at most " +
                                                std::to_string(Dims::kMaxRank) + ".");
  }
  std::array<std::int64_t, Dims::kMaxRank> dims{};
  for (std::uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    NAPI_TRY(napi_get_element(env, value, i, &element));
    if (napi_get_value_int64(env, element, &dims[i]) != napi_ok) {
      return WrongType(what, "an array of integers");
    }
  }
  return *Dims::From(std::span<const std::int64_t>(dims.data(), length));
}

Status ReadIntegers(napi_env env, napi_value value, const char* what,
                    std::vector<std::int64_t>& into) {
  ASSIGN_OR_RETURN(const std::uint32_t length, ReadLength(env, value, what));
  into.clear();
  for (std::uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    NAPI_TRY(napi_get_element(env, value, i, &element));
    std::int64_t number = 0;
    if (napi_get_value_int64(env, element, &number) != napi_ok) {
      return WrongType(what, "an array of integers");
    }
    into.push_back(number);
  }
  return {};
}

napi_valuetype TypeOf(napi_env env, napi_value value) noexcept {
  napi_valuetype type = napi_undefined;
  (void)napi_typeof(env, value, &type);
  return type;
}

bool IsNullish(napi_env env, napi_value value) noexcept {
  const napi_valuetype type = TypeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

Result<napi_value> Get(napi_env env, napi_value object, const char* name) {
  if (TypeOf(env, object) != napi_object) return WrongType("options", "an object");
  napi_value value = nullptr;
  NAPI_TRY(napi_get_named_property(env, object, name, &value));
  return value;
}

Result<int> GetInt(napi_env env, napi_value object, const char* name, int least, int most) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  return ReadInt(env, value, name, least, most);
}

Result<bool> GetBool(napi_env env, napi_value object, const char* name) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  return ReadBool(env, value, name);
}

Result<std::string> GetString(napi_env env, napi_value object, const char* name) {
  ASSIGN_OR_RETURN(napi_value value, Get(env, object, name));
  return ReadString(env, value, name);
}

Result<napi_value> MakeNumber(napi_env env, double value) {
  napi_value result = nullptr;
  NAPI_TRY(napi_create_double(env, value, &result));
  return result;
}

Result<napi_value> MakeBool(napi_env env, bool value) {
  napi_value result = nullptr;
  NAPI_TRY(napi_get_boolean(env, value, &result));
  return result;
}

Result<napi_value> MakeString(napi_env env, std::string_view value) {
  napi_value result = nullptr;
  NAPI_TRY(napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}

Result<napi_value> MakeBigint(napi_env env, std::uint64_t value) {
  napi_value result = nullptr;
  NAPI_TRY(napi_create_bigint_uint64(env, value, &result));
  return result;
}

Result<napi_value> MakeArray(napi_env env, std::size_t length) {
  napi_value array = nullptr;
  NAPI_TRY(napi_create_array_with_length(env, length, &array));
  return array;
}

Status SetElement(napi_env env, napi_value array, std::size_t index, Result<napi_value> value) {
  if (!value.ok()) return value.TakeStatus();
  return FromNapi(napi_set_element(env, array, static_cast<std::uint32_t>(index), value.value()),
                  "napi_set_element");
}

Result<napi_value> MakeStrings(napi_env env, const std::vector<std::string>& values) {
  ASSIGN_OR_RETURN(napi_value array, MakeArray(env, values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, array, i, MakeString(env, values[i])));
  }
  return array;
}

Result<napi_value> MakeIntegers(napi_env env, std::span<const std::int64_t> values) {
  ASSIGN_OR_RETURN(napi_value array, MakeArray(env, values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    napi_value number = nullptr;
    NAPI_TRY(napi_create_int64(env, values[i], &number));
    NAPI_TRY(napi_set_element(env, array, static_cast<std::uint32_t>(i), number));
  }
  return array;
}

Result<napi_value> MakeDims(napi_env env, const Dims& dims) {
  return MakeIntegers(env, dims.span());
}

Result<napi_value> MakeDimsList(napi_env env, std::span<const Dims> list) {
  ASSIGN_OR_RETURN(napi_value array, MakeArray(env, list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    RETURN_IF_ERROR(SetElement(env, array, i, MakeDims(env, list[i])));
  }
  return array;
}

Result<napi_value> MakeArrayBuffer(napi_env env, std::span<const std::byte> bytes) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  NAPI_TRY(napi_create_arraybuffer(env, bytes.size(), &data, &buffer));
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

Result<ObjectWriter> ObjectWriter::Make(napi_env env) {
  napi_value object = nullptr;
  NAPI_TRY(napi_create_object(env, &object));
  return ObjectWriter(env, object);
}

Status ObjectWriter::Set(const char* name, napi_value value) {
  return FromNapi(napi_set_named_property(env_, object_, name, value), "napi_set_named_property");
}

Status ObjectWriter::Set(const char* name, Result<napi_value> value) {
  if (!value.ok()) return value.TakeStatus();
  return Set(name, value.value());
}

Status ObjectWriter::Set(const char* name, std::string_view value) {
  return Set(name, MakeString(env_, value));
}

Status ObjectWriter::Set(const char* name, double value) {
  return Set(name, MakeNumber(env_, value));
}

Status ObjectWriter::Set(const char* name, bool value) { return Set(name, MakeBool(env_, value)); }

}  // namespace trtnode::napi
