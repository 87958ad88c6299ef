#pragma once

#include "base/bytes.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace carillon {

/// Immutable bytes in one heap block shared by reference count, or nothing: a hub holds millions, so
/// 8 bytes here and 8 beside the bytes there. Copies may live in different threads.
class SharedBytes {
public:
    SharedBytes() = default;
    /// A new block with a copy of `bytes`, less than 4 GiB.
    explicit SharedBytes(Bytes bytes) {
        void* const memory = ::operator new(sizeof(Block) + bytes.size());
        block_ = new (memory) Block;
        block_->size = static_cast<std::uint32_t>(bytes.size());
        if (!bytes.empty()) std::memcpy(block_->data(), bytes.data(), bytes.size());
    }
    SharedBytes(const SharedBytes& other) : block_(other.block_) {
        if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
    }
    SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    SharedBytes& operator=(SharedBytes other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~SharedBytes() {
        if (block_ == nullptr || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        block_->~Block();
        ::operator delete(block_);
    }

    explicit operator bool() const { return block_ != nullptr; }
    /// Empty if there is no block.
    Bytes bytes() const { return block_ == nullptr ? Bytes() : Bytes(block_->data(), block_->size); }

private:
    struct Block {
        std::atomic<std::uint32_t> references{1};
        std::uint32_t size = 0;

        std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
    };
    Block* block_ = nullptr;
};

}  // namespace carillon
