#include <napi.h>

#include <cstdlib>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/functions.h"
#include "core/version.h"

namespace semel::binding {
namespace {

// The class that every error of the addon is made of: (code, message).
Napi::Value set_error_class(const Napi::CallbackInfo& info) {
  if (info.Length() == 1 && info[0].IsFunction()) {
    Environment::of(info.Env()).error_class = Napi::Persistent(info[0].As<Napi::Function>());
  }
  return info.Env().Undefined();
}

// exitNow(code): as after a kill, with an exit code. An orderly exit joins the threads, and one that is
// inside a native call that blocks never ends.
Napi::Value exit_now(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t code = arguments.u32();
  if (arguments.ok()) std::_Exit(static_cast<int>(code));
  return {};
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData<Environment>(new Environment(env));
  exports.Set("version", Napi::String::New(env, kVersion));
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class, "setErrorClass"));
  exports.Set("exitNow", Napi::Function::New(env, exit_now, "exitNow"));
  export_lifecycle(env, exports);
  export_append(env, exports);
  export_replies(env, exports);
  export_opening(env, exports);
  export_worker(env, exports);
  export_commits(env, exports);
  export_file_locks(env, exports);
  export_maintenance(env, exports);
  export_trust(env, exports);
  return exports;
}

}  // namespace
}  // namespace semel::binding

Napi::Object init_semel(Napi::Env env, Napi::Object exports) {
  return semel::binding::init(env, exports);
}

NODE_API_MODULE(semel, init_semel)
