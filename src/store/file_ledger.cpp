#include "store/file_ledger.hpp"

#include "base/log.hpp"
#include "base/stored_bytes.hpp"
#include "store/crc32c.hpp"

#include <rocksdb/file_system.h>
#include <algorithm>
#include <filesystem>
#include <utility>

namespace carillon {
namespace {

constexpr std::string_view magic = "CARLEDG1";
/// Before the fields: magic, checksum of what follows it, size of the fields.
constexpr std::size_t head_bytes = magic.size() + 4 + 4;

void write_claim(StoredWriter& out, const FileClaim& claim) {
    out.u64(claim.number);
    out.u64(claim.bytes);
    out.u32(claim.checksum);
}

void write_claim(StoredWriter& out, const std::optional<FileClaim>& claim) {
    out.u8(claim ? 1 : 0);
    if (claim) write_claim(out, *claim);
}

FileClaim read_claim(StoredReader& in) {
    FileClaim claim;
    claim.number = in.u64();
    claim.bytes = in.u64();
    claim.checksum = in.u32();
    return claim;
}

std::optional<FileClaim> read_optional_claim(StoredReader& in) {
    if (in.u8() == 0) return std::nullopt;
    return read_claim(in);
}

std::optional<DecodedLedger> decode_slot(std::string_view slot) {
    if (slot.size() < head_bytes || !slot.starts_with(magic)) return std::nullopt;
    StoredReader head(as_bytes(slot.substr(magic.size(), 8)));
    const std::uint32_t checksum = head.u32();
    const std::uint32_t size = head.u32();
    if (size > slot.size() - head_bytes) return std::nullopt;
    if (crc32c(0, slot.substr(magic.size() + 4, 4 + size)) != checksum) return std::nullopt;
    StoredReader in(as_bytes(slot.substr(head_bytes, size)));
    DecodedLedger decoded;
    decoded.edition = in.u64();
    decoded.entries.identity = std::string(in.text());
    decoded.entries.sequence = in.u64();
    decoded.entries.manifest = read_optional_claim(in);
    decoded.entries.next_manifest = read_optional_claim(in);
    const std::uint64_t logs = in.varint();
    for (std::uint64_t i = 0; i < logs && in.ok(); ++i) decoded.entries.logs.push_back(read_claim(in));
    if (!in.is_done()) return std::nullopt;
    return decoded;
}

}  // namespace

std::string encode_ledger(const LedgerEntries& entries, std::uint64_t edition) {
    std::string fields;
    StoredWriter out(fields);
    out.u64(edition);
    out.text(entries.identity);
    out.u64(entries.sequence);
    write_claim(out, entries.manifest);
    write_claim(out, entries.next_manifest);
    out.varint(entries.logs.size());
    for (const FileClaim& claim : entries.logs) write_claim(out, claim);

    std::string sized;
    StoredWriter(sized).u32(static_cast<std::uint32_t>(fields.size()));
    sized += fields;
    std::string slot(magic);
    StoredWriter(slot).u32(crc32c(0, sized));
    return slot + sized;
}

Result<DecodedLedger> decode_ledger(std::string_view file) {
    std::optional<DecodedLedger> newest;
    for (const std::size_t at : {std::size_t{0}, ledger_slot_bytes}) {
        if (at > file.size()) continue;
        auto decoded = decode_slot(file.substr(at, ledger_slot_bytes));
        if (decoded && (!newest || decoded->edition > newest->edition)) newest = std::move(decoded);
    }
    if (!newest) return fail(Errc::store_corrupt, "neither half of it is readable");
    return *std::move(newest);
}

FileLedger::FileLedger(std::unique_ptr<rocksdb::FSRandomRWFile> file) : file_(std::move(file)) {}

FileLedger::~FileLedger() {
    if (!settle().ok()) return;  // Said already.
    file_->Close(rocksdb::IOOptions(), nullptr).PermitUncheckedError();
}

Result<std::unique_ptr<FileLedger>> FileLedger::open(rocksdb::FileSystem& files, const std::string& path,
                                                     LedgerEntries entries, std::uint64_t edition) {
    const rocksdb::IOOptions io;
    rocksdb::IOStatus done = files.FileExists(path, io, nullptr);
    if (done.IsNotFound()) {
        // Whole from its first moment, so that a crash leaves either none or one that is readable.
        std::string both = encode_ledger(entries, edition + 1);
        both.resize(ledger_slot_bytes);
        both += encode_ledger(entries, edition + 2);
        both.resize(2 * ledger_slot_bytes);
        done = rocksdb::WriteStringToFile(&files, both, path + ".new", true);
        if (done.ok()) done = files.RenameFile(path + ".new", path, io, nullptr);
        std::unique_ptr<rocksdb::FSDirectory> folder;
        const auto parent = std::filesystem::absolute(path).parent_path().string();
        if (done.ok()) done = files.NewDirectory(parent, io, &folder, nullptr);
        if (done.ok()) done = folder->Fsync(io, nullptr);
    }
    std::unique_ptr<rocksdb::FSRandomRWFile> file;
    if (done.ok()) done = files.NewRandomRWFile(path, rocksdb::FileOptions(), &file, nullptr);
    if (!done.ok()) return fail(Errc::store_failed, path + ": " + done.ToString());
    std::unique_ptr<FileLedger> ledger(new FileLedger(std::move(file)));
    ledger->entries_ = std::move(entries);
    ledger->edition_ = edition + 2;
    done = ledger->settle_both();
    if (!done.ok()) return fail(Errc::store_failed, path + ": " + done.ToString());
    return ledger;
}

LedgerEntries FileLedger::entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
}

void FileLedger::identify(std::string identity) {
    const std::lock_guard lock(mutex_);
    if (entries_.identity == identity) return;
    entries_.identity = std::move(identity);
    is_unwritten_ = true;
}

void FileLedger::log_synced(const FileClaim& claim) {
    const std::lock_guard lock(mutex_);
    is_unwritten_ = true;
    const auto found = std::find_if(entries_.logs.begin(), entries_.logs.end(),
                                    [&claim](const FileClaim& old) { return old.number == claim.number; });
    if (found != entries_.logs.end()) {
        *found = claim;
        return;
    }
    if (entries_.logs.size() >= ledger_logs_max) entries_.logs.erase(entries_.logs.begin());
    entries_.logs.push_back(claim);
}

void FileLedger::manifest_synced(const FileClaim& claim) {
    const std::lock_guard lock(mutex_);
    const bool is_current = entries_.manifest && entries_.manifest->number == claim.number;
    const bool is_next = entries_.next_manifest && entries_.next_manifest->number == claim.number;
    if (!is_current && !is_next) promote_next();
    (is_current ? entries_.manifest : entries_.next_manifest) = claim;
    is_unwritten_ = true;
    has_new_manifest_part_ = true;
}

/// Called with the mutex.
rocksdb::IOStatus FileLedger::write_slot() {
    const std::string slot = encode_ledger(entries_, ++edition_);
    auto done = file_->Write(edition_ % 2 * ledger_slot_bytes, slot, rocksdb::IOOptions(), nullptr);
    is_unsettled_ = true;
    if (done.ok()) {
        is_unwritten_ = false;
        said_failure_ = false;
    } else if (!said_failure_.exchange(true)) {
        log.error("store ledger not written reason={:?}", done.ToString());
    }
    return done;
}

void FileLedger::acknowledge(std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    entries_.sequence = std::max(entries_.sequence, sequence);
    write_slot().PermitUncheckedError();
}

rocksdb::IOStatus FileLedger::settle() {
    {
        const std::lock_guard lock(mutex_);
        if (!is_unwritten_ && !is_unsettled_) return rocksdb::IOStatus::OK();
        if (is_unwritten_) {
            auto written = write_slot();
            if (!written.ok()) return written;
        }
        is_unsettled_ = false;
        has_new_manifest_part_ = false;
    }
    auto synced = file_->Sync(rocksdb::IOOptions(), nullptr);
    if (!synced.ok()) {
        const std::lock_guard lock(mutex_);
        is_unsettled_ = true;
        has_new_manifest_part_ = true;
    }
    return synced;
}

/// Both slots, so that the older one does not name what is about to go.
rocksdb::IOStatus FileLedger::settle_both() {
    {
        const std::lock_guard lock(mutex_);
        auto written = write_slot();
        if (written.ok()) written = write_slot();
        if (!written.ok()) return written;
    }
    return settle();
}

rocksdb::IOStatus FileLedger::before_switch_to(std::uint64_t manifest) {
    {
        const std::lock_guard lock(mutex_);
        const bool is_noted = entries_.next_manifest && entries_.next_manifest->number == manifest;
        if (!is_noted) {
            promote_next();
            entries_.next_manifest = FileClaim{.number = manifest};
        }
    }
    return settle_both();
}

void FileLedger::after_switch() {
    const std::lock_guard lock(mutex_);
    is_switched_ = true;
    if (!entries_.manifest) promote_next();
}

/// Called with the mutex, once CURRENT names the next manifest for good.
void FileLedger::promote_next() {
    if (!is_switched_ || !entries_.next_manifest) return;
    entries_.manifest = std::exchange(entries_.next_manifest, std::nullopt);
    is_switched_ = false;
}

rocksdb::IOStatus FileLedger::before_log_removal(std::uint64_t number) {
    {
        const std::lock_guard lock(mutex_);
        const auto is_gone = [number](const FileClaim& claim) { return claim.number == number; };
        std::erase_if(entries_.logs, is_gone);
    }
    return settle_both();
}

rocksdb::IOStatus FileLedger::before_manifest_removal(std::uint64_t manifest) {
    {
        const std::lock_guard lock(mutex_);
        if (entries_.next_manifest && entries_.next_manifest->number == manifest) {
            entries_.next_manifest.reset();  // RocksDB gave it up.
        } else if (entries_.manifest && entries_.manifest->number == manifest) {
            promote_next();
        }
    }
    return settle_both();
}

rocksdb::IOStatus FileLedger::before_table_removal() {
    {
        const std::lock_guard lock(mutex_);
        if (!has_new_manifest_part_) return rocksdb::IOStatus::OK();
    }
    return settle();
}

}  // namespace carillon
