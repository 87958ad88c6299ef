#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/identity.hpp"
#include "query/bound.hpp"

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {
struct Message;  // model/message.hpp
}

namespace carillon::query {

/// A value of the language. Views the row, the expression or the `Scratch` of the evaluation.
struct Value {
    enum class Kind : std::uint8_t { undefined, null, boolean, number, string, array, object };
    /// A string that is a date: `system` dates are instants whose text is written on demand; a
    /// `literal` has both; `unknown` is any other string, read as a date only against a system date.
    enum class Time : std::uint8_t { unknown, none, literal, system };
    Kind kind = Kind::undefined;
    Time time = Time::unknown;
    bool boolean = false;
    double number = 0;
    WallTime instant{};
    /// A string's UTF-8; a number's source text, if it has one; the JSON of an array, and of an
    /// object inside an array.
    std::string_view text{};
    Bytes object{};  ///< Any other object, see `Section::append_object_json`.

    static Value of(bool flag) { return Value{.kind = Kind::boolean, .boolean = flag}; }
    static Value of(double number) { return Value{.kind = Kind::number, .number = number}; }
    static Value of(std::string_view text) { return Value{.kind = Kind::string, .text = text}; }
    static Value of(WallTime instant) {
        return Value{.kind = Kind::string, .time = Time::system, .instant = instant};
    }
    bool is(Kind k) const { return kind == k; }
    bool is_defined() const { return kind != Kind::undefined; }
};

/// Members of a section, or elements of an array, that one step of an evaluation passes over.
inline constexpr std::size_t members_a_step = 4;

/// What an evaluation had to make: texts, parsed arrays, the identity unpacked; and what it may still
/// spend. Costs nothing until something is put into it. Once it is overdrawn, what is asked of it is
/// empty and every expression undefined, so that an evaluation comes to its end at once; what it
/// yields then means nothing.
class Scratch {
public:
    explicit Scratch(const EvaluationLimits& limits = {})
        : limits_(limits), steps_left_(limits.row_steps_max) {}

    /// Takes `steps`; false if they are not there.
    bool spend(std::uint64_t steps) {
        if (steps > steps_left_) {
            overdraw();
            return false;
        }
        steps_left_ -= steps;
        return true;
    }
    /// Takes memory, and the time to fill it; false if it is not there.
    bool spend_bytes(std::size_t bytes);
    bool is_overdrawn() const { return is_overdrawn_; }
    const EvaluationLimits& limits() const { return limits_; }
    /// Adds what was spent to `meter`; true if it was not too much.
    bool settle(Meter& meter) const;

    /// The message that paths of messages read; it outlives this.
    void use(const Message& message) { message_ = &message; }
    const Message* message() const { return message_; }  ///< Null for other rows.

    std::string_view keep(std::string text);
    const Identity& identity(const Row& row);
    /// The root of `json` parsed; absent if it does not parse (stored arrays always do). `json` stays as
    /// long as this; parsed again soon, it costs nothing.
    JsonValue parse(std::string_view json);
    /// The root of a section as it is printed with its `$metadata`, and of a device job. Each is printed
    /// once.
    JsonValue printed(const Section& section);
    JsonValue printed(const DeviceJob& job);

private:
    struct Kept;
    Kept& kept();
    template <class Print>
    JsonValue printed(const void* what, const Print& print);
    struct Drop {
        void operator()(Kept* kept) const;
    };
    void overdraw() {
        steps_left_ = 0;
        is_overdrawn_ = true;
    }

    EvaluationLimits limits_;
    const Message* message_ = nullptr;
    std::uint64_t steps_left_;
    std::size_t bytes_ = 0;
    bool is_overdrawn_ = false;
    std::unique_ptr<Kept, Drop> kept_;
};

/// Steps that pass over `bytes` of text at memory's speed, or a byte at a time.
constexpr std::uint64_t steps_to_copy(std::size_t bytes) {
    return 1 + bytes / 64;
}
constexpr std::uint64_t steps_to_read(std::size_t bytes) {
    return 1 + bytes / 16;
}

/// true, false or undefined: what AND, OR, NOT and comparisons yield.
enum class Truth : std::uint8_t { no, yes, undefined };

inline Value to_value(Truth truth) {
    return truth == Truth::undefined ? Value{} : Value::of(truth == Truth::yes);
}

Value evaluate(const Expr& expr, const Row& row, Scratch& scratch);
/// What an expression of kind `constant` says in every row; views the expression.
Value constant_value(const Expr& expr);
Truth evaluate_truth(const Expr& expr, const Row& row, Scratch& scratch);
/// True if `expr` is exactly true; stops at the first operand that settles it.
bool holds(const Expr& expr, const Row& row, Scratch& scratch);

/// The value a path has on a row. Objects that are no part of a section have no text.
Value read_path(const Path& path, const Row& row, Scratch& scratch);
/// Appends that value as JSON; appends nothing and answers false if it is undefined.
bool append_path_json(std::string& out, const Path& path, const Row& row, Scratch& scratch);

/// Appends a computed number: integers as people and strict clients write them, 100000 not 1e+05.
void append_number_json(std::string& out, double number);

/// A string's text; that of a system date is written into `scratch`.
std::string_view text_of(const Value& value, Scratch& scratch);
Truth compare_values(Compare compare, const Value& a, const Value& b, Scratch& scratch);
Value from_json(JsonValue json);
/// Steps into an array's text; undefined for what is not an array.
Value walk_array(const Value& from, const std::vector<Segment>& tail, Scratch& scratch);
/// The value that a path of messages has on the scratch's message; undefined without one.
Value read_message_path(const Path& path, Scratch& scratch);

}  // namespace carillon::query
