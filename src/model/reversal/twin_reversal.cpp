#include "model/reversal/twin_reversal.hpp"

#include "model/reversal/section_reversal.hpp"
#include "model/section/section_patch.hpp"

#include <fmt/format.h>
#include <array>
#include <utility>

namespace carillon {

namespace {

struct Part {
    const char* name;
    std::optional<SectionPatch> TwinPatch::*patch;
    bool TwinPatch::*clears;
    Section Twin::*section;
};
constexpr std::array parts{Part{"tags", &TwinPatch::tags, &TwinPatch::clear_tags, &Twin::tags},
                           Part{"desired", &TwinPatch::desired, &TwinPatch::clear_desired, &Twin::desired}};

constexpr std::size_t path_chars_max = 256;  ///< Ours: of a path in an error.

/// Appends `"name":` to an object that is not closed yet.
void append_name(std::string& out, const char* name) {
    out += out.empty() ? '{' : ',';
    out += '"';
    out += name;
    out += "\":";
}

std::shared_ptr<const ComparablePatch> comparable(const std::optional<SectionPatch>& patch) {
    return patch ? std::make_shared<const ComparablePatch>(*patch) : nullptr;
}

}  // namespace

std::string twin_patch_text(const TwinPatch& patch) {
    std::string out;
    for (const Part& part : parts) {
        if (!(patch.*part.patch) && !(patch.*part.clears)) continue;
        append_name(out, part.name);
        out += patch.*part.patch ? (patch.*part.patch)->text() : "null";
    }
    if (!out.empty()) out += '}';
    return out;
}

Result<TwinPatch> parse_twin_patch_text(std::string_view text) {
    TwinPatch patch;
    if (text.empty()) return patch;
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(Errc::store_corrupt, "a stored write to a twin is not JSON");
    for (const Part& part : parts) {
        const JsonValue value = document->root().find(part.name);
        if (!value.exists()) continue;
        if (value.kind() == JsonKind::null) {
            patch.*part.clears = true;
            continue;
        }
        auto section = SectionPatch::parse(value);
        if (!section) return fail(Errc::store_corrupt, section.error().detail);
        patch.*part.patch = *std::move(section);
    }
    return patch;
}

OverwrittenReader::OverwrittenReader(const TwinPatch& patch)
    : tags_(comparable(patch.tags)),
      desired_(comparable(patch.desired)),
      clears_tags_(patch.clear_tags),
      clears_desired_(patch.clear_desired) {}

std::string OverwrittenReader::text(const Twin& twin) const {
    std::string out;
    text(twin, out);
    return out;
}

void OverwrittenReader::text(const Twin& twin, std::string& out) const {
    out.clear();
    for (const Part& part : parts) {
        const bool is_tags = part.section == &Twin::tags;
        const auto& section = twin.*part.section;
        const auto& patch = is_tags ? tags_ : desired_;
        const bool clears = (is_tags ? clears_tags_ : clears_desired_) && !section.is_empty();
        if (!patch && !clears) continue;
        const std::size_t mark = out.size();
        append_name(out, part.name);
        if (clears) {
            section.append_json(out, SectionForm::plain);
        } else if (!append_overwritten(out, section, *patch)) {
            out.resize(mark);
        }
    }
    if (!out.empty()) out += '}';
}

bool OverwrittenReader::read(const Twin& twin, Seen& seen) const {
    seen.next.clear();
    bool is_comparable = !clears_tags_ && !clears_desired_;
    if (tags_) append_overwritten_bytes(seen.next, twin.tags, *tags_);
    if (desired_) append_overwritten_bytes(seen.next, twin.desired, *desired_);
    is_comparable = is_comparable && !seen.next.empty();
    if (is_comparable && seen.next == seen.bytes) return true;
    seen.bytes.swap(seen.next);
    if (!is_comparable) seen.bytes.clear();
    text(twin, seen.text);
    return false;
}

TwinReversal::Half TwinReversal::half(std::optional<SectionPatch> wrote, std::optional<SectionPatch> before,
                                      bool clears) {
    if (!wrote && !clears) return {};
    return {clears ? nullptr : comparable(wrote), comparable(before), true};
}

Result<TwinReversal> TwinReversal::parse(std::string_view wrote, std::string_view before) {
    auto written = parse_twin_patch_text(wrote);
    if (!written) return fail(std::move(written).error());
    auto old = parse_twin_patch_text(before);
    if (!old) return fail(std::move(old).error());
    TwinReversal reversal;
    reversal.tags_ = half(std::move(written->tags), std::move(old->tags), written->clear_tags);
    reversal.desired_ = half(std::move(written->desired), std::move(old->desired), written->clear_desired);
    return reversal;
}

Result<TwinReversal> TwinReversal::with(std::string_view before) const {
    const auto old = parse_twin_patch_text(before);
    if (!old) return fail(old.error());
    TwinReversal reversal = *this;
    reversal.tags_.before = tags_.is_written ? comparable(old->tags) : nullptr;
    reversal.desired_.before = desired_.is_written ? comparable(old->desired) : nullptr;
    return reversal;
}

Result<std::string> TwinReversal::restoring_text(const Twin& twin) const {
    std::string out;
    for (const Part& part : parts) {
        const Half& half = part.section == &Twin::tags ? tags_ : desired_;
        if (!half.before) continue;
        const auto& section = twin.*part.section;
        const bool is_tags = part.section == &Twin::tags;
        const auto refuse = [&](std::string_view path) {
            return fail(Errc::precondition_failed,
                        fmt::format("{}{}{} is no longer as the job wrote it; desired $version {}",
                                    is_tags ? "tags" : "properties.desired", path.empty() ? "" : ".",
                                    path.substr(0, path_chars_max), twin.desired.version()));
        };
        const std::size_t mark = out.size();
        append_name(out, part.name);
        const std::size_t begin = out.size();
        if (!half.wrote) {
            if (!section.is_empty()) return refuse("");
            out += half.before->patch.text();
            continue;
        }
        if (const auto path = append_restoring(out, section, *half.wrote, *half.before); !path.empty())
            return refuse(path);
        if (out.size() == begin) out.resize(mark);
    }
    if (!out.empty()) out += '}';
    return out;
}

}  // namespace carillon
