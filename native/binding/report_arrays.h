// Lists of a report, as JavaScript has them.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "core/ranges.h"

namespace semel::binding {

inline Napi::Array to_array(Napi::Env env, const Ranges& ranges) {
  Napi::Array list = Napi::Array::New(env, ranges.all().size());
  for (uint32_t i = 0; i < ranges.all().size(); ++i) {
    const Range& one = ranges.all()[i];
    Napi::Object range = Napi::Object::New(env);
    range.Set("first", static_cast<double>(one.first));
    range.Set("last", static_cast<double>(one.last));
    list.Set(i, range);
  }
  return list;
}

inline Napi::Array to_array(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array list = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); ++i) list.Set(i, texts[i]);
  return list;
}

}  // namespace semel::binding
