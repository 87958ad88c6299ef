#pragma once

#include "base/bytes.hpp"
#include "base/errc.hpp"
#include "endpoint/rest/http/http_message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::rest {

/// Reads HTTP/1.1 requests from bytes, one at a time: no socket, no clock. Takes a header apart by
/// Boost.Beast's grammar, and refuses beforehand what two readers could take for different requests:
/// a bare CR or LF, folded fields, control characters, more than one length, a length beside
/// chunks, a target that is neither a path nor an `https` URL. Chunks are read here, as Beast 1.81 bounds
/// neither their extensions nor the trailers, and asserts what a peer can break ("0 CR LF CR" alone). Source:
/// RFC 9112 §2.2, §3, §5.2, §6, §7.1.
class HttpParser {
public:
    enum class State {
        head,  ///< Wants the rest of the header.
        body,  ///< The header is complete and the body is not: ask `request`, set the body's limit, go on.
        complete,  ///< The request is whole; `reset` before the next.
        failed,    ///< `failure` says why; nothing more can be read from this peer.
    };

    HttpParser();
    ~HttpParser();
    HttpParser(const HttpParser&) = delete;
    HttpParser& operator=(const HttpParser&) = delete;

    /// Reads from the front of `input` and returns how many bytes are done with; the caller offers the
    /// rest again, more of it or not, at the latest when more has come. Stops when the header is
    /// complete, even if the body is there.
    std::size_t read(Bytes input);
    /// The largest body to take; a declared or a summed-up length above it fails with 413.
    void set_body_max(std::size_t bytes);
    /// Reads past the body, of at most `bytes`, and keeps none of it.
    void skip_body(std::size_t bytes);
    /// What of the body has been read since the last call; it is in the request no more.
    std::string take_body() { return std::exchange(request_.body, std::string()); }
    /// Ready for the next request; forgets this one, whose memory is used again.
    void reset();

    /// True if a request may begin with `c`; what stands behind a body and does not was cut off it.
    static bool may_begin(char c);

    State state() const { return state_; }
    /// True before the first byte of a request.
    bool is_idle() const;
    /// Meaningful once the state is no longer `head`.
    const HttpRequest& request() const { return request_; }

    /// The error to answer with: its status is 400, 413, 431, 501 or 505.
    Errc failure() const { return failure_; }
    std::string_view failure_text() const { return failure_text_; }

private:
    enum class ChunkStep { size, data, data_end, trailers };

    std::size_t read_head(Bytes input);
    std::size_t read_body(std::string_view input);
    std::size_t read_chunks(std::string_view input);
    /// Walks newly arrived header bytes; true at the end of the header, which is then `head_end_`.
    bool scan_head(std::string_view input);
    void take_head(std::string_view head);
    void take_target();
    void check_fields();
    void check_length(std::size_t hosts, std::size_t lengths, std::size_t codings, bool is_http11);
    /// The chunk line or trailer at the front of `input` without its CR LF; nothing if it is not whole
    /// yet or was refused.
    std::optional<std::string_view> chunk_line(std::string_view input);
    void take_chunk_size(std::string_view line);
    void refuse(Errc code, std::string_view text);

    State state_ = State::head;
    Errc failure_ = Errc::generic_bad_request;
    std::string_view failure_text_;
    HttpRequest request_;
    /// The header's bytes; the request's views point here. Bound: HttpLimits::header_bytes_max.
    std::string head_;
    std::size_t scanned_ = 0;  ///< Bytes of the header looked at so far.
    std::size_t line_start_ = 0;
    std::size_t head_end_ = 0;
    std::size_t body_bytes_max_ = HttpLimits::body_bytes_default_max;
    std::uint64_t body_bytes_ = 0;  ///< Of the body, read so far.
    bool skips_body_ = false;
    ChunkStep chunk_step_ = ChunkStep::size;
    std::uint64_t chunk_left_ = 0;   ///< Bytes of the current chunk still to come.
    std::size_t framing_bytes_ = 0;  ///< Chunk lines and trailers consumed.
    bool skipped_empty_line_ = false;
};

}  // namespace carillon::rest
