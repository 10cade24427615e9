// The few functions of libuv that the poller needs, declared from its public reference; the header does not come with Node-API's. Weak:
// a host without libuv (Bun) has none of them, and then the loop is not polled.
#pragma once

#include <cstddef>

extern "C" {

struct uv_loop_s;
struct uv_handle_s;
using uv_idle_cb = void (*)(uv_handle_s* handle);
using uv_close_cb = void (*)(uv_handle_s* handle);

__attribute__((weak)) std::size_t uv_handle_size(int type);
__attribute__((weak)) int uv_idle_init(uv_loop_s* loop, uv_handle_s* idle);
__attribute__((weak)) int uv_idle_start(uv_handle_s* idle, uv_idle_cb callback);
__attribute__((weak)) int uv_idle_stop(uv_handle_s* idle);
__attribute__((weak)) void uv_close(uv_handle_s* handle, uv_close_cb callback);
__attribute__((weak)) void uv_handle_set_data(uv_handle_s* handle, void* data);
__attribute__((weak)) void* uv_handle_get_data(const uv_handle_s* handle);
}

namespace trtnode::napi {

inline constexpr int kUvIdle = 6;  // UV_IDLE of uv_handle_type; part of libuv 1's ABI

inline bool HasUv() noexcept {
  return uv_handle_size != nullptr && uv_idle_init != nullptr && uv_idle_start != nullptr &&
         uv_idle_stop != nullptr && uv_close != nullptr && uv_handle_set_data != nullptr &&
         uv_handle_get_data != nullptr;
}

}  // namespace trtnode::napi
