#include "query/binder.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "query/names.hpp"
#include "query/value.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

Expr::Kind kind_of(Syntax::Kind kind) {
    switch (kind) {
        case Syntax::Kind::sign:
            return Expr::Kind::sign;
        case Syntax::Kind::chain:
            return Expr::Kind::chain;
        case Syntax::Kind::compare:
            return Expr::Kind::compare;
        case Syntax::Kind::not_:
            return Expr::Kind::not_;
        case Syntax::Kind::and_:
            return Expr::Kind::and_;
        case Syntax::Kind::or_:
            return Expr::Kind::or_;
        default:
            return Expr::Kind::constant;
    }
}

void append_constant(std::string& out, const Constant& constant) {
    JsonWriter json(out);
    switch (constant.kind) {
        case Constant::Kind::undefined:
        case Constant::Kind::null:
            json.null();
            break;
        case Constant::Kind::boolean:
            json.value(constant.boolean);
            break;
        case Constant::Kind::number:
            append_number_json(out, constant.number);
            break;
        case Constant::Kind::string:
            json.value(constant.text);
            break;
    }
}

bool is_job_status(const Expr& expr) {
    return expr.kind == Expr::Kind::path && expr.path->field == Field::job_status;
}

/// A filter may spell a device job's status as a job's, with two l (Ours: people mix the two up).
void respell_status(Constant& constant) {
    if (constant.text == "cancelled") constant.text = "canceled";
}

std::unique_ptr<const ConstantSet> make_set(std::vector<Constant>& constants, bool of_job_status) {
    auto set = std::make_unique<ConstantSet>();
    for (Constant& constant : constants) {
        switch (constant.kind) {
            case Constant::Kind::undefined:
                break;  // equals nothing
            case Constant::Kind::null:
                set->has_null = true;
                break;
            case Constant::Kind::boolean:
                (constant.boolean ? set->has_true : set->has_false) = true;
                break;
            case Constant::Kind::number:
                set->numbers.insert(constant.number);
                break;
            case Constant::Kind::string:
                if (of_job_status) respell_status(constant);
                if (auto instant = parse_iso8601(constant.text)) set->instants.push_back(*instant);
                set->strings.insert(std::move(constant.text));
                break;
        }
    }
    std::sort(set->instants.begin(), set->instants.end());
    return set;
}

}  // namespace

void Binder::fault_at(std::size_t offset, std::string reason) {
    if (!fault_) fault_ = Fault{.offset = offset, .reason = std::move(reason)};
}

std::shared_ptr<const Expr> Binder::bind_where(std::unique_ptr<Syntax> syntax) {
    if (!syntax) return nullptr;
    return std::make_shared<const Expr>(bind(*syntax));
}

Expr Binder::bind(Syntax& syntax) {
    switch (syntax.kind) {
        case Syntax::Kind::constant:
            return bind_constant(std::move(syntax.constants.front()));
        case Syntax::Kind::array:
            return bind_array(syntax.constants);
        case Syntax::Kind::call:
            return bind_call(syntax);
        case Syntax::Kind::in:
            return bind_in(syntax);
        case Syntax::Kind::path: {
            Expr expr;
            expr.kind = Expr::Kind::path;
            expr.path = resolve_path(std::move(syntax.segments), from_);
            return expr;
        }
        default:
            break;
    }
    Expr expr;
    expr.kind = kind_of(syntax.kind);
    expr.compare = syntax.compare;
    expr.operators = std::move(syntax.operators);
    bind_children(expr, syntax);
    if (expr.kind == Expr::Kind::compare) {
        if (is_job_status(expr.children[0])) respell_status(expr.children[1].constant);
        if (is_job_status(expr.children[1])) respell_status(expr.children[0].constant);
    }
    return expr;
}

void Binder::bind_children(Expr& expr, Syntax& syntax) {
    expr.children.reserve(syntax.children.size());
    for (auto& child : syntax.children) expr.children.push_back(bind(*child));
}

Expr Binder::bind_constant(Constant constant) const {
    Expr expr;
    expr.constant = std::move(constant);
    if (expr.constant.kind == Constant::Kind::string) expr.instant = parse_iso8601(expr.constant.text);
    return expr;
}

Expr Binder::bind_array(const std::vector<Constant>& constants) const {
    Expr expr;
    expr.is_array = true;
    std::string& json = expr.constant.text;
    json = "[";
    for (const Constant& constant : constants) {
        if (constant.kind == Constant::Kind::undefined) continue;
        if (json.size() > 1) json += ',';
        append_constant(json, constant);
    }
    json += ']';
    return expr;
}

Expr Binder::bind_call(Syntax& syntax) {
    const FunctionRow* row = find_function(syntax.name, functions_);
    if (row == nullptr) {
        fault_at(syntax.offset, "Unknown function '" + syntax.name + "'");
        return {};
    }
    const std::size_t count = syntax.children.size();
    if (count < row->arguments_min || count > row->arguments_max) {
        fault_at(syntax.offset, "Wrong number of arguments for function '" + std::string(row->name) + "'");
        return {};
    }
    // A literal array is a list to look up in, as that of IN.
    if (row->function == Function::array_contains && syntax.children[0]->kind == Syntax::Kind::array) {
        Expr expr;
        expr.kind = Expr::Kind::in;
        expr.children.push_back(bind(*syntax.children[1]));
        expr.set = make_set(syntax.children[0]->constants, false);
        return expr;
    }
    Expr expr;
    expr.kind = Expr::Kind::call;
    expr.function = row->function;
    bind_children(expr, syntax);
    return expr;
}

Expr Binder::bind_in(Syntax& syntax) {
    Expr expr;
    expr.kind = Expr::Kind::in;
    expr.is_negated = syntax.is_negated;
    bind_children(expr, syntax);
    expr.set = make_set(syntax.constants, is_job_status(expr.children[0]));
    return expr;
}

// --- the SELECT list -----------------------------------------------------------------------------

void Binder::bind_select(Statement& statement, Query& query) {
    for (PathSyntax& path : statement.group_by) {
        query.group_by.push_back(resolve_path(std::move(path.segments), from_));
    }
    for (const SelectItem& item : statement.items) {
        if (item.aggregate != Aggregate::none) query.has_aggregates = true;
    }
    if (statement.items.empty() && !query.group_by.empty()) {
        return fault_at(0, "SELECT * cannot be grouped");
    }
    if (from_.collection == Collection::jobs && (!statement.items.empty() || !query.group_by.empty())) {
        return fault_at(0, "Device jobs can only be selected whole, SELECT * FROM devices.jobs");
    }
    std::unordered_set<std::string> keys;
    for (std::size_t i = 0; i < statement.items.size(); ++i) {
        SelectItem& item = statement.items[i];
        auto projection = std::make_shared<Projection>();
        projection->aggregate = item.aggregate;
        if (!item.path.empty()) projection->path = resolve_path(std::move(item.path), from_);
        if (item.alias) {
            projection->key = std::move(*item.alias);
        } else if (item.aggregate != Aggregate::none) {
            projection->key = "$" + std::to_string(i + 1);
        } else {
            projection->key = projection->path->label;
        }
        if (!keys.insert(projection->key).second) {
            return fault_at(item.offset, "'" + projection->key + "' is selected twice, give one an alias");
        }
        bind_group(query, *projection, item.offset);
        query.projections.push_back(std::move(projection));
    }
}

/// Beside aggregates, or under GROUP BY, a plain path must be one of those grouped by.
void Binder::bind_group(const Query& query, Projection& projection, std::size_t offset) {
    if (!query.is_aggregated() || projection.aggregate != Aggregate::none) return;
    for (std::size_t i = 0; i < query.group_by.size(); ++i) {
        if (projection.path->same_as(*query.group_by[i])) {
            projection.group = i;
            return;
        }
    }
    fault_at(offset, "'" + projection.key + "' is neither aggregated nor in GROUP BY");
}

}  // namespace carillon::query
