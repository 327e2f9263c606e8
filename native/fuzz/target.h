// What a fuzz target is: one function that takes any bytes, and checks what must hold of them beyond
// not crashing. The same targets run under libFuzzer (clang) and under runner.cc (any compiler).
//
// Most targets read a few bytes of parameters and then a sparse image of files (sparse.h). Checksums
// would stop a fuzzer at the first of them: a bit of the parameters says whether they are put right
// before the files are read (repair.h), so that both sides of each check are reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace semel::fuzz {

// Ends the process where a property does not hold: that is what a fuzzer notices and keeps.
inline void require(bool holds, const char* property, const std::string& detail = {}) {
  if (holds) return;
  std::fprintf(stderr, "property does not hold: %s%s%s\n", property, detail.empty() ? "" : ": ",
               detail.c_str());
  std::abort();
}

// Bytes that are refused are refused as such, and the user is told where they are.
inline void require_names_file(const Status& status, const std::string& directory) {
  require(status.code() == Code::damaged || status.code() == Code::format,
          "bytes are refused as damaged or of another format",
          std::string(code_name(status.code())) + " " + status.message());
  require(status.message().find(directory + "/") != std::string::npos,
          "what is refused names its file", status.message());
}

}  // namespace semel::fuzz
