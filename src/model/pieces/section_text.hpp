#pragma once

#include "model/section/section.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon {

/// What `Section::append_json` appends, in pieces: a section in an unlucky spelling takes megabytes, as
/// control characters do not count and are long in JSON, and as each key has its time in `$metadata`.
class SectionText {
public:
    /// `form` is `plain` or `full`.
    SectionText(Section section, SectionForm form);
    /// Appends more of it until `out` holds `bytes_max`; a value that is no object is not divided. False once
    /// the end is there.
    bool append(std::string& out, std::size_t bytes_max);

private:
    enum class Part : std::uint8_t { begin, members, metadata, end };
    /// An object that is being written.
    struct Level {
        const std::uint8_t* at;
        const std::uint8_t* end;
    };

    /// Goes on with the objects that are open; false once all are closed.
    bool append_objects(std::string& out, std::size_t bytes_max);
    void append_stamp(std::string& out, std::uint32_t index);
    void open_root(std::string& out);

    Section section_;
    SectionForm form_;
    Part part_ = Part::begin;
    std::vector<Level> open_;
    bool needs_comma_ = false;
    std::uint32_t stamp_ = 0;  ///< The last, whose text is kept, as neighbours mostly share theirs.
    std::string stamp_text_;
};

}  // namespace carillon
