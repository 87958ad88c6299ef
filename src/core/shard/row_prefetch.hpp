#pragma once

#include "core/shard/directory.hpp"
#include "query/query.hpp"

#include <cstddef>
#include <cstdint>

namespace carillon {

/// Brings what a scan will read into the caches while it works on earlier rows: a row lies in three
/// or four places of memory, and waiting for them one after the other takes longer than the work.
class RowPrefetch {
public:
    /// Rows from asking for a record to asking for what it points at, and from there to the work.
    static constexpr std::size_t record_ahead = 16;
    static constexpr std::size_t document_ahead = 8;

    RowPrefetch(const Directory& directory, query::RowParts parts) : directory_(directory), parts_(parts) {}

    void record(Ordinal ordinal) const {
        directory_.prefetch(ordinal, parts_.other ? sizeof(Record) : Record::twin_bytes);
    }
    /// The record has to be there by now, or this waits for it.
    void document(Ordinal ordinal) const {
        const Record* record = directory_.find(ordinal);
        if (record == nullptr || !record->committed) return;
        const Twin& twin = record->committed->twin;
        if (parts_.tags) twin.tags.prefetch();
        if (parts_.desired) twin.desired.prefetch();
        if (parts_.reported) twin.reported.prefetch();
    }
    /// Both, for a scan in the order of ordinals that is at `ordinal`.
    void ahead_of(Ordinal ordinal) const {
        record(ordinal + static_cast<Ordinal>(record_ahead));
        document(ordinal + static_cast<Ordinal>(document_ahead));
    }

private:
    const Directory& directory_;
    query::RowParts parts_;
};

}  // namespace carillon
