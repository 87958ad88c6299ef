#include "endpoint/blob/web_blobs.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <thread>
#include <vector>

namespace carillon {
namespace {

constexpr std::string_view version_field = "x-ms-version: 2021-08-06\r\n";
/// Besides a piece of a blob an answer may hold an error's description.
constexpr std::size_t answer_bytes_margin = 64 * 1024;

bool may_pass(const Result<WebAnswer>& answer) {
    if (answer) return answer->status == 429 || answer->status >= 500;
    return answer.error().code != Errc::tls_failed && answer.error().code != Errc::message_too_large;
}

/// A blob of a container: sends its requests, again where trouble may pass.
class WebBlob {
public:
    WebBlob(const ContainerUri& container, std::string_view name, std::shared_ptr<const WebTrust> trust,
            const std::atomic<bool>& stops)
        : name_(name),
          path_(container.path),
          signature_(container.query),
          client_(WebServer{container.is_tls, container.host, container.port}, std::move(trust), stops),
          stops_(stops) {
        for (const std::string_view part : split(name, '/')) path_.append("/").append(percent_encode(part));
    }

    const std::string& name() const { return name_; }

    /// `query` goes before the signature.
    Result<WebAnswer> send(std::string_view method, std::string_view query, std::string_view fields,
                           std::string_view body, std::size_t body_bytes_max) {
        std::string target = path_;
        if (!query.empty() || !signature_.empty()) target += '?';
        target += query;
        if (!query.empty() && !signature_.empty()) target += '&';
        target += signature_;
        std::string head(version_field);
        head += fields;
        auto pause = WebBlobLimits::first_pause;
        for (int attempt = 1;; ++attempt) {
            auto answer = client_.exchange(method, target, head, body, body_bytes_max + answer_bytes_margin);
            if (!may_pass(answer) || attempt == WebBlobLimits::attempts_max || stops_) return answer;
            rest(pause);
            pause *= 2;
        }
    }

    /// What is wrong, in words that hold no secret; `absent_is_ours` tells the user's slip from trouble.
    Error refused(const Result<WebAnswer>& answer) const {
        if (!answer) return {Errc::io_failed, name_ + ": " + answer.error().detail};
        const std::string_view code = answer->find("x-ms-error-code");
        std::string detail = fmt::format("the container answers {} {} to {}", answer->status, code, name_);
        const bool is_users = answer->status == 401 || answer->status == 403 || answer->status == 404;
        return {is_users ? Errc::blob_container_validation_error : Errc::io_failed, std::move(detail)};
    }

private:
    void rest(std::chrono::milliseconds pause) const {
        constexpr std::chrono::milliseconds step{100};
        for (auto slept = step; slept <= pause && !stops_; slept += step) std::this_thread::sleep_for(step);
    }

    std::string name_;       ///< Bound: fixed.
    std::string path_;       ///< Bound: fixed.
    std::string signature_;  ///< Bound: fixed.
    WebClient client_;
    const std::atomic<bool>& stops_;
};

class WebReader final : public BlobReader {
public:
    WebReader(std::unique_ptr<WebBlob> blob, std::uint64_t size, std::string version, std::uint64_t offset)
        : blob_(std::move(blob)), size_(size), version_(std::move(version)), offset_(offset) {}

    std::uint64_t size() const override { return size_; }
    std::string version() const override { return version_; }
    Result<std::string> read(std::size_t bytes_max) override {
        if (offset_ >= size_) return std::string();
        const std::uint64_t count =
            std::min<std::uint64_t>({bytes_max, WebBlobLimits::block_bytes_max, size_ - offset_});
        std::string fields = fmt::format("x-ms-range: bytes={}-{}\r\n", offset_, offset_ + count - 1);
        if (!version_.empty()) fields += "If-Match: " + version_ + "\r\n";
        auto answer = blob_->send("GET", {}, fields, {}, static_cast<std::size_t>(count));
        if (answer && answer->status == 412) {
            return fail(Errc::io_failed, blob_->name() + " was changed while it was read");
        }
        // A server that knows no ranges answers 200 with the whole blob.
        const bool is_whole = answer && answer->status == 200 && offset_ == 0 && count == size_;
        if (!answer || (answer->status != 206 && !is_whole)) return fail(blob_->refused(answer));
        if (answer->body.size() != count) return fail(Errc::io_failed, blob_->name() + " was cut off");
        offset_ += count;
        return std::move(answer->body);
    }

private:
    std::unique_ptr<WebBlob> blob_;
    std::uint64_t size_;
    std::string version_;  ///< Bound: fixed.
    std::uint64_t offset_;
};

class WebWriter final : public BlobWriter {
public:
    explicit WebWriter(std::unique_ptr<WebBlob> blob) : blob_(std::move(blob)) {}

    Result<> write(std::string_view bytes) override {
        block_ += bytes;
        while (block_.size() >= WebBlobLimits::block_bytes_max) {
            auto put = put_block(std::string_view(block_).substr(0, WebBlobLimits::block_bytes_max));
            if (!put) return put;
            block_.erase(0, WebBlobLimits::block_bytes_max);
        }
        return {};
    }
    Result<> finish() override {
        constexpr std::string_view type = "Content-Type: application/octet-stream\r\n";
        if (blocks_.empty()) {
            return created(
                blob_->send("PUT", {}, std::string("x-ms-blob-type: BlockBlob\r\n").append(type), block_, 0));
        }
        if (!block_.empty()) {
            if (auto put = put_block(block_); !put) return put;
        }
        std::string list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
        for (const std::string& id : blocks_) list += "<Latest>" + id + "</Latest>";
        list += "</BlockList>";
        return created(blob_->send("PUT", "comp=blocklist", "Content-Type: application/xml\r\n", list, 0));
    }

private:
    Result<> put_block(std::string_view bytes) {
        if (blocks_.size() == WebBlobLimits::blocks_max)
            return fail(Errc::io_failed, blob_->name() + " is too large");
        // Ids of one blob are equally long.
        const std::string id = base64_encode(fmt::format("{:08}", blocks_.size()));
        auto put = created(blob_->send("PUT", "comp=block&blockid=" + percent_encode(id),
                                       "Content-Type: application/octet-stream\r\n", bytes, 0));
        if (put) blocks_.push_back(id);
        return put;
    }
    Result<> created(const Result<WebAnswer>& answer) const {
        if (answer && answer->status == 201) return {};
        return fail(blob_->refused(answer));
    }

    std::unique_ptr<WebBlob> blob_;
    std::string block_;                ///< Bound: WebBlobLimits::block_bytes_max.
    std::vector<std::string> blocks_;  ///< Ids of those put. Bound: WebBlobLimits::blocks_max.
};

}  // namespace

Result<std::unique_ptr<BlobReader>> open_web_blob(const ContainerUri& container, std::string_view name,
                                                  std::uint64_t offset, std::shared_ptr<const WebTrust> trust,
                                                  const std::atomic<bool>& stops) {
    auto blob = std::make_unique<WebBlob>(container, name, std::move(trust), stops);
    const auto answer = blob->send("HEAD", {}, {}, {}, 0);
    if (!answer || answer->status != 200) return fail(blob->refused(answer));
    const auto size = parse_u64(answer->find("Content-Length"));
    if (!size) return fail(Errc::io_failed, "the container does not say how large " + blob->name() + " is");
    if (offset > *size) return fail(Errc::io_failed, blob->name() + " is shorter than it was");
    std::string version(answer->find("ETag"));
    return std::make_unique<WebReader>(std::move(blob), *size, std::move(version), offset);
}

Result<std::unique_ptr<BlobWriter>> create_web_blob(const ContainerUri& container, std::string_view name,
                                                    std::shared_ptr<const WebTrust> trust,
                                                    const std::atomic<bool>& stops) {
    return std::make_unique<WebWriter>(std::make_unique<WebBlob>(container, name, std::move(trust), stops));
}

}  // namespace carillon
