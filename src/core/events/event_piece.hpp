#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Some events of one partition, in their order, as they are stored: `decode_message` reads them.
class EventPiece {
public:
    struct Event {
        std::uint64_t sequence = 0;
        Bytes stored;  ///< Within the piece.
    };

    std::size_t size() const { return places_.size(); }
    std::size_t bytes() const { return bytes_.size(); }
    bool is_empty() const { return places_.empty(); }
    Event operator[](std::size_t at) const {
        const std::size_t end = at + 1 < places_.size() ? places_[at + 1].begin : bytes_.size();
        const std::string_view all = bytes_;
        return {places_[at].sequence, as_bytes(all.substr(places_[at].begin, end - places_[at].begin))};
    }
    /// Where to go on: behind the last event that was looked at, whether it is in the piece or not.
    std::uint64_t next() const { return next_; }

    void add(std::uint64_t sequence, std::string_view stored) {
        places_.push_back({sequence, bytes_.size()});
        bytes_ += stored;
    }
    void go_on_at(std::uint64_t sequence) { next_ = sequence; }

private:
    struct Place {
        std::uint64_t sequence;
        std::size_t begin;
    };
    std::string bytes_;
    std::vector<Place> places_;
    std::uint64_t next_ = 0;
};

}  // namespace carillon
