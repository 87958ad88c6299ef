#pragma once

#include "query/query.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon::query {

enum class Compare : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// A literal.
struct Constant {
    enum class Kind : std::uint8_t { undefined, null, boolean, number, string };
    Kind kind = Kind::undefined;
    bool boolean = false;
    double number = 0;
    std::string text{};
};

/// One step of a path as written: `.name`, `[[name]]`, `['name']` or `[3]`.
struct Segment {
    std::string name{};
    std::optional<std::uint32_t> index{};
};

/// An expression as written, before names mean anything. Chains of one operator are one node with
/// many children, so depth comes from brackets and NOT alone and is bounded by `QueryLimits`.
struct Syntax {
    enum class Kind : std::uint8_t {
        constant,
        array,  ///< `constants`
        path,   ///< `segments`
        call,   ///< `name`, `children`
        sign,   ///< `operators[0]`, one child
        chain,  ///< arithmetic: child, then for each of `operators` the next child
        compare,
        in,  ///< the first child against `constants` and the other children
        not_,
        and_,
        or_,
    };
    Kind kind = Kind::constant;
    bool is_negated = false;  ///< NIN, NOT IN
    Compare compare = Compare::equal;
    std::size_t offset = 0;
    std::string name;
    std::string operators;
    std::vector<Segment> segments;
    std::vector<Constant> constants;
    std::vector<std::unique_ptr<Syntax>> children;
};

/// What a SELECT list item computes.
enum class Aggregate : std::uint8_t { none, count, sum, avg, min, max };

struct SelectItem {
    Aggregate aggregate = Aggregate::none;
    std::vector<Segment> path;  ///< Empty for COUNT() and COUNT(*).
    std::optional<std::string> alias;
    std::size_t offset = 0;
};

struct FromClause {
    Collection collection = Collection::devices;
    bool is_c = false;        ///< Written `FROM c`, so that paths may begin with `c.`.
    bool is_message = false;  ///< Of no collection: paths name parts of a message, see `message_names.hpp`.
};

struct PathSyntax {
    std::vector<Segment> segments{};
    std::size_t offset = 0;
};

/// A statement, or a job's condition, as written.
struct Statement {
    std::optional<std::uint64_t> top;
    std::vector<SelectItem> items;  ///< Empty for `*`.
    FromClause from;
    std::unique_ptr<Syntax> where;
    std::vector<PathSyntax> group_by;
};

}  // namespace carillon::query
