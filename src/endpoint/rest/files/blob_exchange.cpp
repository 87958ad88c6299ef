#include "endpoint/rest/files/blob_exchange.hpp"

#include "base/text.hpp"
#include "core/messages/files/file_name.hpp"
#include "endpoint/rest/request.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon::rest {

namespace {

/// Of the storage service, as clients have it in each request.
constexpr std::string_view storage_version = "2020-02-10";

HttpResponse storage_error(int status, std::string_view code, std::string_view text) {
    HttpResponse response;
    response.status = status;
    response.content_type = "application/xml";
    response.add("x-ms-error-code", code);
    response.add("x-ms-version", storage_version);
    response.body = fmt::format(
        "\xEF\xBB\xBF<?xml version=\"1.0\" "
        "encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
        code, text);
    return response;
}

HttpResponse not_authenticated() {
    return storage_error(403, "AuthenticationFailed",
                         "The address is not one that the hub has given away, or its time is over.");
}

HttpResponse failed(const Error& error) {
    switch (error.code) {
        case Errc::iot_hub_quota_exceeded:
            return storage_error(403, "QuotaExceeded", error.detail);
        case Errc::argument_invalid:
            return storage_error(400, "InvalidInput", error.detail);
        case Errc::iot_hub_unauthorized_access:
            return not_authenticated();
        case Errc::device_already_exists:
            return storage_error(409, "BlobAlreadyExists", "The specified blob already exists.");
        default:
            return storage_error(503, "ServerBusy", "The file cannot be written at the moment.");
    }
}

/// An id of the client's that may be sent back to it. Source: Azure Storage docs, "Troubleshooting API
/// operations".
bool is_shown(std::string_view id) {
    constexpr std::size_t bytes_max = 128;
    return id.size() <= bytes_max &&
           std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

/// What stands between `open` and `close`, from `at` on; moves `at` behind that.
std::optional<std::string_view> between(std::string_view text, std::size_t& at, std::string_view open,
                                        std::string_view close) {
    if (text.substr(at, open.size()) != open) return std::nullopt;
    const std::size_t begin = at + open.size();
    const std::size_t end = text.find(close, begin);
    if (end == std::string_view::npos) return std::nullopt;
    at = end + close.size();
    return text.substr(begin, end - begin);
}

}  // namespace

BlobExchange::~BlobExchange() {
    // Where the part was written; or here, once nobody writes any more.
    if (part_) thread_->run([part = std::move(part_)]() mutable { part.reset(); });
}

std::string upload_token(const Uploads& uploads, const Upload& upload) {
    return fmt::format("?sv={}&sr=b&sp=cw&se={}&cid={}&sig={}", storage_version,
                       percent_encode(to_iso8601(upload.expires)), upload.id,
                       percent_encode(uploads.signature(upload)));
}

bool BlobExchange::is_for(std::string_view target) {
    return target.size() > file_container.size() + 1 && target.front() == '/' &&
           target.substr(1, file_container.size()) == file_container &&
           target[file_container.size() + 1] == '/';
}

/// Who the address was made for. It is believed for its signature; whether the upload is still under way is
/// looked up with its first byte.
Result<> BlobExchange::read_target(std::string_view target, WallTime now) {
    const auto refused = fail(Errc::iot_hub_unauthorized_access);
    target = target.substr(0, target.find('#'));
    const std::size_t question = target.find('?');
    if (question == std::string_view::npos) return refused;
    const auto path =
        percent_decode(target.substr(file_container.size() + 2, question - file_container.size() - 2));
    const std::string_view query = target.substr(question + 1);
    const std::size_t slash = path ? path->find('/') : std::string::npos;
    if (slash == std::string::npos) return refused;
    auto device = DeviceId::parse(path->substr(0, slash));
    const auto expires = parse_iso8601(find_parameter(query, "se").value_or(""));
    const auto id = find_parameter(query, "cid");
    const auto signature = find_parameter(query, "sig");
    if (!device || !expires || !id || !signature || *expires <= now) return refused;
    Upload upload{*id, *std::move(device), path->substr(slash + 1), *expires};
    if (!check_file_name(upload.name)) return refused;
    if (!equals_in_constant_time(*signature, uploads_.signature(upload))) return refused;
    upload_ = std::move(upload);

    const auto comp = find_parameter(query, "comp");
    if (!comp) return {};
    if (*comp == "blocklist") {
        operation_ = Operation::put_block_list;
        return {};
    }
    if (*comp != "block")
        return fail(Errc::argument_invalid, "Only Put Blob, Put Block and Put Block List are offered.");
    operation_ = Operation::put_block;
    const auto block = base64_decode(find_parameter(query, "blockid").value_or(""));
    if (!block || block->empty() || block->size() > FileLimits::block_id_bytes_max) {
        return fail(Errc::argument_invalid, "blockid must be base64 of 1 to 64 bytes.");
    }
    block_id_ = *block;
    return {};
}

HttpHandler::Admission BlobExchange::admit(const HttpRequest& request, WallTime now) {
    HttpHandler::Admission admission;
    if (auto read = read_target(request.target, now); !read) {
        admission.refusal = failed(read.error());
        return admission;
    }
    admission.is_authenticated = true;
    if (request.method != "PUT") {
        admission.refusal = storage_error(405, "UnsupportedHttpVerb", "Only PUT is offered.");
        return admission;
    }
    if (!request.has_length()) {
        admission.refusal = storage_error(411, "MissingContentLengthHeader", "A Content-Length is required.");
        return admission;
    }
    const auto type = request.find("x-ms-blob-type");
    if (operation_ == Operation::put_blob && (!type || !equals_ignoring_case(*type, "BlockBlob"))) {
        admission.refusal = storage_error(400, "InvalidHeaderValue", "x-ms-blob-type must be BlockBlob.");
        return admission;
    }
    is_new_ = request.find("if-none-match").value_or("") == "*";
    admission.is_streamed = operation_ != Operation::put_block_list;
    const std::uint64_t bytes_max = admission.is_streamed ? uploads_.limits().file_bytes_max
                                                          : std::uint64_t{FileLimits::block_list_bytes_max};
    admission.body_bytes_max = static_cast<std::size_t>(bytes_max);
    if (request.content_length.value_or(0) > bytes_max) {
        admission.refusal =
            storage_error(413, "RequestBodyTooLarge", "The file is larger than the hub takes.");
    }
    return admission;
}

Task<Result<>> BlobExchange::begin() {
    has_begun_ = true;
    auto finding = uploads_.find(upload_->id);
    if (!co_await std::move(finding)) co_return fail(Errc::iot_hub_unauthorized_access);
    if (operation_ == Operation::put_block_list) co_return Result<>{};
    using Begun = Result<std::shared_ptr<FilePart>>;
    std::function<Begun(FileStore&)> work = [upload = *upload_, id = block_id_, is_new = is_new_,
                                             operation = operation_](FileStore& store) -> Begun {
        if (operation == Operation::put_block) return store.begin_block(upload.id, upload.device, id);
        if (is_new && store.find(upload.id, upload.device, upload.name))
            return fail(Errc::device_already_exists);
        return store.begin_file(upload.id, upload.device, upload.name);
    };
    auto beginning = uploads_.on_files(std::move(work));
    auto part = co_await std::move(beginning);
    if (!part) co_return fail(std::move(part).error());
    part_ = *std::move(part);
    co_return Result<>{};
}

Task<bool> BlobExchange::take_body(std::string piece) {
    if (!has_begun_) {
        auto beginning = begin();
        outcome_ = co_await std::move(beginning);
    }
    if (!outcome_) co_return false;
    std::function<Result<>(FileStore&)> work = [part = part_, bytes = std::move(piece)](FileStore&) {
        return part->write(bytes);
    };
    auto writing = uploads_.on_files(std::move(work));
    outcome_ = co_await std::move(writing);
    co_return outcome_.has_value();
}

Task<Result<>> BlobExchange::finish(const HttpRequest& request) {
    if (!has_begun_) {
        auto beginning = begin();
        outcome_ = co_await std::move(beginning);
    }
    if (!outcome_) co_return outcome_;
    std::function<Result<>(FileStore&)> work;
    if (operation_ == Operation::put_block_list) {
        auto blocks = parse_block_list(request.body);
        if (!blocks) co_return fail(std::move(blocks).error());
        work = [upload = *upload_, ids = *std::move(blocks), is_new = is_new_](FileStore& store) -> Result<> {
            if (is_new && store.find(upload.id, upload.device, upload.name))
                return fail(Errc::device_already_exists);
            return store.join(upload.id, upload.device, upload.name, ids);
        };
    } else {
        work = [part = part_](FileStore&) { return part->finish(); };
    }
    auto working = uploads_.on_files(std::move(work));
    co_return co_await std::move(working);
}

Task<HttpResponse> BlobExchange::answer(const HttpRequest& request) {
    auto finishing = finish(request);
    const auto finished = co_await std::move(finishing);
    // A part that was not finished is removed on its own thread.
    std::function<std::optional<FileStore::Info>(FileStore&)> look =
        [upload = *upload_, part = std::move(part_)](FileStore& store) {
            return store.find(upload.id, upload.device, upload.name);
        };
    auto looking = uploads_.on_files(std::move(look));
    const auto file = co_await std::move(looking);
    if (!finished) co_return failed(finished.error());
    HttpResponse response;
    response.status = 201;
    response.add("x-ms-version", storage_version);
    response.add("x-ms-request-server-encrypted", "false");
    if (const auto id = request.find("x-ms-client-request-id"); id && is_shown(*id)) {
        response.add("x-ms-client-request-id", *id);
    }
    if (operation_ != Operation::put_block && file) {
        response.add("ETag", file->etag);
        response.add("Last-Modified", http_date(file->modified.unix_s()));
    }
    co_return response;
}

Result<std::vector<std::string>> parse_block_list(std::string_view xml) {
    const auto malformed = fail(Errc::argument_invalid, "The block list is malformed.");
    const std::size_t open = xml.find("<BlockList>");
    const std::size_t close = xml.rfind("</BlockList>");
    const bool is_empty = xml.find("<BlockList/>") != std::string_view::npos ||
                          xml.find("<BlockList />") != std::string_view::npos;
    if (is_empty) return std::vector<std::string>();
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return malformed;
    const std::string_view list = xml.substr(0, close);
    std::vector<std::string> ids;
    std::size_t at = open + std::string_view("<BlockList>").size();
    while (true) {
        at = std::min(list.find_first_not_of(" \t\r\n", at), list.size());
        if (at == list.size()) return ids;
        std::optional<std::string_view> text;
        for (const std::string_view word : {"Latest", "Uncommitted", "Committed"}) {
            text = between(list, at, fmt::format("<{}>", word), fmt::format("</{}>", word));
            if (text) break;
        }
        const auto id = text ? base64_decode(trimmed(*text)) : std::nullopt;
        if (!id || id->empty() || id->size() > FileLimits::block_id_bytes_max) return malformed;
        ids.push_back(*id);
    }
}

}  // namespace carillon::rest
