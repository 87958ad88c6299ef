#include "query/doubts.hpp"

#include "query/names.hpp"
#include "query/parser.hpp"

#include <algorithm>

namespace carillon::query {
namespace {

using ConstantKind = Constant::Kind;

std::string text_of(const std::vector<Segment>& segments) {
    std::string text;
    for (const Segment& segment : segments) {
        if (segment.index) {
            text += '[' + std::to_string(*segment.index) + ']';
        } else {
            text += (text.empty() ? "" : ".") + segment.name;
        }
    }
    return text;
}

/// The type that a system property always has; undefined for what users name, which may have any.
ConstantKind type_of(Field field) {
    switch (field) {
        case Field::device_id:
        case Field::module_id:
        case Field::status:
        case Field::status_reason:
        case Field::status_update_time:
        case Field::connection_state:
        case Field::last_activity_time:
        case Field::etag:
        case Field::device_etag:
        case Field::authentication_type:
        case Field::model_id:
        case Field::device_scope:
            return ConstantKind::string;
        case Field::c2d_count:
        case Field::version:
        case Field::desired_version:
        case Field::reported_version:
            return ConstantKind::number;
        case Field::iot_edge:
            return ConstantKind::boolean;
        default:
            return ConstantKind::undefined;
    }
}

std::string_view name_of(ConstantKind kind) {
    if (kind == ConstantKind::string) return "a text";
    if (kind == ConstantKind::number) return "a number";
    return "true or false";
}

class Doubts {
public:
    explicit Doubts(const FromClause& from) : from_(from) {}

    void visit(const Syntax& syntax) {
        if (syntax.kind == Syntax::Kind::path && field_of(syntax) == Field::unknown) {
            const std::string name = text_of(syntax.segments);
            add("`" + name + "` names nothing that a device has; a text stands in quotes ('" + name +
                "'), a tag behind tags.");
        }
        if (syntax.kind == Syntax::Kind::compare && syntax.compare != Compare::not_equal) {
            look_at_types(*syntax.children[0], *syntax.children[1]);
            look_at_types(*syntax.children[1], *syntax.children[0]);
        }
        if (syntax.kind == Syntax::Kind::in && !syntax.is_negated && syntax.children.size() == 1) {
            look_at_types(*syntax.children[0], syntax);
        }
        for (const auto& child : syntax.children) visit(*child);
    }
    std::vector<std::string> told() && { return std::move(told_); }

private:
    Field field_of(const Syntax& path) const { return resolve_path(path.segments, from_)->field; }

    /// `with` is a literal, or holds a list of them.
    void look_at_types(const Syntax& path, const Syntax& with) {
        const bool has_literals = with.kind == Syntax::Kind::constant || with.kind == Syntax::Kind::in;
        if (path.kind != Syntax::Kind::path || !has_literals) return;
        const ConstantKind type = type_of(field_of(path));
        auto may_be = [type](const Constant& constant) {
            return constant.kind == type || constant.kind == ConstantKind::null;
        };
        if (type == ConstantKind::undefined || with.constants.empty() ||
            std::any_of(with.constants.begin(), with.constants.end(), may_be)) {
            return;
        }
        const std::string name = text_of(path.segments);
        add("`" + name + "` is " + std::string(name_of(type)) +
            " and is compared with something else: that never holds");
    }
    void add(std::string text) {
        if (told_.size() < doubts_max && std::find(told_.begin(), told_.end(), text) == told_.end()) {
            told_.push_back(std::move(text));
        }
    }

    const FromClause& from_;
    std::vector<std::string> told_;
};

}  // namespace

std::vector<std::string> doubts_of(std::string_view job_condition) {
    if (job_condition.size() > QueryLimits::statement_bytes_max) return {};
    Parser parser(job_condition);
    const Statement statement = parser.parse_job_condition();
    if (parser.fault() || !statement.where) return {};
    Doubts doubts(statement.from);
    doubts.visit(*statement.where);
    return std::move(doubts).told();
}

}  // namespace carillon::query
