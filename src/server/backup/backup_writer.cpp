#include "server/backup/backup_writer.hpp"

#include "base/text.hpp"
#include "server/format_file.hpp"
#include "server/private_file.hpp"
#include "store/crc32c.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace carillon {
namespace {

/// What lies beside the store and cannot be made again; then what a start makes, so that it has less to do.
constexpr std::string_view files_beside[] = {"format", "hub.json", "ca.pem", "ca-key.pem"};

std::vector<std::string> names_beside(const std::filesystem::path& data_dir) {
    std::vector<std::string> names(std::begin(files_beside), std::end(files_beside));
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(data_dir, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("server-") && name.ends_with(".pem")) names.push_back(name);
    }
    std::sort(names.begin() + std::size(files_beside), names.end());
    return names;
}

}  // namespace

Result<std::unique_ptr<BackupWriter>> BackupWriter::begin(std::unique_ptr<StoreCopy> copy,
                                                          const std::filesystem::path& data_dir,
                                                          BackupHead head,
                                                          const std::vector<BackupFile>& since,
                                                          WallTime now) {
    std::unique_ptr<BackupWriter> writer(new BackupWriter(std::move(copy), now.unix_s()));
    if (auto listed = writer->list(data_dir, std::move(head), since, now); !listed) {
        return fail(std::move(listed).error());
    }
    return writer;
}

Result<> BackupWriter::list(const std::filesystem::path& data_dir, BackupHead head,
                            const std::vector<BackupFile>& since, WallTime now) {
    head.format = data_format;
    head.program = "carillon " CARILLON_VERSION;
    head.version = head.since.empty() ? BackupHead::version_whole : BackupHead::version_known;
    head.created = to_iso8601(now);
    head.acknowledged = entries_.sequence;
    std::map<std::string_view, const BackupFile*> earlier;
    for (const BackupFile& file : since) earlier.emplace(file.name, &file);
    std::vector<BackupFile> files;
    for (const CopiedFile& file : copy_->files()) {
        const auto found = earlier.find(file.name);
        // What can be appended to has no checksum, and is always taken.
        const bool is_there = found != earlier.end() && file.checksum &&
                              file.checksum == found->second->checksum && file.bytes == found->second->bytes;
        files.push_back({file.name, file.bytes, file.checksum, is_there ? found->second->archive : head.id});
        if (is_there) {
            left_out_.insert(file.name);
            continue;
        }
        ++head.files;
        head.bytes += file.bytes;
        if (file.bytes <= tar_member_bytes_max && file.name.size() < tar_name_bytes_max / 2) continue;
        return fail(Errc::store_failed, file.name + " is larger than a backup can hold");
    }
    if (copy_->files().size() > backup_members_max / 2) {
        return fail(Errc::store_failed, "the store has more files than a backup can hold");
    }
    add(std::string(backup_head_name), to_json(head));
    add(std::string(backup_files_name), to_text(files));
    for (const std::string& name : names_beside(data_dir)) {
        auto content = carillon::read_file(data_dir / name);
        // A hub with certificates of its own has no authority.
        if (!content && content.error().code == Errc::not_found_locally) continue;
        if (!content) return fail(std::move(content).error());
        add(name, *std::move(content));
    }
    add_store();
    members_.push_back({.name = std::string(backup_sums_name), .make_late = [this] { return sums_; }});
    return {};
}

void BackupWriter::add(std::string name, std::string content) {
    Member member{.name = std::move(name)};
    member.bytes = content.size();
    member.content = std::move(content);
    members_.push_back(std::move(member));
}

void BackupWriter::add_store() {
    const auto late_ledger = [this] { return encode_ledger(entries_, 1); };
    for (const CopiedFile& file : copy_->files()) {
        if (left_out_.contains(file.name)) continue;
        Member member{.name = std::string(backup_store_prefix) + file.name, .bytes = file.bytes};
        if (member.name == backup_current_name) {
            members_.push_back({.name = std::string(backup_ledger_name), .make_late = late_ledger});
        }
        if (file.content.empty()) {
            member.file = file;
        } else {
            member.content = file.content;
        }
        members_.push_back(std::move(member));
    }
}

Result<std::string> BackupWriter::next() {
    std::string piece;
    while (piece.size() < piece_bytes && !members_.empty()) {
        Member& member = members_.front();
        if (!is_within_) {
            if (auto begun = begin_member(piece); !begun) return fail(std::move(begun).error());
        }
        if (member.file) {
            if (auto read = read_file(piece); !read) return fail(std::move(read).error());
        } else {
            digest_.add(member.content);
            piece += member.content;
            done_ = member.bytes;
        }
        if (done_ == member.bytes) end_member(piece);
    }
    if (members_.empty() && !std::exchange(has_ended_, true)) piece.append(2 * tar_block_bytes, '\0');
    bytes_made_ += piece.size();
    return piece;
}

Result<> BackupWriter::begin_member(std::string& piece) {
    Member& member = members_.front();
    if (member.make_late) {
        member.content = member.make_late();
        member.bytes = member.content.size();
    }
    if (member.file) {
        const auto path = copy_->folder() / member.file->name;
        file_.open(path, std::ios::binary);
        if (!file_) return fail(Errc::store_failed, path.string() + ": " + std::strerror(errno));
    }
    piece += tar_header(member.name, member.bytes, unix_s_);
    is_within_ = true;
    done_ = 0;
    checksum_ = 0;
    return {};
}

Result<> BackupWriter::read_file(std::string& piece) {
    const Member& member = members_.front();
    const std::size_t at = piece.size();
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(member.bytes - done_, piece_bytes - std::min(at, piece_bytes)));
    piece.resize(at + wanted);
    file_.read(piece.data() + at, static_cast<std::streamsize>(wanted));
    const std::string name = (copy_->folder() / member.file->name).string();
    if (static_cast<std::size_t>(file_.gcount()) != wanted) {
        return fail(Errc::store_corrupt,
                    fmt::format("{} ends before its {} bytes, or cannot be read", name, member.bytes));
    }
    const std::string_view got = std::string_view(piece).substr(at);
    digest_.add(got);
    checksum_ = crc32c(checksum_, got);
    done_ += wanted;
    if (done_ < member.bytes) return {};
    file_.close();
    if (member.file->checksum && *member.file->checksum != checksum_) {
        return fail(Errc::store_corrupt,
                    name +
                        " does not hold what was written to it: look at the disk, and run "
                        "`carillon store check` when the hub does not run");
    }
    if (member.file->kind == CopiedFile::Kind::manifest) {
        entries_.manifest = FileClaim{member.file->number, member.bytes, checksum_};
    }
    return {};
}

void BackupWriter::end_member(std::string& piece) {
    const Member& member = members_.front();
    piece += tar_padding(member.bytes);
    sums_ += sums_line(digest_.take(), member.name);
    is_within_ = false;
    members_.pop_front();
}

}  // namespace carillon
