// Twins: sequences of patches against a naive model, and every decoder of stored records on bytes
// that may be anything. The first byte chooses: `M` and `R`, lines of JSON merged (`R`: every second
// one replaces) into desired and reported properties; anything else, a decoder by its value.

#include "model/jobs/job.hpp"
#include "model/message.hpp"
#include "model/section/naive_section.hpp"
#include "model/twin.hpp"

namespace {

using namespace carillon;

std::string full_json(const Section& section) {
    std::string out;
    section.append_json(out, SectionForm::full);
    return out;
}

void apply(Section& fast, NaiveSection& naive, const SectionPatch& patch, JsonValue json, SectionKind kind,
           bool replace, WallTime now) {
    const auto change = replace ? fast.replaced(patch, kind, now, Notification::write)
                                : fast.merged(patch, kind, now, Notification::write);
    NaiveSection after = naive;
    std::string told;
    const bool with_version = kind == SectionKind::desired;
    const bool touched =
        replace ? after.replace(json, now, with_version, told) : after.merge(json, now, with_version, told);
    if (!change) {
        CARILLON_ASSERT(after.counted() > section_bytes_max(kind) || full_json(fast).size() > 4096 ||
                        patch.text().size() > 4096);
        return;
    }
    CARILLON_ASSERT(after.counted() <= section_bytes_max(kind) || after.counted() <= naive.counted());
    CARILLON_ASSERT(change->touched == touched);
    CARILLON_ASSERT(change->notification == told);
    CARILLON_ASSERT(full_json(change->section) == after.full());
    CARILLON_ASSERT(change->section.counted_bytes() == after.counted());
    const auto decoded = Section::decode(change->section.encoded());
    CARILLON_ASSERT(decoded && full_json(*decoded) == after.full());
    fast = change->section;
    naive = std::move(after);
}

void run_patches(std::string_view lines, bool replace_some) {
    for (const SectionKind kind : {SectionKind::desired, SectionKind::reported}) {
        WallTime now = WallTime::from_unix_s(1'790'000'000);
        Section fast = Section::fresh(now);
        NaiveSection naive(now);
        bool replace = false;
        for (const std::string_view line : split(lines, '\n')) {
            const auto document = JsonDocument::parse(line);
            if (!document) continue;
            const auto patch = SectionPatch::parse(document->root());
            if (!patch) continue;
            now = now.plus_s(1);
            const auto checked = JsonDocument::parse(patch->text());
            CARILLON_ASSERT(checked.has_value());
            apply(fast, naive, *patch, checked->root(), kind, replace, now);
            replace = replace_some && !replace;
        }
    }
}

/// A section that decodes can be printed, searched and written to, and stays decodable.
void use(const Section& section) {
    static const auto document = JsonDocument::parse(R"({"a":{"b":1,"c":null},"d":null,"e":[1],"":{}})");
    static const auto patch = SectionPatch::parse(document->root());
    for (const SectionForm form : {SectionForm::plain, SectionForm::device, SectionForm::full}) {
        std::string out;
        section.append_json(out, form);
        CARILLON_ASSERT(JsonDocument::parse(out).has_value());
    }
    static constexpr std::string_view path[] = {"a", "b"};
    static_cast<void>(section.find(path));
    const auto merged = section.merged(*patch, SectionKind::desired, {}, Notification::write);
    if (merged) CARILLON_ASSERT(Section::decode(merged->section.encoded()).has_value());
    const auto replaced = section.replaced(*patch, SectionKind::desired, {}, Notification::write);
    if (replaced) CARILLON_ASSERT(Section::decode(replaced->section.encoded()).has_value());
}

void run_decoder(std::uint8_t choice, Bytes bytes) {
    switch (choice % 5) {
        case 0:
            if (const auto section = Section::decode(bytes)) use(*section);
            return;
        case 1:
            if (const auto stored = decode_document(bytes)) {
                std::string out;
                append_twin_json(out, stored->document, {}, Flavour::ga);
                use(stored->document.twin.desired);
                const std::string again =
                    encode_document(stored->document, stored->sequence, stored->ordinal);
                CARILLON_ASSERT(decode_document(as_bytes(again)).has_value());
            }
            return;
        case 2:
            if (const auto packed = PackedIdentity::decode(bytes)) {
                const PackedIdentity again(packed->unpack());
                CARILLON_ASSERT(again.etag() == packed->etag() && again.auth_type() == packed->auth_type());
            }
            return;
        case 3:
            if (const auto job = decode_job_definition(bytes)) {
                CARILLON_ASSERT(decode_job_definition(as_bytes(encode_job_definition(*job))).has_value());
            }
            return;
        default:
            if (const auto message = decode_message(bytes)) {
                CARILLON_ASSERT(decode_message(as_bytes(encode_message(*message))).has_value());
            }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes rest{data + 1, size - 1};
    if (data[0] == 'M' || data[0] == 'R') {
        run_patches(as_text(rest), data[0] == 'R');
    } else {
        run_decoder(data[0], rest);
    }
    return 0;
}
