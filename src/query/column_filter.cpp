#include "query/column_filter.hpp"

#include <algorithm>
#include <utility>

namespace carillon::query {
namespace {

constexpr std::uint64_t all_rows = ~std::uint64_t{0};

/// Finds the one path an expression reads, if it reads no other and nothing that a column lacks.
class PathFinder {
public:
    void visit(const Expr& expr) {
        if (expr.kind == Expr::Kind::call && expr.function == Function::array_contains) is_open_ = true;
        if (expr.kind == Expr::Kind::path && expr.path->field != Field::unknown) {
            if (!path_) path_ = expr.path;
            if (!is_columnar(*expr.path) || !path_->same_as(*expr.path)) is_open_ = true;
        }
        for (const Expr& child : expr.children) visit(child);
    }
    bool is_open() const { return is_open_; }
    const std::shared_ptr<const Path>& path() const { return path_; }

private:
    std::shared_ptr<const Path> path_;
    bool is_open_ = false;
};

/// Nothing if finding out takes more than a row may.
std::optional<bool> holds_for(const Expr& expr, bool is_negated, const Value& value, Meter& meter) {
    Scratch scratch(meter.limits);
    const Truth truth = evaluate_truth(expr, Row(value), scratch);
    if (!scratch.settle(meter)) return std::nullopt;
    return truth == (is_negated ? Truth::no : Truth::yes);
}

bool is_path(const Expr& expr) {
    return expr.kind == Expr::Kind::path;
}

bool is_literal(const Expr& expr) {
    return expr.kind == Expr::Kind::constant && !expr.is_array;
}

/// A path whose strings are instants, which equal more than one text.
bool has_instants(const Path& path) {
    return path.field == Field::status_update_time || path.metadata_part == MetadataPart::last_updated;
}

}  // namespace

// --- the plan ------------------------------------------------------------------------------------

ColumnPlan::ColumnPlan(const Condition& where) : where_(where.expression()) {
    root_ = where_ ? compile(*where_, false) : Node(Node::Kind::and_);
}

ColumnPlan::Node ColumnPlan::compile(const Expr& expr, bool is_negated) {
    if (expr.kind == Expr::Kind::not_) return compile(expr.children[0], !is_negated);
    if (expr.kind != Expr::Kind::and_ && expr.kind != Expr::Kind::or_) return compile_leaf(expr, is_negated);
    Node node;
    // NOT (a AND b) is NOT a OR NOT b, undefined or not.
    node.kind = (expr.kind == Expr::Kind::and_) != is_negated ? Node::Kind::and_ : Node::Kind::or_;
    for (const Expr& child : expr.children) node.children.push_back(compile(child, is_negated));
    return node;
}

ColumnPlan::Node ColumnPlan::compile_leaf(const Expr& expr, bool is_negated) {
    PathFinder finder;
    finder.visit(expr);
    if (finder.is_open()) return Node();
    if (!finder.path()) {
        // The same for every row: all, or an OR of nothing.
        Meter meter;
        const auto holds = holds_for(expr, is_negated, Value{}, meter);
        if (!holds) return Node();
        return Node(*holds ? Node::Kind::and_ : Node::Kind::or_);
    }
    auto same = [&](const auto& path) { return path->same_as(*finder.path()); };
    const auto known = std::find_if(paths_.begin(), paths_.end(), same);
    const auto number = static_cast<std::size_t>(known - paths_.begin());
    if (known == paths_.end()) paths_.push_back(finder.path());
    Node leaf(Node::Kind::leaf);
    leaf.is_negated = is_negated;
    leaf.expr = &expr;
    leaf.path = number;
    return leaf;
}

bool ColumnPlan::is_selective(const Node& node) {
    const auto& children = node.children;
    auto selects = [](const Node& child) { return is_selective(child); };
    if (node.kind == Node::Kind::and_) return std::any_of(children.begin(), children.end(), selects);
    if (node.kind == Node::Kind::or_) return std::all_of(children.begin(), children.end(), selects);
    return node.kind == Node::Kind::leaf;
}

bool ColumnPlan::is_exact(const Node& node) {
    return node.kind != Node::Kind::open && std::all_of(node.children.begin(), node.children.end(),
                                                        [](const Node& child) { return is_exact(child); });
}

// --- the filter ----------------------------------------------------------------------------------

ColumnFilter::ColumnFilter(const ColumnPlan& plan, std::vector<const Column*> columns)
    : root_(bind(plan.root_, columns)) {
    is_selective_ =
        root_.kind != Node::Kind::open && !(root_.kind == Node::Kind::and_ && root_.children.empty());
}

ColumnFilter::Step ColumnFilter::bind(const Node& node, const std::vector<const Column*>& columns) {
    Step step(node.kind);
    if (node.kind == Node::Kind::leaf) {
        const Column* const column = columns[node.path];
        if (column != nullptr && column->ids_end() <= table_bytes_max - table_bytes_) {
            table_bytes_ += column->ids_end();
            step.leaf = leaves_.size();
            leaves_.push_back(Leaf{&node, column, {}});
        } else {
            step.kind = Node::Kind::open;
        }
    }
    if (step.kind == Node::Kind::open) is_exact_ = false;
    for (const Node& child : node.children) {
        Step bound = bind(child, columns);
        if (bound.kind != Node::Kind::open) {
            step.children.push_back(std::move(bound));
        } else if (node.kind == Node::Kind::or_) {
            return bound;  // one that may hold for any row makes the others pointless
        }
    }
    const bool was_narrowed = node.kind == Node::Kind::and_ && !node.children.empty();
    if (was_narrowed && step.children.empty()) step.kind = Node::Kind::open;
    return step;
}

bool ColumnFilter::prepare(Meter& meter) {
    std::size_t left = values_a_step;
    const std::uint64_t enough = meter.steps + steps_a_step;
    for (Leaf& leaf : leaves_) {
        const std::size_t end = leaf.column->ids_end();
        if (leaf.table.size() == end || fill_by_look_up(leaf)) continue;
        const std::size_t to = std::min(end, leaf.table.size() + left);
        left -= to - leaf.table.size();
        while (leaf.table.size() < to && meter.steps < enough) extend(leaf, meter);
        if (leaf.table.size() < end) return false;
    }
    return true;
}

/// The few values that equal a literal, or one of a list, are found by their hash. Not if they are
/// numbers for all strings that name one instant.
bool ColumnFilter::fill_by_look_up(Leaf& leaf) {
    const Expr& expr = *leaf.node->expr;
    if (leaf.node->is_negated || has_instants(*leaf.column->path())) return false;
    std::vector<std::uint8_t>& table = leaf.table;
    auto mark = [&](const Value& value) {
        if (const ValueId id = leaf.column->find(value); id != 0) table[id] = 1;
    };
    auto mark_number = [&](double number) {
        mark(Value::of(number));
        if (number == 0) mark(Value::of(-number));
    };
    if (expr.kind == Expr::Kind::compare && expr.compare == Compare::equal) {
        const bool is_path_first = is_path(expr.children[0]);
        const Expr& literal = expr.children[is_path_first ? 1 : 0];
        if (!is_literal(literal) || !is_path(expr.children[is_path_first ? 0 : 1])) return false;
        table.resize(leaf.column->ids_end());
        if (literal.constant.kind == Constant::Kind::number) {
            mark_number(literal.constant.number);
        } else {
            mark(constant_value(literal));
        }
        return true;
    }
    if (expr.kind != Expr::Kind::in || expr.is_negated || expr.children.size() > 1 ||
        !is_path(expr.children[0])) {
        return false;
    }
    table.resize(leaf.column->ids_end());
    for (const std::string& text : expr.set->strings) mark(Value::of(std::string_view(text)));
    for (const double number : expr.set->numbers) mark_number(number);
    if (expr.set->has_null) mark(Value{.kind = Value::Kind::null});
    if (expr.set->has_true) mark(Value::of(true));
    if (expr.set->has_false) mark(Value::of(false));
    return true;
}

/// Asks about the next value. One that is too much for the limits may hold: its rows are evaluated.
void ColumnFilter::extend(Leaf& leaf, Meter& meter) {
    const Value value = leaf.column->value(static_cast<ValueId>(leaf.table.size()));
    const auto holds = holds_for(*leaf.node->expr, leaf.node->is_negated, value, meter);
    if (!holds) is_exact_ = false;
    leaf.table.push_back(holds.value_or(true) ? 1 : 0);
}

bool ColumnFilter::can_hold(const Step& step, std::uint32_t row) const {
    auto holds = [this, row](const Step& child) { return can_hold(child, row); };
    switch (step.kind) {
        case Node::Kind::leaf:
            return leaves_[step.leaf].table[leaves_[step.leaf].column->at(row)] != 0;
        case Node::Kind::and_:
            return std::all_of(step.children.begin(), step.children.end(), holds);
        case Node::Kind::or_:
            return std::any_of(step.children.begin(), step.children.end(), holds);
        case Node::Kind::open:
            break;
    }
    return true;
}

std::uint64_t ColumnFilter::word(std::size_t index) const {
    return word(root_, index);
}

std::uint64_t ColumnFilter::word(const Step& step, std::size_t index) const {
    std::uint64_t rows = 0;
    switch (step.kind) {
        case Node::Kind::leaf:
            return leaves_[step.leaf].column->word(index, leaves_[step.leaf].table);
        case Node::Kind::and_:
            rows = all_rows;
            for (std::size_t i = 0; i < step.children.size() && rows != 0; ++i) {
                rows &= word(step.children[i], index);
            }
            return rows;
        case Node::Kind::or_:
            for (std::size_t i = 0; i < step.children.size() && rows != all_rows; ++i) {
                rows |= word(step.children[i], index);
            }
            return rows;
        case Node::Kind::open:
            break;
    }
    return all_rows;
}

}  // namespace carillon::query
