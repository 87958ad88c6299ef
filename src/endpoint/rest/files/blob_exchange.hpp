#pragma once

#include "core/messages/files/uploads.hpp"
#include "endpoint/rest/http/http_connection.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::rest {

/// The one container in which devices see their files, and the first segment of their addresses.
inline constexpr std::string_view file_container = "device-files";

/// What an address of the upload has behind its path: the proof that the hub gave it away.
std::string upload_token(const Uploads& uploads, const Upload& upload);

/// A request of a device's storage client, to an address under which it may upload one file: Put Blob, Put
/// Block and Put Block List. Source: Azure Storage docs, "Put Blob", "Put Block", "Put Block List", "Status
/// and error codes".
class BlobExchange {
public:
    /// `uploads` outlives it.
    explicit BlobExchange(Uploads& uploads) : uploads_(uploads), thread_(uploads.thread()) {}
    ~BlobExchange();
    BlobExchange(const BlobExchange&) = delete;
    BlobExchange& operator=(const BlobExchange&) = delete;

    static bool is_for(std::string_view target);

    /// What the header says: a refusal, or that the body is to come.
    HttpHandler::Admission admit(const HttpRequest& request, WallTime now);
    /// Writes a piece of the body to disk; false if it cannot.
    Task<bool> take_body(std::string piece);
    /// Once the body is whole, or cut.
    Task<HttpResponse> answer(const HttpRequest& request);

private:
    enum class Operation : std::uint8_t { put_blob, put_block, put_block_list };

    Result<> read_target(std::string_view target, WallTime now);
    Task<Result<>> begin();
    Task<Result<>> finish(const HttpRequest& request);

    Uploads& uploads_;
    const std::shared_ptr<FileThread>
        thread_;  ///< A request that is cut off at the end outlives the uploads.
    Operation operation_ = Operation::put_blob;
    std::optional<Upload> upload_;
    std::string block_id_;  ///< Bound: FileLimits::block_id_bytes_max
    bool is_new_ = false;   ///< The file must not be there.
    std::shared_ptr<FilePart> part_;
    Result<> outcome_;
    bool has_begun_ = false;
};

/// The ids of a block list, in their order. Fails with `argument_invalid`.
Result<std::vector<std::string>> parse_block_list(std::string_view xml);

}  // namespace carillon::rest
