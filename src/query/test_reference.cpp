#include "query/test_reference.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace carillon::query {
namespace {

enum class Type { undefined, null, boolean, number, string, array, object };

struct Thing {
    Type type = Type::undefined;
    bool flag = false;
    bool is_system_date = false;
    double number = 0;
    std::string text;  ///< A string, or the JSON of an array or object.
};

Thing boolean(bool flag) {
    Thing thing;
    thing.type = Type::boolean;
    thing.flag = flag;
    return thing;
}
Thing number(double value) {
    Thing thing;
    if (!std::isfinite(value)) return thing;
    thing.type = Type::number;
    thing.number = value;
    return thing;
}
Thing string(std::string text) {
    Thing thing;
    thing.type = Type::string;
    thing.text = std::move(text);
    return thing;
}
Thing undefined() {
    return {};
}

Thing from(JsonValue json) {
    Thing thing;
    switch (json.kind()) {
        case JsonKind::absent:
            break;
        case JsonKind::null:
            thing.type = Type::null;
            break;
        case JsonKind::boolean:
            return boolean(json.boolean());
        case JsonKind::number:
            return number(json.number());
        case JsonKind::string:
            return string(std::string(json.string()));
        case JsonKind::array:
            thing.type = Type::array;
            break;
        case JsonKind::object:
            thing.type = Type::object;
            break;
    }
    thing.text = std::string(json.raw());
    return thing;
}

bool same_word(std::string_view a, std::string_view b) {
    return to_lower(a) == to_lower(b);
}

/// true, false or nothing, of `a <op> b`.
Thing compare(std::string_view op, const Thing& a, const Thing& b) {
    if (a.type != b.type) return undefined();
    int order = 0;
    switch (a.type) {
        case Type::null:
            if (op == "=") return boolean(true);
            return op == "!=" ? boolean(false) : undefined();
        case Type::boolean:
            order = int{a.flag} - int{b.flag};
            break;
        case Type::number:
            order = a.number < b.number ? -1 : a.number > b.number ? 1 : 0;
            break;
        case Type::string: {
            const auto left = parse_iso8601(a.text);
            const auto right = parse_iso8601(b.text);
            if ((a.is_system_date || b.is_system_date) && left && right) {
                order = left->ticks < right->ticks ? -1 : left->ticks > right->ticks ? 1 : 0;
            } else {
                order = a.text.compare(b.text);
            }
            break;
        }
        default:
            return undefined();
    }
    if (op == "=") return boolean(order == 0);
    if (op == "!=") return boolean(order != 0);
    if (op == "<") return boolean(order < 0);
    if (op == "<=") return boolean(order <= 0);
    if (op == ">") return boolean(order > 0);
    return boolean(order >= 0);
}

bool is_true(const Thing& thing) {
    return thing.type == Type::boolean && thing.flag;
}
bool is_false(const Thing& thing) {
    return thing.type == Type::boolean && !thing.flag;
}

/// Reads and evaluates at the same time.
class Reference {
public:
    Reference(std::string_view text, JsonValue twin) : text_(text), twin_(twin) {}

    Thing disjunction() {
        Thing left = conjunction();
        while (word("or")) {
            const Thing right = conjunction();
            if (is_true(left) || is_true(right)) {
                left = boolean(true);
            } else {
                left = is_false(left) && is_false(right) ? boolean(false) : undefined();
            }
        }
        return left;
    }

    /// The JSON value a path leads to.
    JsonValue path(bool& is_date) {
        std::vector<std::string> names;
        do {
            names.push_back(name());
        } while (mark("."));
        if (names.size() > 1 && same_word(names[0], "devices")) names.erase(names.begin());
        if (same_word(names[0], "id")) names[0] = "deviceId";
        const std::string& last = names.back();
        is_date = same_word(names[0], "lastActivityTime") || same_word(names[0], "statusUpdateTime") ||
                  (names.size() > 2 && same_word(names[2], "$metadata") && same_word(last, "$lastUpdated"));
        const bool is_section = same_word(names[0], "properties");
        const bool is_user = same_word(names[0], "tags");
        JsonValue at = twin_;
        for (std::size_t i = 0; i < names.size(); ++i) {
            const bool in_any_case =
                i == 0 || (is_section && (i == 1 || names[i].starts_with('$'))) || (!is_section && !is_user);
            at = in_any_case ? find_in_any_case(at, names[i]) : at.find(names[i]);
        }
        while (mark("[")) {
            at = element(at, static_cast<std::size_t>(std::atoi(std::string(digits()).c_str())));
            mark("]");
        }
        return at;
    }

private:
    static JsonValue find_in_any_case(JsonValue object, std::string_view key) {
        if (!object.is_object()) return {};
        for (auto v = object.first(); v.exists(); v = v.next()) {
            if (same_word(v.key(), key)) return v;
        }
        return {};
    }
    static JsonValue element(JsonValue array, std::size_t index) {
        if (!array.is_array()) return {};
        JsonValue v = array.first();
        for (; v.exists() && index > 0; --index) v = v.next();
        return v;
    }

    // --- text ---
    void space() {
        while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    }
    bool mark(std::string_view sign) {
        space();
        if (text_.substr(at_, sign.size()) != sign) return false;
        at_ += sign.size();
        return true;
    }
    static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '$';
    }
    std::string_view peek_word() {
        space();
        std::size_t end = at_;
        while (end < text_.size() && is_letter(text_[end])) ++end;
        return text_.substr(at_, end - at_);
    }
    bool word(std::string_view expected) {
        if (!same_word(peek_word(), expected)) return false;
        at_ += expected.size();
        return true;
    }
    std::string_view digits() {
        const auto word = peek_word();
        at_ += word.size();
        return word;
    }
    std::string name() {
        if (mark("[[")) {
            const std::size_t end = text_.find("]]", at_);
            std::string inside(text_.substr(at_, end - at_));
            at_ = end + 2;
            return inside;
        }
        return std::string(digits());
    }

    // --- grammar ---
    Thing conjunction() {
        Thing left = negation();
        while (word("and")) {
            const Thing right = negation();
            if (is_false(left) || is_false(right)) {
                left = boolean(false);
            } else {
                left = is_true(left) && is_true(right) ? boolean(true) : undefined();
            }
        }
        return left;
    }

    Thing negation() {
        if (!word("not")) return comparison();
        const Thing operand = negation();
        return operand.type == Type::boolean ? boolean(!operand.flag) : undefined();
    }

    Thing comparison() {
        Thing left = sum();
        for (const std::string_view op : {"!=", "<>", "<=", ">=", "=", "<", ">"}) {
            if (mark(op)) return compare(op == "<>" ? "!=" : op, left, sum());
        }
        bool is_negated = false;
        if (word("nin")) {
            is_negated = true;
        } else if (word("not")) {
            is_negated = true;
            word("in");
        } else if (!word("in")) {
            return left;
        }
        const bool in_brackets = mark("[");
        if (!in_brackets) mark("(");
        bool found = false;
        while (!mark(in_brackets ? "]" : ")")) {
            if (is_true(compare("=", left, disjunction()))) found = true;
            mark(",");
        }
        return left.type == Type::undefined ? undefined() : boolean(found != is_negated);
    }

    Thing sum() {
        Thing left = product();
        for (;;) {
            const bool plus = mark("+");
            if (!plus && !mark("-")) return left;
            const Thing right = product();
            const bool numbers = left.type == Type::number && right.type == Type::number;
            left = numbers ? number(plus ? left.number + right.number : left.number - right.number)
                           : undefined();
        }
    }

    Thing product() {
        Thing left = factor();
        for (;;) {
            char op = ' ';
            for (const char c : {'*', '/', '%'}) {
                if (op == ' ' && mark(std::string_view(&c, 1))) op = c;
            }
            if (op == ' ') return left;
            const Thing right = factor();
            if (left.type != Type::number || right.type != Type::number) {
                left = undefined();
            } else if (op == '*') {
                left = number(left.number * right.number);
            } else if (right.number == 0) {
                left = undefined();
            } else {
                left = number(op == '/' ? left.number / right.number : std::fmod(left.number, right.number));
            }
        }
    }

    Thing factor() {
        if (mark("-")) {
            const Thing operand = primary();
            return operand.type == Type::number ? number(-operand.number) : undefined();
        }
        return primary();
    }

    Thing primary() {
        if (mark("(")) {
            const Thing inside = disjunction();
            mark(")");
            return inside;
        }
        space();
        const char c = at_ < text_.size() ? text_[at_] : '\0';
        if (c == '\'') {
            const std::size_t end = text_.find('\'', at_ + 1);
            std::string inside(text_.substr(at_ + 1, end - at_ - 1));
            at_ = end + 1;
            return string(std::move(inside));
        }
        if (c >= '0' && c <= '9') {
            const std::string rest(text_.substr(at_));
            char* end = nullptr;
            const double value = std::strtod(rest.c_str(), &end);
            at_ += static_cast<std::size_t>(end - rest.c_str());
            return number(value);
        }
        if (word("true")) return boolean(true);
        if (word("false")) return boolean(false);
        if (word("undefined")) return undefined();
        if (word("null")) {
            Thing null;
            null.type = Type::null;
            return null;
        }
        const std::size_t start = at_;
        const std::string function = to_lower(digits());
        if (!function.empty() && mark("(")) return call(function);
        at_ = start;
        bool is_date = false;
        Thing thing = from(path(is_date));
        thing.is_system_date = is_date;
        return thing;
    }

    Thing call(const std::string& function) {
        std::vector<Thing> arguments;
        do {
            arguments.push_back(disjunction());
        } while (mark(","));
        mark(")");
        const Thing& x = arguments[0];
        const std::array<std::pair<std::string_view, Type>, 6> types = {{{"is_null", Type::null},
                                                                         {"is_bool", Type::boolean},
                                                                         {"is_number", Type::number},
                                                                         {"is_string", Type::string},
                                                                         {"is_array", Type::array},
                                                                         {"is_object", Type::object}}};
        for (const auto& [name, type] : types) {
            if (function == name) return boolean(x.type == type);
        }
        if (function == "is_defined") return boolean(x.type != Type::undefined);
        if (function == "is_primitive") {
            return boolean(x.type != Type::undefined && x.type != Type::array && x.type != Type::object);
        }
        if (function == "array_contains") {
            if (x.type != Type::array || arguments[1].type == Type::undefined) return undefined();
            const auto json = JsonDocument::parse(x.text);
            bool found = false;
            for (auto v = json->root().first(); v.exists(); v = v.next()) {
                if (is_true(compare("=", from(v), arguments[1]))) found = true;
            }
            return boolean(found);
        }
        if (function == "abs") return x.type == Type::number ? number(std::fabs(x.number)) : undefined();
        if (function == "floor") return x.type == Type::number ? number(std::floor(x.number)) : undefined();
        return call_on_strings(function, arguments);
    }

    static Thing call_on_strings(const std::string& function, const std::vector<Thing>& arguments) {
        const std::string& text = arguments[0].text;
        if (arguments[0].type != Type::string) return undefined();
        if (function == "length")
            return number(static_cast<double>(text.size()));  // the tests' texts are ASCII
        if (function == "lower") return string(to_lower(text));
        const std::string& second = arguments[1].text;
        if (arguments[1].type != Type::string) return undefined();
        if (function == "startswith") return boolean(text.substr(0, second.size()) == second);
        if (function == "endswith") {
            return boolean(text.size() >= second.size() &&
                           text.substr(text.size() - second.size()) == second);
        }
        if (function == "concat") return string(text + second);
        const std::size_t at = text.find(second);  // index_of
        return number(at == std::string::npos ? -1.0 : static_cast<double>(at));
    }

    std::string_view text_;
    JsonValue twin_;
    std::size_t at_ = 0;
};

}  // namespace

bool reference_keeps(std::string_view condition, std::string_view twin_json) {
    const auto twin = JsonDocument::parse(twin_json);
    return is_true(Reference(condition, twin->root()).disjunction());
}

std::optional<std::string> reference_select(std::string_view path, std::string_view twin_json) {
    const auto twin = JsonDocument::parse(twin_json);
    bool is_date = false;
    const JsonValue value = Reference(path, twin->root()).path(is_date);
    if (!value.exists()) return std::nullopt;
    return std::string(value.raw());
}

}  // namespace carillon::query
