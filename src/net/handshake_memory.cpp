#include "net/handshake_memory.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl3.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace carillon {
namespace {

/// What OpenSSL asks for at the begin of a handshake: the longest record, rounded up as a `BUF_MEM` grows
/// (openssl: ssl/statem/statem.c, state_machine; crypto/buffer/buffer.c).
constexpr std::size_t message_bytes = (SSL3_RT_MAX_PLAIN_LENGTH + 3) / 3 * 4;
/// With whole pages, of whatever size up to this.
constexpr std::size_t page_bytes_max = 4096;
constexpr std::size_t block_bytes = (message_bytes + page_bytes_max - 1) / page_bytes_max * page_bytes_max;
constexpr std::size_t blocks_max = HandshakeMemory::blocks_max;
/// Free blocks whose pages are kept for the next.
constexpr std::size_t kept_max = 64;

/// Blocks in one piece of address space, of which only what is used takes memory.
class Blocks {
public:
    bool reserve() {
        if (::sysconf(_SC_PAGESIZE) > static_cast<long>(page_bytes_max)) return false;
        void* const mapped = ::mmap(nullptr, blocks_max * block_bytes, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) return false;
        ::madvise(mapped, blocks_max * block_bytes, MADV_NOHUGEPAGE);  // One of them would hold 85 blocks.
        begin_ = static_cast<std::byte*>(mapped);
        free_.reserve(blocks_max);
        for (std::size_t i = blocks_max; i > 0; --i) free_.push_back(begin_ + (i - 1) * block_bytes);
        return true;
    }
    bool has(const void* block) const {
        const auto at = reinterpret_cast<std::uintptr_t>(block);
        const auto begin = reinterpret_cast<std::uintptr_t>(begin_);
        return at >= begin && at - begin < blocks_max * block_bytes;
    }
    void* take() {
        const std::lock_guard lock(mutex_);
        std::vector<std::byte*>& from = kept_.empty() ? free_ : kept_;
        if (from.empty()) return nullptr;
        std::byte* const block = from.back();
        from.pop_back();
        return block;
    }
    void give_back(void* block) {
        const std::lock_guard lock(mutex_);
        if (kept_.size() < kept_max) return kept_.push_back(static_cast<std::byte*>(block));
        empty(block);
        free_.push_back(static_cast<std::byte*>(block));
    }
    static void empty(void* block) { ::madvise(block, block_bytes, MADV_DONTNEED); }

private:
    std::mutex mutex_;
    std::byte* begin_ = nullptr;
    std::vector<std::byte*> free_;  ///< Bound: blocks_max.
    std::vector<std::byte*> kept_;  ///< Bound: kept_max.
};

/// Never destroyed, as OpenSSL gives memory back until the process is over.
Blocks& blocks() {
    static Blocks* const made = new Blocks;
    return *made;
}

/// Of the step that the thread is in.
struct CurrentStep {
    bool is_first_step = false;
    void* block =
        nullptr;  ///< The first that was asked for in it, which is what messages are put together in.
};
thread_local CurrentStep current_step;

void* allocate(std::size_t bytes, const char*, int) {
    if (bytes == message_bytes && current_step.is_first_step && current_step.block == nullptr) {
        current_step.block = blocks().take();
        if (current_step.block != nullptr) return current_step.block;
    }
    return std::malloc(bytes);
}

void release(void* memory, const char*, int) {
    if (!blocks().has(memory)) return std::free(memory);
    if (current_step.block == memory) current_step.block = nullptr;
    blocks().give_back(memory);
}

void* reallocate(void* memory, std::size_t bytes, const char* file, int line) {
    if (memory == nullptr) return allocate(bytes, file, line);
    if (!blocks().has(memory)) return std::realloc(memory, bytes);
    void* const moved = bytes > 0 ? std::malloc(bytes) : nullptr;
    if (moved == nullptr && bytes > 0) return nullptr;
    if (moved != nullptr) std::memcpy(moved, memory, std::min(bytes, message_bytes));
    release(memory, file, line);
    return moved;
}

}  // namespace

bool HandshakeMemory::install() {
    static const bool is_reserved = blocks().reserve();
    return is_reserved && CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
}

HandshakeMemory::FirstStep::FirstStep() {
    current_step = {.is_first_step = true, .block = nullptr};
}

HandshakeMemory::FirstStep::~FirstStep() {
    current_step = {};
}

void HandshakeMemory::FirstStep::waits() {
    if (current_step.block != nullptr) Blocks::empty(current_step.block);
}

}  // namespace carillon
