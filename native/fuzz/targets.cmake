# One program for each target. libFuzzer comes with clang; other compilers get runner.cc, which replays
# a corpus and mutates it without looking at coverage.
set(fuzz_targets ack_log dead_letters details journal manifest shard)

add_library(semel_fuzz STATIC fuzz/repair.cc fuzz/sparse.cc)
target_link_libraries(semel_fuzz PUBLIC semel_core)

foreach(target ${fuzz_targets})
  add_executable(fuzz_${target} fuzz/${target}.cc fuzz/sanitizer_options.cc)
  target_link_libraries(fuzz_${target} PRIVATE semel_fuzz)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${target} PRIVATE fuzz/runner.cc)
  endif()
endforeach()

# Writes the seeds of the corpus from real files: fuzz_seeds native/fuzz/corpus
add_executable(fuzz_seeds fuzz/seeds.cc)
target_link_libraries(fuzz_seeds PRIVATE semel_fuzz)
