// A line of a devices.txt made of arbitrary bytes: it is refused with a line for the error log, or what
// it asks for holds together; and a chunk's reader never loses count of lines and bytes.

#include "base/json.hpp"
#include "core/testing/blob_testing.hpp"
#include "core/transfers/import_input.hpp"
#include "model/registry_line.hpp"

#include <string>

namespace carillon {
namespace {

void check_entry(std::string_view text) {
    ImportName name;
    const auto entry = ImportEntry::parse(std::string(text), name);
    if (!entry) {
        CARILLON_ASSERT(entry.error().code == Errc::iot_hub_format_error ||
                        entry.error().code == Errc::argument_invalid);
        const std::string line = import_error_json(name, entry.error(), 1);
        CARILLON_ASSERT(line.find('\n') == std::string::npos);
        const auto json = JsonDocument::parse(line);
        CARILLON_ASSERT(json && json->root().find("errorCode").is_string());
        return;
    }
    CARILLON_ASSERT(DeviceId::is_valid(entry->key().device.str()));
    CARILLON_ASSERT(entry->mode() != ImportMode::update_twin || entry->twin());
    CARILLON_ASSERT(entry->mode() != ImportMode::remove || (!entry->twin() && !entry->reported()));
    SeededRandom random(1);
    const auto identity =
        parse_identity(entry->identity(), entry->key(), nullptr, WallTime::from_unix_s(0), random);
    if (!identity || !entry->names_credentials()) return;
    // What is exported of it imports to the same credentials.
    Document document;
    document.identity = PackedIdentity(*identity);
    document.twin = Twin::fresh(WallTime::from_unix_s(0));
    std::string line;
    append_export_line(line, document, ExportedKeys::included);
    CARILLON_ASSERT(line.find('\n') == line.size() - 1);
    line.pop_back();
    const auto again = ImportEntry::parse(line, name);
    CARILLON_ASSERT(again && again->key() == entry->key());
    const auto same =
        parse_identity(again->identity(), again->key(), nullptr, WallTime::from_unix_s(0), random);
    CARILLON_ASSERT(same && same->auth.primary_key == identity->auth.primary_key &&
                    same->auth.primary_thumbprint == identity->auth.primary_thumbprint &&
                    same->auth.type == identity->auth.type && same->status == identity->status);
}

void check_input(std::string_view text) {
    testing::MemoryBlobs blobs;
    blobs.files["mem:/devices.txt"] = text;
    ImportLimits limits;
    limits.line_bytes_max = 64;
    limits.chunk_lines_max = 3;
    limits.read_bytes_max = 7;
    ImportInput input(*blobs.open("mem:", "devices.txt", 0), limits, 2, 0, 0);
    std::uint64_t lines = 0;
    std::uint64_t offset = 0;
    for (bool is_last = false; !is_last;) {
        const auto chunk = input.next();
        CARILLON_ASSERT(chunk && chunk->lines >= lines && chunk->offset >= offset);
        CARILLON_ASSERT(chunk->is_last || chunk->lines > lines);
        lines = chunk->lines;
        offset = chunk->offset;
        is_last = chunk->is_last;
    }
    CARILLON_ASSERT(offset == text.size());
}

}  // namespace
}  // namespace carillon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = carillon::as_text({data, size});
    carillon::check_entry(text);
    carillon::check_input(text);
    return 0;
}
