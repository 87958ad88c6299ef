#include "core/registry/registry_export.hpp"

namespace carillon {

RegistryExport::RegistryExport(ShardPort& port, ExportedKeys keys, std::string after)
    : port_(port), keys_(keys), sources_(port.count()), position_(std::move(after)) {}

Task<Result<>> RegistryExport::fill(std::size_t shard) {
    Source& source = sources_[shard];
    // Beyond what this shard gave last, or, of a shard not looked at yet, what was written last.
    std::string after = source.lines.empty() ? position_ : source.lines.back().key;
    auto reading = port_.ask(shard, ReadExportPage{std::move(after), keys_});
    auto page = co_await std::move(reading);
    if (!page) co_return fail(std::move(page).error());
    source.next = 0;
    source.is_at_end = page->is_last;
    source.lines = std::move(page->lines);
    co_return Result<>{};
}

RegistryExport::Source* RegistryExport::least() {
    Source* least = nullptr;
    for (Source& source : sources_) {
        if (source.next == source.lines.size()) continue;
        if (least == nullptr || source.lines[source.next].key < least->lines[least->next].key)
            least = &source;
    }
    return least;
}

Task<Result<bool>> RegistryExport::append(std::string& out, std::size_t bytes_max) {
    while (out.size() < bytes_max) {
        for (std::size_t shard = 0; shard < sources_.size(); ++shard) {
            while (sources_[shard].next == sources_[shard].lines.size() && !sources_[shard].is_at_end) {
                if (const auto filled = co_await fill(shard); !filled) co_return fail(filled.error());
            }
        }
        Source* source = least();
        if (source == nullptr) co_return false;
        ExportPage::Line& line = source->lines[source->next++];
        out += line.text;
        position_ = line.key;
        ++lines_;
    }
    co_return true;
}

}  // namespace carillon
