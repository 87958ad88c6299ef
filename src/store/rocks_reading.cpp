#include "store/rocks_reading.hpp"

#include <rocksdb/db.h>
#include <memory>

namespace carillon {
namespace {

rocksdb::Slice slice_of(std::string_view text) {
    return {text.data(), text.size()};
}

tl::unexpected<Error> read_refused(const rocksdb::Status& status) {
    return fail(Errc::store_failed, "the disk refused a read: " + status.ToString());
}

}  // namespace

Result<std::optional<std::string>> read_row(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                                            std::string_view key) {
    std::string value;
    const rocksdb::Status found = db.Get(rocksdb::ReadOptions(), family, slice_of(key), &value);
    if (found.IsNotFound()) return std::optional<std::string>();
    if (!found.ok()) return read_refused(found);
    return std::optional<std::string>(std::move(value));
}

Result<> scan_rows(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view from,
                   std::string_view to, const Store::Visit& visit) {
    const rocksdb::Slice end = slice_of(to);
    rocksdb::ReadOptions read;
    if (!to.empty()) read.iterate_upper_bound = &end;
    read.fill_cache = false;
    // An iterator sees the table as it was when it was made.
    const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(read, family));
    for (at->Seek(slice_of(from)); at->Valid(); at->Next()) {
        if (!visit(at->key().ToStringView(), at->value().ToStringView())) return {};
    }
    if (!at->status().ok()) return read_refused(at->status());
    return {};
}

}  // namespace carillon
