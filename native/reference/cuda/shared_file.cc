// Pieces of a memory file, mapped.
#include "reference/cuda/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <random>
#include <string>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace trtnode::reference {
namespace {

constexpr size_t kPage = 4096;
constexpr char kMagic[8] = {'T', 'R', 'T', 'N', 'I', 'P', 'C', '1'};
constexpr char kFileName[] = "trt-node-reference";

size_t Rounded(size_t size) { return (size + kPage - 1) / kPage * kPage; }

// The first page of a piece.
struct Header {
  uint64_t nonce;  // 0 once it was freed
  uint64_t size;
};

struct File {
  std::mutex mutex;
  int descriptor = -1;
  uint64_t end = 0;  // places are not used twice: what is freed takes no memory
  std::mt19937_64 random{std::random_device{}()};
};

File& OwnFile() {
  static File* const file = new File;  // NOLINT: never destroyed, as streams may still run at exit
  return *file;
}

uint64_t LoadNonce(void* mapping) {
  return std::atomic_ref(static_cast<Header*>(mapping)->nonce).load(std::memory_order_acquire);
}

// The file behind a place, if it is one of ours. Looked at before it is opened: opening may block, or do anything.
int OpenFile(const SharedPlace& place) {
  const std::string path =
      "/proc/" + std::to_string(place.pid) + "/fd/" + std::to_string(place.file);
  char target[64] = {};
  const std::string expected = std::string("/memfd:") + kFileName;
  if (readlink(path.c_str(), target, sizeof(target) - 1) <= 0 ||
      std::strncmp(target, expected.c_str(), expected.size()) != 0) {
    return -1;
  }
  return open(path.c_str(), O_RDWR | O_CLOEXEC);
}

}  // namespace

std::unique_ptr<SharedPiece> SharedPiece::Allocate(size_t size) {
  File& file = OwnFile();
  const std::lock_guard lock(file.mutex);
  if (file.descriptor < 0) file.descriptor = memfd_create(kFileName, MFD_CLOEXEC);
  if (file.descriptor < 0 || size > SIZE_MAX / 4) return nullptr;
  const size_t length = kPage + Rounded(size);
  if (ftruncate(file.descriptor, static_cast<off_t>(file.end + length)) != 0) return nullptr;
  void* mapping = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor,
                       static_cast<off_t>(file.end));
  if (mapping == MAP_FAILED) return nullptr;
  SharedPlace place{};
  std::memcpy(place.magic, kMagic, sizeof(kMagic));
  place.pid = getpid();
  place.file = file.descriptor;
  place.offset = file.end;
  place.size = size;
  do {
    place.nonce = file.random();
  } while (place.nonce == 0);
  file.end += length;
  auto* header = static_cast<Header*>(mapping);
  header->size = size;
  std::atomic_ref(header->nonce).store(place.nonce, std::memory_order_release);
  auto piece = std::make_unique<SharedPiece>(mapping, place, true);
  // An overrun shall be seen at its first byte.
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(piece->content()) + size, Rounded(size) - size);
  return piece;
}

CUresult SharedPiece::Open(const SharedPlace& place, std::unique_ptr<SharedPiece>* out) {
  if (std::memcmp(place.magic, kMagic, sizeof(kMagic)) != 0 || place.pid <= 0 || place.file < 0 ||
      place.nonce == 0 || place.offset % kPage != 0 || place.size > SIZE_MAX / 4) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (place.pid == getpid()) return CUDA_ERROR_INVALID_CONTEXT;
  const int file = OpenFile(place);
  if (file < 0) return CUDA_ERROR_INVALID_VALUE;
  const size_t length = kPage + Rounded(place.size);
  struct stat status{};
  void* mapping = MAP_FAILED;
  // Within the file, which never becomes shorter: touching the mapping cannot fail.
  if (fstat(file, &status) == 0 && place.offset <= static_cast<uint64_t>(status.st_size) &&
      length <= static_cast<uint64_t>(status.st_size) - place.offset) {
    mapping = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                   static_cast<off_t>(place.offset));
  }
  close(file);
  if (mapping == MAP_FAILED) return CUDA_ERROR_INVALID_VALUE;
  if (LoadNonce(mapping) != place.nonce ||
      static_cast<const Header*>(mapping)->size != place.size) {
    munmap(mapping, length);
    return CUDA_ERROR_INVALID_VALUE;
  }
  *out = std::make_unique<SharedPiece>(mapping, place, false);
  return CUDA_SUCCESS;
}

SharedPiece::~SharedPiece() {
  const size_t length = kPage + Rounded(place_.size);
  ASAN_UNPOISON_MEMORY_REGION(mapping_, length);
  if (own_) std::atomic_ref(static_cast<Header*>(mapping_)->nonce).store(0);
  munmap(mapping_, length);
  if (!own_) return;
  // The memory goes back; who has it open reads zeros from now on.
  fallocate(place_.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
            static_cast<off_t>(place_.offset), static_cast<off_t>(length));
}

void* SharedPiece::content() const { return static_cast<char*>(mapping_) + kPage; }

bool SharedPiece::OwnerAlive() const { return kill(place_.pid, 0) == 0 || errno == EPERM; }

}  // namespace trtnode::reference
