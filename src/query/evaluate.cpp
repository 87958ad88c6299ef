#include "query/value.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cmath>

namespace carillon::query {
namespace {

Truth to_truth(const Value& value) {
    if (!value.is(Value::Kind::boolean)) return Truth::undefined;
    return value.boolean ? Truth::yes : Truth::no;
}

Truth negated(Truth truth) {
    if (truth == Truth::undefined) return truth;
    return truth == Truth::yes ? Truth::no : Truth::yes;
}

template <class T>
Truth ordered(Compare compare, const T& a, const T& b) {
    bool result = false;
    switch (compare) {
        case Compare::equal:
            result = a == b;
            break;
        case Compare::not_equal:
            result = a != b;
            break;
        case Compare::less:
            result = a < b;
            break;
        case Compare::less_equal:
            result = a <= b;
            break;
        case Compare::greater:
            result = a > b;
            break;
        case Compare::greater_equal:
            result = a >= b;
            break;
    }
    return result ? Truth::yes : Truth::no;
}

std::optional<WallTime> instant_of(const Value& value) {
    switch (value.time) {
        case Value::Time::none:
            return std::nullopt;
        case Value::Time::literal:
        case Value::Time::system:
            return value.instant;
        case Value::Time::unknown:
            break;
    }
    return parse_iso8601(value.text);
}

/// Strings compare by code unit, but dates of the system as instants: their texts have mixed
/// precision, so that `…00.1Z` sorts before `…00Z`. Ours, where the other side reads as a date.
Truth compare_strings(Compare compare, const Value& a, const Value& b, Scratch& scratch) {
    if (a.time == Value::Time::system || b.time == Value::Time::system) {
        const auto left = instant_of(a);
        const auto right = instant_of(b);
        if (left && right) return ordered(compare, *left, *right);
    }
    const std::string_view left = text_of(a, scratch);
    const std::string_view right = text_of(b, scratch);
    if (!scratch.spend(steps_to_copy(std::min(left.size(), right.size())))) return Truth::undefined;
    return ordered(compare, left, right);
}

Truth evaluate_and(const Expr& expr, const Row& row, Scratch& scratch) {
    Truth result = Truth::yes;
    for (const Expr& child : expr.children) {
        const Truth truth = evaluate_truth(child, row, scratch);
        if (truth == Truth::no) return Truth::no;
        if (truth == Truth::undefined) result = Truth::undefined;
    }
    return result;
}

Truth evaluate_or(const Expr& expr, const Row& row, Scratch& scratch) {
    Truth result = Truth::no;
    for (const Expr& child : expr.children) {
        const Truth truth = evaluate_truth(child, row, scratch);
        if (truth == Truth::yes) return Truth::yes;
        if (truth == Truth::undefined) result = Truth::undefined;
    }
    return result;
}

bool contains(const ConstantSet& set, const Value& value) {
    switch (value.kind) {
        case Value::Kind::null:
            return set.has_null;
        case Value::Kind::boolean:
            return value.boolean ? set.has_true : set.has_false;
        case Value::Kind::number:
            return set.numbers.contains(value.number);
        case Value::Kind::string:
            // No text but a date's equals that of a system date.
            if (value.time == Value::Time::system) {
                return std::binary_search(set.instants.begin(), set.instants.end(), value.instant);
            }
            return set.strings.find(value.text) != set.strings.end();
        default:
            return false;
    }
}

Truth evaluate_in(const Expr& expr, const Row& row, Scratch& scratch) {
    const Value value = evaluate(expr.children[0], row, scratch);
    if (!value.is_defined()) return Truth::undefined;
    if (!scratch.spend(1 + steps_to_copy(value.text.size()))) return Truth::undefined;
    bool found = contains(*expr.set, value);
    for (std::size_t i = 1; i < expr.children.size() && !found; ++i) {
        const Value element = evaluate(expr.children[i], row, scratch);
        found = compare_values(Compare::equal, value, element, scratch) == Truth::yes;
    }
    return found != expr.is_negated ? Truth::yes : Truth::no;
}

/// `fmod` takes a bit of the quotient at a time.
std::uint64_t steps_of_remainder(double a, double b) {
    if (a == 0 || b == 0) return 1;
    return 1 + static_cast<std::uint64_t>(std::max(0, std::ilogb(a) - std::ilogb(b))) / 8;
}

/// Arithmetic on anything but numbers is undefined, as is a result that is not a finite number.
Value evaluate_chain(const Expr& expr, const Row& row, Scratch& scratch) {
    Value first = evaluate(expr.children[0], row, scratch);
    if (!first.is(Value::Kind::number)) return {};
    double result = first.number;
    for (std::size_t i = 0; i < expr.operators.size(); ++i) {
        const Value next = evaluate(expr.children[i + 1], row, scratch);
        if (!next.is(Value::Kind::number)) return {};
        switch (expr.operators[i]) {
            case '+':
                result += next.number;
                break;
            case '-':
                result -= next.number;
                break;
            case '*':
                result *= next.number;
                break;
            case '/':
                result /= next.number;
                break;
            default:
                if (!scratch.spend(steps_of_remainder(result, next.number))) return {};
                result = std::fmod(result, next.number);
                break;
        }
        if (!std::isfinite(result)) return {};
    }
    return Value::of(result);
}

Value evaluate_sign(const Expr& expr, const Row& row, Scratch& scratch) {
    const Value value = evaluate(expr.children[0], row, scratch);
    if (!value.is(Value::Kind::number)) return {};
    return Value::of(expr.operators == "-" ? -value.number : value.number);
}

}  // namespace

Truth compare_values(Compare compare, const Value& a, const Value& b, Scratch& scratch) {
    if (a.kind != b.kind) return Truth::undefined;
    switch (a.kind) {
        case Value::Kind::null:
            if (compare == Compare::equal) return Truth::yes;
            return compare == Compare::not_equal ? Truth::no : Truth::undefined;
        case Value::Kind::boolean:
            return ordered(compare, a.boolean, b.boolean);
        case Value::Kind::number:
            return ordered(compare, a.number, b.number);
        case Value::Kind::string:
            return compare_strings(compare, a, b, scratch);
        default:
            return Truth::undefined;
    }
}

Truth evaluate_truth(const Expr& expr, const Row& row, Scratch& scratch) {
    if (!scratch.spend(1)) return Truth::undefined;
    switch (expr.kind) {
        case Expr::Kind::and_:
            return evaluate_and(expr, row, scratch);
        case Expr::Kind::or_:
            return evaluate_or(expr, row, scratch);
        case Expr::Kind::not_:
            return negated(evaluate_truth(expr.children[0], row, scratch));
        case Expr::Kind::in:
            return evaluate_in(expr, row, scratch);
        case Expr::Kind::compare: {
            const Value left = evaluate(expr.children[0], row, scratch);
            if (!left.is_defined()) return Truth::undefined;
            const Value right = evaluate(expr.children[1], row, scratch);
            return compare_values(expr.compare, left, right, scratch);
        }
        default:
            return to_truth(evaluate(expr, row, scratch));
    }
}

Value constant_value(const Expr& expr) {
    const Constant& constant = expr.constant;
    if (expr.is_array) return Value{.kind = Value::Kind::array, .text = constant.text};
    switch (constant.kind) {
        case Constant::Kind::undefined:
            return {};
        case Constant::Kind::null:
            return Value{.kind = Value::Kind::null};
        case Constant::Kind::boolean:
            return Value::of(constant.boolean);
        case Constant::Kind::number:
            return Value::of(constant.number);
        case Constant::Kind::string:
            break;
    }
    Value value = Value::of(std::string_view(constant.text));
    value.time = expr.instant ? Value::Time::literal : Value::Time::none;
    if (expr.instant) value.instant = *expr.instant;
    return value;
}

Value evaluate(const Expr& expr, const Row& row, Scratch& scratch) {
    if (!scratch.spend(1)) return {};
    switch (expr.kind) {
        case Expr::Kind::constant:
            return constant_value(expr);
        case Expr::Kind::path:
            return read_path(*expr.path, row, scratch);
        case Expr::Kind::sign:
            return evaluate_sign(expr, row, scratch);
        case Expr::Kind::chain:
            return evaluate_chain(expr, row, scratch);
        case Expr::Kind::call:
            return call_function(expr.function, expr.children, row, scratch);
        default:
            return to_value(evaluate_truth(expr, row, scratch));
    }
}

bool holds(const Expr& expr, const Row& row, Scratch& scratch) {
    auto child_holds = [&](const Expr& child) { return holds(child, row, scratch); };
    // For "exactly true" an undefined operand of AND settles as much as a false one.
    if (expr.kind == Expr::Kind::and_) {
        return std::all_of(expr.children.begin(), expr.children.end(), child_holds);
    }
    if (expr.kind == Expr::Kind::or_) {
        return std::any_of(expr.children.begin(), expr.children.end(), child_holds);
    }
    return evaluate_truth(expr, row, scratch) == Truth::yes;
}

}  // namespace carillon::query
