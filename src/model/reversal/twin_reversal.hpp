#pragma once

#include "model/twin.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace carillon {

struct ComparablePatch;  // model/section/section_patch.hpp

/// What a job wrote into a twin and what that took the place of, each as an object with `tags` and `desired`,
/// as far as they are touched: enough to take the write back. Stored.
struct Reversal {
    std::string wrote;   ///< Empty: the patch of the whole job.
    std::string before;  ///< Empty if the write touched no leaf.
    bool operator==(const Reversal&) const = default;
};

/// A service write as the text that `Reversal` holds, and back. A section that it clears is null. Fails with
/// `store_corrupt`.
std::string twin_patch_text(const TwinPatch& patch);
Result<TwinPatch> parse_twin_patch_text(std::string_view text);

/// Says what a write takes the place of in one twin after the other.
class OverwrittenReader {
public:
    explicit OverwrittenReader(const TwinPatch& patch);

    /// As `Reversal::before`.
    std::string text(const Twin& twin) const;
    /// The same in place of what `out` holds, whose memory is used again.
    void text(const Twin& twin, std::string& out) const;

    /// What this reader found in one twin after the other.
    struct Seen {
        std::string text;   ///< In the last one, as `Reversal::before`.
        std::string bytes;  ///< The same as it is encoded.
        std::string next;   ///< Memory.
    };
    /// True if in this twin it takes the place of what it did in the one before, so that `seen` stays.
    bool read(const Twin& twin, Seen& seen) const;

private:
    std::shared_ptr<const ComparablePatch> tags_;
    std::shared_ptr<const ComparablePatch> desired_;
    bool clears_tags_ = false;
    bool clears_desired_ = false;
};

/// A `Reversal` ready for use.
class TwinReversal {
public:
    /// Fails with `store_corrupt`.
    static Result<TwinReversal> parse(std::string_view wrote, std::string_view before);
    /// The same of another twin into which the same was written.
    Result<TwinReversal> with(std::string_view before) const;

    /// The write that takes `twin` back, as text; empty if there is nothing to do. Fails with
    /// `precondition_failed` where a value is no longer the one that was written; the error names its path
    /// and the twin's desired `$version`.
    Result<std::string> restoring_text(const Twin& twin) const;

private:
    struct Half {
        std::shared_ptr<const ComparablePatch> wrote;   ///< Null: it cleared the section.
        std::shared_ptr<const ComparablePatch> before;  ///< Null: nothing is to be taken back.
        bool is_written = false;                        ///< The section was touched.
    };
    static Half half(std::optional<SectionPatch> wrote, std::optional<SectionPatch> before, bool clears);

    Half tags_;
    Half desired_;
};

}  // namespace carillon
