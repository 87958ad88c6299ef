#pragma once

#include "model/pieces/section_text.hpp"
#include "model/twin.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace carillon {

/// What `append_twin_json` appends, in pieces. All of it shows the same moment.
class TwinText {
public:
    /// A twin whose sections take no more than this, as stored, is below 256 KiB as JSON: a byte of them
    /// becomes 32 at most, of which most is the time at which it was written.
    static constexpr std::size_t short_bytes_max = 8 * 1024;
    /// Whether it may be longer than that.
    static bool may_be_long(const Document& document);

    TwinText(Document document, LiveState live) : document_(std::move(document)), live_(std::move(live)) {}
    /// Appends more of it until `out` holds `bytes_max`; a single value is not divided. False once the end is
    /// there.
    bool append(std::string& out, std::size_t bytes_max);

private:
    enum class Part : std::uint8_t { head, tags, desired, reported, end };

    Document document_;
    LiveState live_;
    Part part_ = Part::head;
    std::optional<SectionText> section_;
};

}  // namespace carillon
