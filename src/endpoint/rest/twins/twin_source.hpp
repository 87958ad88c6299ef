#pragma once

#include "endpoint/rest/http/http_message.hpp"
#include "model/pieces/twin_text.hpp"

#include <string>
#include <utility>

namespace carillon::rest {

/// A twin that is written as it is read, as it may take megabytes, between what stands before and behind it.
class TwinSource final : public BodySource {
public:
    /// A piece ends behind the value that reaches this.
    static constexpr std::size_t piece_bytes = 32 * 1024;

    explicit TwinSource(TwinText text, std::string before = {}, std::string behind = {})
        : text_(std::move(text)), before_(std::move(before)), behind_(std::move(behind)) {}

    Task<std::string> next() override {
        std::string piece = std::exchange(before_, {});
        if (!text_.append(piece, piece_bytes)) piece += std::exchange(behind_, {});
        co_return piece;
    }

private:
    TwinText text_;
    std::string before_;  ///< Bound: fixed.
    std::string behind_;  ///< Bound: fixed.
};

}  // namespace carillon::rest
