#include "core/messages/files/uploads.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "core/messages/files/file_name.hpp"
#include "core/messages/files/file_notification.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

namespace {

constexpr std::string_view upload_prefix = "upload/";
constexpr std::string_view upload_end = "upload0";  // The prefix with its last byte one higher.
constexpr std::string_view signing_key = "upload-key";
constexpr std::string_view passing_prefix = "passing/";
constexpr std::string_view passing_end = "passing0";

std::string upload_key(std::string_view id) {
    return std::string(upload_prefix) + std::string(id);
}

std::string passing_key(std::string_view id) {
    return std::string(passing_prefix) + std::string(id);
}

/// `file` is there once it is whole.
std::string upload_json(const Upload& upload, const FileStore::Info* file = nullptr) {
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("deviceId", upload.device.str()).member("blobName", upload.name);
    json.member("expires", to_iso8601(upload.expires));
    if (file != nullptr) json.member("bytes", file->bytes).member("modified", to_iso8601(file->modified));
    json.end_object();
    return text;
}

/// What back ends know a file as. `.` and `..` are no parts of a path.
std::string blob_name_of(const Upload& upload) {
    const std::string& id = upload.device.str();
    return (id == "." || id == ".." ? file_directory(upload.device) : id) + "/" + upload.name;
}

/// The row that tells back ends of a file.
std::string notification(const Upload& upload, const FileStore::Info& file, const std::string& address_base,
                         WallTime now) {
    FileNotification told;
    told.device_id = upload.device.str();
    told.blob_name = blob_name_of(upload);
    told.blob_uri = address_base + told.blob_name;
    told.last_updated = file.modified;
    told.bytes = file.bytes;
    return StoredFileNotification::encode(told, now);
}

Result<Upload> parse_upload(std::string_view id, std::string_view text) {
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(Errc::store_corrupt, "a stored upload does not decode");
    auto device = DeviceId::parse(document->root().find("deviceId").string());
    const auto expires = parse_iso8601(document->root().find("expires").string());
    if (!device || !expires) return fail(Errc::store_corrupt, "a stored upload does not decode");
    return Upload{std::string(id), *std::move(device),
                  std::string(document->root().find("blobName").string()), *expires};
}

}  // namespace

Uploads::Uploads(Shards& shards, LockedQueue& notifications)
    : shards_(shards), shard_(shards.first()), notifications_(notifications) {}
Uploads::~Uploads() = default;

void Uploads::use(std::string root, FileLimits limits, StorageExecutor& thread,
                  std::optional<FileOutlet> outlet) {
    limits_ = limits;
    thread_ = std::make_shared<FileThread>(thread);
    outlet_ = std::move(outlet);
    const auto layout = outlet_ ? FileStore::Layout::by_upload : FileStore::Layout::by_device;
    store_ = std::make_shared<FileStore>(std::move(root), limits, shard_.clock(), layout);
}

/// Finds what an earlier process has not passed on.
Result<> Uploads::load_passing(FileStore::Owners& owners) {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto upload = parse_upload(key.substr(passing_prefix.size()), value);
        const auto document = JsonDocument::parse(value);
        const auto modified =
            document ? parse_iso8601(document->root().find("modified").string()) : std::nullopt;
        const auto bytes = document ? document->root().find("bytes").integer() : std::nullopt;
        if (!upload || !modified || !bytes) {
            outcome = fail(Errc::store_corrupt, "a stored file that waits does not decode");
            return false;
        }
        owners.emplace(upload->id, upload->device);
        FileStore::Info file;
        file.bytes = static_cast<std::uint64_t>(*bytes);
        file.modified = *modified;
        passing_.push_back({*std::move(upload), std::move(file)});
        return true;
    };
    auto scanned = shard_.store().scan(Table::meta, passing_prefix, passing_end, visit);
    return scanned ? outcome : scanned;
}

Result<> Uploads::load() {
    if (!is_on()) return {};
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto upload = parse_upload(key.substr(upload_prefix.size()), value);
        if (!upload) {
            outcome = fail(std::move(upload).error());
            return false;
        }
        ++of_devices_[upload->device];
        uploads_.emplace(upload->id, *std::move(upload));
        return true;
    };
    auto scanned = shard_.store().scan(Table::meta, upload_prefix, upload_end, visit);
    if (!scanned || !outcome) return scanned ? outcome : scanned;
    auto key = shard_.store().get(Table::meta, signing_key);
    if (!key) return fail(std::move(key).error());
    key_ = key->value_or(std::string());
    if (key_.empty()) {
        key_ = shard_.random().base64_key();
        shard_.committer().batch().put(Table::meta, std::string(signing_key), key_);
    }
    FileStore::Owners owners;
    for (const auto& [id, upload] : uploads_) owners.emplace(id, upload.device);
    if (auto found = load_passing(owners); !found) return found;
    if (!outlet_ && !passing_.empty()) {
        log.warn("files wait for a container that is not set any more count={}", passing_.size());
        passing_.clear();
    }
    thread_->run([store = store_.get(), known = std::move(owners)] {
        if (auto opened = store->open(known); !opened) {
            log.error("files of devices not found reason={}", opened.error().detail);
        }
    });
    sweep_later();
    pass_next();
    return {};
}

std::string Uploads::signature(const Upload& upload) const {
    const std::string signed_text =
        fmt::format("{}\n{}\n{}\n{}", upload.id, upload.device.str(), upload.name, upload.expires.unix_s());
    return base64_encode(hmac_sha256(key_, signed_text));
}

Task<Result<Upload>> Uploads::begin(DeviceId device, std::string name) {
    return shards_.on(shard_, begin_here(std::move(device), std::move(name)));
}

Task<Result<>> Uploads::end(DeviceId device, std::string id, bool is_successful, std::string address_base) {
    return shards_.on(shard_,
                      end_here(std::move(device), std::move(id), is_successful, std::move(address_base)));
}

Task<std::optional<Upload>> Uploads::find(std::string id) {
    return shards_.on(shard_, find_here(std::move(id)));
}

Task<Result<Upload>> Uploads::begin_here(DeviceId device, std::string name) {
    if (auto good = check_file_name(name); !good) co_return fail(std::move(good).error());
    if (outlet_ && name.find('\\') != std::string::npos) {
        co_return fail(Errc::argument_invalid, "The container takes no backslash in a name.");
    }
    const auto open = of_devices_.find(device);
    if (open != of_devices_.end() && open->second >= FileLimits::uploads_of_device_max) {
        co_return fail(Errc::iot_hub_quota_exceeded,
                       "Number of active file upload requests cannot exceed 10");
    }
    if (uploads_.size() >= FileLimits::uploads_max) {
        co_return fail(Errc::iot_hub_quota_exceeded, "The hub has too many uploads under way.");
    }
    // To the second, as its address tells it.
    const WallTime now = WallTime::from_unix_s(shard_.clock().wall_now().unix_s());
    Upload upload{shard_.random().uuid(), std::move(device), std::move(name), now.plus_s(limits_.lifetime_s)};
    ++of_devices_[upload.device];
    uploads_.emplace(upload.id, upload);
    shard_.committer().batch().put(Table::meta, upload_key(upload.id), upload_json(upload));
    const auto written = co_await shard_.committer().durable();
    if (!written) {
        forget(upload.id);
        co_return fail(unavailable(written.error()));
    }
    sweep_later();
    co_return upload;
}

Task<Result<>> Uploads::end_here(DeviceId device, std::string id, bool is_successful,
                                 std::string address_base) {
    auto found = uploads_.find(id);
    if (found == uploads_.end() || found->second.device != device) {
        co_return fail(Errc::argument_invalid, "The device has no upload of this correlation id under way.");
    }
    const Upload upload = found->second;
    std::optional<FileStore::Info> file;
    if (is_successful) {
        std::function<std::optional<FileStore::Info>(FileStore&)> look = [upload](FileStore& store) {
            return store.find(upload.id, upload.device, upload.name);
        };
        auto looking = on_files(std::move(look));
        file = co_await std::move(looking);
        if (!file) co_return fail(Errc::argument_invalid, "No file of this name has been uploaded.");
        found = uploads_.find(id);
        if (found == uploads_.end()) co_return Result<>{};  // The same was said twice at once.
    }
    auto& committer = shard_.committer();
    committer.batch().erase(Table::meta, upload_key(id));
    const WallTime now = shard_.clock().wall_now();
    const bool is_passed_on = file && outlet_;
    std::uint64_t sequence = 0;
    if (is_passed_on) {
        committer.batch().put(Table::meta, passing_key(id), upload_json(upload, &*file));
    } else if (file) {
        sequence = notifications_.stage(notification(upload, *file, address_base, now));
    }
    const auto written = co_await committer.durable();
    if (!written) co_return fail(unavailable(written.error()));
    forget(id);
    if (!file) {
        drop(upload);
        co_return Result<>{};
    }
    discard(upload);
    if (is_passed_on) {
        passing_.push_back({upload, *file});
        pass_next();
    } else {
        notifications_.added(sequence, now);
    }
    co_return Result<>{};
}

// --- passing files on --------------------------------------------------------------------------------

void Uploads::pass_next() {
    if (!outlet_ || is_passing_ || pass_timer_ || passing_.empty()) return;
    is_passing_ = true;
    const Upload& upload = passing_.front().upload;
    outlet_->thread->run([this, put = outlet_->put, executor = shard_.executor(),
                          path = store_->path_of(upload.id, upload.device, upload.name),
                          name = blob_name_of(upload)] {
        auto outcome = put(path, name);
        boost::asio::post(executor, [this, told = std::move(outcome)] { passed(told); });
    });
}

/// One at a time, so that a container is not asked by many at once whether it is there again.
void Uploads::passed(const Result<>& outcome) {
    is_passing_ = false;
    Passing passing = std::move(passing_.front());
    passing_.pop_front();
    if (!outcome) {
        log.warn("file not passed on device={} name={} pause_s={} reason={}", passing.upload.device.str(),
                 passing.upload.name, pause_.count(), outcome.error().detail);
        return pass_later(std::move(passing));
    }
    pause_ = pause_min;
    const WallTime now = shard_.clock().wall_now();
    shard_.committer().batch().erase(Table::meta, passing_key(passing.upload.id));
    const std::uint64_t sequence =
        notifications_.stage(notification(passing.upload, passing.file, outlet_->address + "/", now));
    shard_.committer().on_durable([this, held = std::move(passing), sequence, now](const Result<>& written) {
        if (!written) return pass_later(held);
        notifications_.added(sequence, now);
        drop(held.upload);
    });
    pass_next();
}

/// Behind the others, of which one may fare better.
void Uploads::pass_later(Passing passing) {
    passing_.push_back(std::move(passing));
    if (pass_timer_) return;
    pass_timer_ = shard_.timers().at(shard_.clock().now() + pause_, [this] {
        pass_timer_ = {};
        pass_next();
    });
    pause_ = std::min(pause_ * 2, pause_max);
}

Task<std::optional<Upload>> Uploads::find_here(std::string id) {
    const auto found = uploads_.find(id);
    if (found == uploads_.end() || found->second.expires <= shard_.clock().wall_now()) co_return std::nullopt;
    co_return found->second;
}

void Uploads::forget(const std::string& id) {
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return;
    const auto count = of_devices_.find(found->second.device);
    if (count != of_devices_.end() && --count->second == 0) of_devices_.erase(count);
    uploads_.erase(found);
}

void Uploads::discard(const Upload& upload) {
    thread_->run([store = store_.get(), upload] { store->discard(upload.id, upload.device); });
}

/// Without a whole file that nobody will hear of.
void Uploads::drop(const Upload& upload) {
    thread_->run([store = store_.get(), upload] { store->drop(upload.id, upload.device); });
}

/// Ends what was not completed in its time.
void Uploads::sweep() {
    const WallTime now = shard_.clock().wall_now();
    std::vector<Upload> old;
    for (const auto& [id, upload] : uploads_) {
        if (upload.expires <= now) old.push_back(upload);
    }
    for (const Upload& upload : old) {
        shard_.committer().batch().erase(Table::meta, upload_key(upload.id));
        forget(upload.id);
        drop(upload);
    }
}

void Uploads::sweep_later() {
    if (sweep_timer_ || uploads_.empty()) return;
    sweep_timer_ = shard_.timers().at(shard_.clock().now() + between_sweeps, [this] {
        sweep_timer_ = {};
        sweep();
        sweep_later();
    });
}

}  // namespace carillon
