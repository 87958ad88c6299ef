#pragma once

#include "base/result.hpp"
#include "model/message.hpp"
#include "model/twin.hpp"
#include "query/query.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::query {

/// A condition on messages of devices, parsed and bound; immutable. It may name parts of the message and of
/// the twin of its sender, and call the functions of twin queries. Source: IoT Hub docs, "IoT Hub message
/// routing query syntax".
class MessageCondition {
public:
    static constexpr std::size_t text_bytes_max = QueryLimits::statement_bytes_max;

    MessageCondition() = default;  ///< Keeps every message.
    /// `*`, `true` or an expression. Fails with `argument_invalid`, the detail being `Line 1:8 <reason>`.
    static Result<MessageCondition> parse(std::string_view text);

    bool reads_twin() const { return reads_twin_; }
    /// Whether the condition is exactly true. Without `twin` what it says of the twin is undefined. What is
    /// over the meter's limits is not kept, but `overdrawn`.
    bool keeps(const Message& message, const Document* twin, Meter& meter) const;

private:
    std::shared_ptr<const Expr> expr_;  ///< Null if it is always true.
    bool reads_twin_ = false;
};

/// A value to put beside a message: a text, or what a path `$twin.…` names in the twin of its sender.
/// Source: IoT Hub docs, "Message enrichments for device-to-cloud IoT Hub messages".
class MessageValue {
public:
    /// Fails with `argument_invalid` for a path that names neither tags nor properties.
    static Result<MessageValue> parse(std::string_view text);

    bool reads_twin() const { return path_ != nullptr; }
    /// A string's text, or the JSON of another value; nothing if there is none. Ours: the service then sets
    /// the path itself.
    std::optional<std::string> text(const Document* twin) const;

private:
    std::string text_;
    std::shared_ptr<const Path> path_;  ///< Null for a text.
};

}  // namespace carillon::query
