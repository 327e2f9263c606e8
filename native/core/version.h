// The version of the native code. The loader in src/native compares it with the version in package.json
// and refuses an addon that was built from other sources.
#pragma once

namespace semel {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace semel
