// Counts a process's allocations: preloaded (LD_PRELOAD), it adds up calls and bytes of malloc, calloc, realloc and the aligned ones in
// the file that TRT_NODE_MALLOC_COUNT names (two 64-bit numbers), or in memory (trtnode_malloc_counters) without one.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static _Atomic uint64_t in_memory[2];
_Atomic uint64_t* trtnode_malloc_counters = in_memory;

__attribute__((constructor)) static void start(void) {
  const char* path = getenv("TRT_NODE_MALLOC_COUNT");
  if (path == NULL) return;
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (ftruncate(file, 16) == 0) {
    void* memory = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) trtnode_malloc_counters = memory;
  }
  close(file);
}

static void count(size_t bytes) {
  atomic_fetch_add_explicit(&trtnode_malloc_counters[0], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&trtnode_malloc_counters[1], bytes, memory_order_relaxed);
}

void* malloc(size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}

void* calloc(size_t number, size_t bytes) {
  count(number * bytes);
  return __libc_calloc(number, bytes);
}

void* realloc(void* memory, size_t bytes) {
  count(bytes);
  return __libc_realloc(memory, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  count(bytes);
  *memory = __libc_memalign(alignment, bytes);
  return *memory == NULL ? ENOMEM : 0;
}
