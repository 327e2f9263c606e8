// What the compiler calls in code built with -fsanitize=thread (the interface of
// sanitizer/tsan_interface_atomic.h), answered by the explorer. So the model runs the product's own
// headers, unchanged: std::atomic, fences and plain bytes as they stand there.
//
// Variable-sized copies and the futex come through the linker's --wrap.
#include <linux/futex.h>
#include <sys/syscall.h>

#include <cstdarg>
#include <cstring>

#include "explorer.h"

using semel::model::Order;

namespace {

template <typename T>
uintptr_t address(const volatile T* at) {
  return reinterpret_cast<uintptr_t>(at);
}

template <typename T>
T load(const volatile T* at, int order) {
  if (semel::model::inside()) {
    return static_cast<T>(semel::model::atomic_load(address(at), *at, static_cast<Order>(order)));
  }
  semel::model::loaded_outside(address(at));
  return *at;
}

template <typename T>
void store(volatile T* at, T value, int order) {
  if (semel::model::inside()) {
    semel::model::atomic_store(address(at), *at, value, static_cast<Order>(order));
  } else {
    *at = value;
  }
}

template <typename T, typename Make>
T update(volatile T* at, int order, Make make) {
  if (semel::model::inside()) {
    return static_cast<T>(semel::model::atomic_update(
        address(at), *at, static_cast<Order>(order),
        [&](uint64_t before) -> uint64_t { return make(static_cast<T>(before)); }));
  }
  const T before = *at;
  *at = make(before);
  return before;
}

}  // namespace

#define SEMEL_HOOKS_ATOMIC(BITS, T)                                                              \
  T __tsan_atomic##BITS##_load(const volatile T* at, int order) { return load(at, order); }      \
  void __tsan_atomic##BITS##_store(volatile T* at, T value, int order) { store(at, value, order); } \
  T __tsan_atomic##BITS##_exchange(volatile T* at, T value, int order) {                         \
    return update(at, order, [&](T) { return value; });                                          \
  }                                                                                              \
  T __tsan_atomic##BITS##_fetch_add(volatile T* at, T value, int order) {                        \
    return update(at, order, [&](T before) { return static_cast<T>(before + value); });          \
  }

#define SEMEL_HOOKS_PLAIN(BYTES)                                                                  \
  void __tsan_read##BYTES(void* at) {                                                             \
    if (semel::model::inside()) semel::model::plain_access(at, BYTES, false);                     \
  }                                                                                               \
  void __tsan_write##BYTES(void* at) {                                                            \
    if (semel::model::inside()) semel::model::plain_access(at, BYTES, true);                      \
  }                                                                                               \
  void __tsan_unaligned_read##BYTES(void* at) { __tsan_read##BYTES(at); }                         \
  void __tsan_unaligned_write##BYTES(void* at) { __tsan_write##BYTES(at); }

extern "C" {

SEMEL_HOOKS_ATOMIC(8, uint8_t)
SEMEL_HOOKS_ATOMIC(32, uint32_t)
SEMEL_HOOKS_ATOMIC(64, uint64_t)

SEMEL_HOOKS_PLAIN(1)
SEMEL_HOOKS_PLAIN(2)
SEMEL_HOOKS_PLAIN(4)
SEMEL_HOOKS_PLAIN(8)
SEMEL_HOOKS_PLAIN(16)

void __tsan_atomic_thread_fence(int order) {
  if (semel::model::inside()) semel::model::atomic_fence(static_cast<Order>(order));
}

void __tsan_read_range(void* at, unsigned long bytes) {
  if (semel::model::inside()) semel::model::plain_access(at, bytes, false);
}
void __tsan_write_range(void* at, unsigned long bytes) {
  if (semel::model::inside()) semel::model::plain_access(at, bytes, true);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

void* __real_memcpy(void* to, const void* from, std::size_t bytes);
void* __wrap_memcpy(void* to, const void* from, std::size_t bytes) {
  if (semel::model::inside()) {
    semel::model::plain_access(from, bytes, false);
    semel::model::plain_access(to, bytes, true);
  }
  return __real_memcpy(to, from, bytes);
}

int __real_memcmp(const void* one, const void* other, std::size_t bytes);
int __wrap_memcmp(const void* one, const void* other, std::size_t bytes) {
  if (semel::model::inside()) {
    semel::model::plain_access(one, bytes, false);
    semel::model::plain_access(other, bytes, false);
  }
  return __real_memcmp(one, other, bytes);
}

// The only system call in the code under the model is the futex; time does not pass there, so a wait
// never times out: a wake that is lost is lost for good.
long __wrap_syscall(long, ...) {
  va_list rest;
  __builtin_va_start(rest, 0);
  auto* word = va_arg(rest, uint32_t*);
  const int operation = va_arg(rest, int);
  const auto value = va_arg(rest, uint32_t);
  __builtin_va_end(rest);
  if (operation == FUTEX_WAKE_PRIVATE) {
    semel::model::futex_wake(address(word));
    return 0;
  }
  return semel::model::futex_wait(address(word), *word, value) ? 0 : -1;
}

}  // extern "C"
