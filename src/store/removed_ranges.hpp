#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace carillon {

/// Ranges of keys that were removed for good, as few as they can be told by: those that touch are one.
/// A log whose oldest part goes again and again stays one range.
class RemovedRanges {
public:
    /// Beyond it the ranges that begin first are forgotten; their files go with a later merge.
    static constexpr std::size_t count_max = 1024;

    /// [from, to), where `from` is less than `to`.
    void add(std::string_view from, std::string_view to);
    /// By where they begin.
    const std::map<std::string, std::string, std::less<>>& all() const { return ends_; }

private:
    std::map<std::string, std::string, std::less<>> ends_;
};

}  // namespace carillon
