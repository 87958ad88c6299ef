#include "server/backup/backup_check.hpp"

#include "store/crc32c.hpp"

#include <fmt/core.h>
#include <utility>

namespace carillon {
namespace {

std::string member_name(const BackupFile& file) {
    return std::string(backup_store_prefix) + file.name;
}

tl::unexpected<Error> not_whole(std::string what) {
    return fail(Errc::store_corrupt, "the backup is damaged: " + std::move(what));
}

}  // namespace

Result<> BackupCheck::begin(const std::string& name, std::uint64_t bytes) {
    name_ = name;
    is_list_ = name == backup_files_name;
    if (is_list_ && bytes > backup_files_bytes_max) return not_whole("store.files is too large");
    if (is_list_) return {};
    if (name_.starts_with(backup_store_prefix)) seen_[name_].bytes = bytes;
    return below_ != nullptr ? below_->begin(name, bytes) : Result<>();
}

Result<> BackupCheck::write(std::string_view bytes) {
    if (is_list_) {
        files_text_ += bytes;
        return {};
    }
    if (name_.starts_with(backup_store_prefix)) {
        Seen& seen = seen_[name_];
        seen.checksum = crc32c(seen.checksum, bytes);
    }
    return below_ != nullptr ? below_->write(bytes) : Result<>();
}

Result<> BackupCheck::end() {
    return is_list_ || below_ == nullptr ? Result<>() : below_->end();
}

Result<> BackupCheck::finish(const BackupHead& head) {
    if (files_text_.empty()) {
        return head.since.empty() ? Result<>() : Result<>(not_whole("store.files is not in it"));
    }
    const auto files = parse_backup_files(files_text_);
    if (!files) return not_whole(files.error().detail);
    std::size_t own = 0;
    for (const BackupFile& file : *files) {
        const auto seen = seen_.find(member_name(file));
        if (file.archive != head.id) {
            if (seen != seen_.end()) return not_whole(file.name + " is in it, and is said to lie elsewhere");
            if (head.since.empty()) return not_whole(file.name + " lies elsewhere, but it is said to be whole");
            if (!file.checksum) return not_whole(file.name + " lies elsewhere without a checksum");
            elsewhere_[file.archive].push_back(file);
            continue;
        }
        ++own;
        const bool is_right = seen != seen_.end() && seen->second.bytes == file.bytes &&
                              (!file.checksum || seen->second.checksum == *file.checksum);
        if (!is_right) return not_whole(file.name + " is missing, or is not what store.files says");
    }
    if (own != seen_.size()) return not_whole("it holds files that store.files does not name");
    return {};
}

BackupPick::BackupPick(const std::vector<BackupFile>& wanted, BackupSink* below) : below_(below) {
    for (const BackupFile& file : wanted) wanted_.emplace(member_name(file), file);
}

Result<> BackupPick::begin(const std::string& name, std::uint64_t bytes) {
    const auto found = wanted_.find(name);
    is_wanted_ = found != wanted_.end() && found->second.bytes == bytes;
    if (!is_wanted_) return {};
    name_ = name;
    checksum_ = 0;
    return below_ != nullptr ? below_->begin(name, bytes) : Result<>();
}

Result<> BackupPick::write(std::string_view bytes) {
    if (!is_wanted_) return {};
    checksum_ = crc32c(checksum_, bytes);
    return below_ != nullptr ? below_->write(bytes) : Result<>();
}

Result<> BackupPick::end() {
    if (!std::exchange(is_wanted_, false)) return {};
    const auto found = wanted_.find(name_);
    if (found->second.checksum != checksum_) return not_whole(name_ + " is another table than is wanted");
    wanted_.erase(found);
    return below_ != nullptr ? below_->end() : Result<>();
}

Result<> BackupPick::finish() const {
    if (wanted_.empty()) return {};
    return not_whole(fmt::format("{} is not in it, with {} other files that are wanted",
                                 wanted_.begin()->first, wanted_.size() - 1));
}

}  // namespace carillon
