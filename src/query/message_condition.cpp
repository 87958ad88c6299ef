#include "query/message_condition.hpp"

#include "base/text.hpp"
#include "query/binder.hpp"
#include "query/fault_text.hpp"
#include "query/message_names.hpp"
#include "query/parser.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

constexpr std::string_view twin_prefix = "$twin.";

bool names_twin(const Expr& expr) {
    if (expr.kind == Expr::Kind::path) return is_of_twin(*expr.path);
    return std::any_of(expr.children.begin(), expr.children.end(), names_twin);
}

/// Calls `look` with the row that paths of the twin read.
template <class Look>
auto on_row(const Document* twin, const Look& look) {
    const Value nothing;
    if (twin == nullptr) return look(Row(nothing));
    // Paths of messages read neither the key nor the connection.
    static const IdentityKey no_key = *IdentityKey::parse("-");
    const LiveState live;
    return look(Row(*twin, no_key, live));
}

}  // namespace

Result<MessageCondition> MessageCondition::parse(std::string_view text) {
    if (text.size() > text_bytes_max) {
        return fail(Errc::argument_invalid,
                    "The condition is longer than " + std::to_string(text_bytes_max) + " characters");
    }
    if (Lexer(text).next().is(Keyword::from)) {
        return fail(Errc::argument_invalid, "A condition on messages has no FROM");
    }
    Parser parser(text);
    Statement statement = parser.parse_job_condition();
    if (auto fault = parser.fault()) return fail(Errc::argument_invalid, describe_fault(text, *fault));
    FromClause from;
    from.is_message = true;
    Binder binder(from, FunctionSet::permissive);
    MessageCondition condition;
    condition.expr_ = binder.bind_where(std::move(statement.where));
    if (binder.fault()) return fail(Errc::argument_invalid, describe_fault(text, *binder.fault()));
    condition.reads_twin_ = condition.expr_ && names_twin(*condition.expr_);
    return condition;
}

bool MessageCondition::keeps(const Message& message, const Document* twin, Meter& meter) const {
    if (!expr_) return true;
    Scratch scratch(meter.limits);
    scratch.use(message);
    const auto look = [&](const Row& row) { return holds(*expr_, row, scratch); };
    const bool kept = on_row(reads_twin_ ? twin : nullptr, look);
    return scratch.settle(meter) && kept;
}

Result<MessageValue> MessageValue::parse(std::string_view text) {
    MessageValue value;
    value.text_ = text;
    if (!equals_ignoring_case(text.substr(0, twin_prefix.size()), twin_prefix)) return value;
    std::vector<Segment> segments;
    for (const std::string_view name : split(text, '.')) segments.push_back({.name = std::string(name)});
    value.path_ = resolve_message_path(std::move(segments));
    if (is_of_twin(*value.path_)) return value;
    return fail(Errc::argument_invalid,
                "'" + value.text_ + "' is neither in $twin.tags nor in $twin.properties");
}

std::optional<std::string> MessageValue::text(const Document* twin) const {
    if (!path_) return text_;
    if (twin == nullptr) return std::nullopt;
    const auto look = [this](const Row& row) -> std::optional<std::string> {
        Scratch scratch;
        const Value value = read_path(*path_, row, scratch);
        if (value.is(Value::Kind::string)) return std::string(text_of(value, scratch));
        std::string json;
        if (!append_path_json(json, *path_, row, scratch)) return std::nullopt;
        return json;
    };
    return on_row(twin, look);
}

}  // namespace carillon::query
