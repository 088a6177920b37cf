// The Node addon: `register()` registers the ops and returns the name of the best instruction set, such as "avx2".
// The few N-API functions it needs are declared here, as in node_api.h (version 1), so that building needs no headers of Node.
#include "attention.h"
#include "ops.h"

extern "C" {
struct napi_env__;
struct napi_value__;
struct napi_callback_info__;
using napi_env = napi_env__*;
using napi_value = napi_value__*;
using napi_callback_info = napi_callback_info__*;
int napi_create_function(napi_env, const char* name, size_t length, napi_value (*)(napi_env, napi_callback_info), void* data, napi_value* result);
int napi_create_string_utf8(napi_env, const char* text, size_t length, napi_value* result);
int napi_set_named_property(napi_env, napi_value object, const char* name, napi_value value);
int napi_throw_error(napi_env, const char* code, const char* message);
}

namespace {

constexpr size_t WHOLE = static_cast<size_t>(-1);  // up to the terminating zero

napi_value registerAndReport(napi_env env, napi_callback_info) {
  napi_value simd = nullptr;
  if (const char* const error = registerOps()) napi_throw_error(env, nullptr, error);
  else napi_create_string_utf8(env, findKernels("")->name, WHOLE, &simd);
  return simd;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  napi_create_function(env, "register", WHOLE, registerAndReport, nullptr, &function);
  napi_set_named_property(env, exports, "register", function);
  return exports;
}
