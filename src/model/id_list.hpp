#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/stored_bytes.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Many ids as a set, ascending by bytes, in one block: each shares a prefix with the one before it, so ids
/// that begin alike take some three bytes each. Read from the front.
class IdList {
public:
    IdList() = default;
    /// In any order, with duplicates; the views are read here only.
    explicit IdList(std::vector<std::string_view> ids);

    /// What `block` gave, as stored. Fails with `store_corrupt`.
    static Result<IdList> decode(std::string_view block);
    std::string_view block() const { return block_; }

    std::size_t size() const { return size_; }
    /// Bytes of all ids, as text.
    std::size_t text_bytes() const { return text_bytes_; }
    std::size_t memory() const { return block_.capacity(); }

    /// Reads the ids one after the other; the list outlives it.
    class Reader {
    public:
        explicit Reader(const IdList& list) : in_(as_bytes(std::string_view(list.block_))) {}
        /// The next id, until the next call; nothing at the end.
        std::optional<std::string_view> next();

    private:
        StoredReader in_;
        std::string id_;
    };

private:
    std::string block_;  ///< For each: how many bytes it shares with the one before, and the rest.
    std::size_t size_ = 0;
    std::size_t text_bytes_ = 0;
};

}  // namespace carillon
