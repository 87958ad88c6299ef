#pragma once

#include "base/device_id.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Many keys in ascending order, front-coded in one block of about ten bytes a key: each shares a
/// prefix with the one before, every sixteenth stands alone. The same bytes are stored.
/// Format: docs/jobs.md, `Targets`.
class KeyList {
public:
    static constexpr std::size_t stride = 16;

    /// The text that stands for an identity: the device id, for a module NUL and the module id.
    static std::string text_of(const IdentityKey& key);

    /// `key` is greater than all before it.
    void append(std::string_view key);
    /// Appends what another list's `bytes()` gave. False if it does not hold `count` keys, or if this
    /// list's size is not a multiple of `stride`; the list is then of no more use.
    bool append_encoded(std::string_view bytes, std::size_t count);

    std::size_t size() const { return size_; }
    std::string get(std::size_t index) const;
    /// The index of the first key not less than `key`, or `size()`.
    std::size_t lower_bound(std::string_view key) const;
    std::string_view bytes() const { return bytes_; }
    std::size_t memory() const { return bytes_.capacity() + restarts_.capacity() * sizeof(restarts_[0]); }
    void clear();

private:
    std::string_view alone(std::size_t restart) const;

    std::string bytes_;
    std::vector<std::uint32_t> restarts_;  ///< Where every `stride`-th key begins.
    std::size_t size_ = 0;
    std::string last_;  ///< For `append`.
};

}  // namespace carillon
