#pragma once

#include "base/clock.hpp"
#include "base/task.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::rest {

/// Sizes and waits of one HTTP connection. Ours: RFC 9112 leaves them to the server. A request that is
/// being answered has no limit here, as a direct method may take ten minutes.
struct HttpLimits {
    static constexpr std::size_t header_bytes_max = 16 * 1024;        ///< Request line and fields; then 431.
    static constexpr std::size_t fields_max = 100;                    ///< Header fields; then 431.
    static constexpr std::size_t chunk_framing_bytes_max = 8 * 1024;  ///< Chunk lines and trailers; then 413.
    static constexpr std::size_t body_bytes_default_max = 256 * 1024;
    static constexpr std::size_t body_bytes_jobs_max = 8 * 1024 * 1024;  ///< 100,000 device ids fit.
    static constexpr std::size_t body_bytes_bulk_max = 8 * 1024 * 1024;  ///< 100 whole twins fit.
    /// Room for a message or a batch of 256 KB and to tell it from one that is larger.
    static constexpr std::size_t body_bytes_events_max = 320 * 1024;
    /// Bodies up to this size are read even when the request is refused by its header, so that the
    /// connection may go on; a larger one ends it.
    static constexpr std::size_t body_bytes_drained_max = 64 * 1024;
    static constexpr std::size_t waiting_bytes_max = 64 * 1024;  ///< Pipelined input; then reading stops.
    /// An answer is handed to the channel in pieces, the next when the one before has left.
    static constexpr std::size_t piece_bytes_max = 64 * 1024;
    /// Both for a peer that has not proved who it is. With a header, its body and what one read brings
    /// (`ChannelLimits::unauthenticated_read_max`) they stay below 64 KB.
    static constexpr std::size_t stranger_waiting_bytes_max = 4 * 1024;
    static constexpr std::size_t stranger_piece_bytes_max = 8 * 1024;
    /// What an answer made piece by piece (`BodySource`) gathers before it is sent in chunks.
    static constexpr std::size_t gathered_bytes_max = 256 * 1024;
    static constexpr int idle_timeout_s = 120;  ///< Between requests.
    /// A request of which less than this comes in such a time is cut: 1 KB a second.
    static constexpr std::chrono::seconds slow_window{10};
    static constexpr std::size_t slow_window_bytes_min = 10 * 1024;
    static constexpr int request_timeout_s = 60;  ///< From a request's first byte to its last.
};

struct HttpField {
    std::string_view name;
    std::string_view value;
};

/// A request as read from the wire. The views point into memory the parser keeps until its `reset`.
struct HttpRequest {
    std::string_view method;
    std::string_view target;  ///< Path and query, still encoded; begins with `/`.
    /// Host, and perhaps a port, of a target in absolute form, which then count instead of the Host field;
    /// else empty. RFC 9112 §3.2.2.
    std::string_view authority;
    std::vector<HttpField> fields;
    std::string body;
    bool keeps_alive = true;
    bool is_http_1_0 = false;  ///< The client knows no chunks.
    bool expects_continue = false;
    /// `Content-Length`, if there is one.
    std::optional<std::uint64_t> content_length;
    bool is_chunked = false;

    bool has_length() const { return content_length.has_value() || is_chunked; }
    /// The first field of this name (any case), or nothing.
    std::optional<std::string_view> find(std::string_view name) const;
};

class ResponseStream;  // http_connection.hpp

/// A body that is made while it is sent, for an answer that would be too large to keep for a slow peer.
class BodySource {
public:
    virtual ~BodySource() = default;
    /// The next piece, some kilobytes where it can be; an empty one at the end. Called again when the
    /// one before has left, one call at a time; what its request was is still there.
    virtual Task<std::string> next() = 0;
};

/// How the end of a body of unknown length is told: by an empty chunk, or by the end of the connection,
/// which is what HTTP/1.0 knows. RFC 9112 §6.3 and §7.1.
enum class BodyFraming : std::uint8_t { chunked, until_close };

/// An answer before it becomes bytes.
struct HttpResponse {
    int status = 200;
    std::string fields;  ///< Further header lines, each ended by CR LF.
    std::string body;    ///< An empty one is sent without a content type.
    /// In place of `body`, without a copy: what lives as long as the program.
    std::string_view shared_body;
    /// In place of both. Sent with a length if it is short, else in chunks.
    std::shared_ptr<BodySource> source;
    std::string_view content_type = "application/json; charset=utf-8";  ///< Of a body; a literal.
    bool closes = false;  ///< End the connection after this answer.
    /// Keep it back for so long, and close then: the answer to a login that failed.
    Duration wait{};
    /// Sends the body, piece by piece, for as long as it likes; then `body` is empty and the content type
    /// among the fields.
    std::shared_ptr<ResponseStream> stream;

    /// Adds a header line; neither part may come from a peer unchecked.
    HttpResponse& add(std::string_view name, std::string_view value);
    std::string_view content() const { return shared_body.empty() ? std::string_view(body) : shared_body; }
};

/// The standard phrase for a status, such as `Not Found`.
std::string_view reason_phrase(int status);

/// Appends the header of an answer whose body is its `content`. `date` is the value of the Date header.
void append_head(std::string& out, const HttpResponse& response, std::string_view date);
/// False for an answer that has no body, nor a length of one. RFC 9110 §8.6 and §15.4.5.
bool may_have_body(const HttpResponse& response);
/// Appends the header of an answer whose body comes from a `BodySource`.
void append_sourced_head(std::string& out, const HttpResponse& response, std::string_view date,
                         BodyFraming framing);

/// Appends the header of an answer whose body follows piece by piece and is the connection's last.
void append_stream_head(std::string& out, const HttpResponse& response, std::string_view date,
                        BodyFraming framing);
/// Appends a piece of such a body, which is not empty.
void append_piece(std::string& out, std::string_view piece, BodyFraming framing);
/// What is sent behind the last piece.
constexpr std::string_view end_of_body(BodyFraming framing) {
    return framing == BodyFraming::chunked ? "0\r\n\r\n" : "";
}

/// `Tue, 24 Nov 2026 10:00:00 GMT`, RFC 9110 §5.6.7.
std::string http_date(std::int64_t unix_s);

}  // namespace carillon::rest
