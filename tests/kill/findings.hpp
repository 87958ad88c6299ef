#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace carillon::kill {

/// Promises found broken. Prints the first ones, counts all.
class Findings {
public:
    static constexpr std::uint64_t printed_max = 40;

    void add(const std::string& what) {
        if (++count_ <= printed_max) std::fprintf(stderr, "BROKEN: %s\n", what.c_str());
    }
    void expect(bool holds, const std::string& what) {
        if (!holds) add(what);
    }
    std::uint64_t count() const { return count_; }

private:
    std::uint64_t count_ = 0;
};

}  // namespace carillon::kill
