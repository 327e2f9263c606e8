// No input is worth much memory: an allocation that a length in it asks for, and that no file could
// fill, is a finding.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "max_allocation_size_mb=64"; }
