#pragma once

#include "query/ast.hpp"
#include "query/functions.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace carillon::query {

/// What a path's first segments name; what follows them is in `Path`.
enum class Field : std::uint8_t {
    unknown,  ///< No such name: undefined on every row.
    device_id,
    module_id,
    status,
    status_reason,
    status_update_time,
    connection_state,
    last_activity_time,
    c2d_count,
    version,
    etag,
    device_etag,
    authentication_type,
    model_id,
    device_scope,
    parent_scopes,
    x509_thumbprint,
    x509_primary,
    x509_secondary,
    capabilities,
    iot_edge,
    properties,
    tags,  ///< The section, or with `keys` a value in it; likewise the next two.
    desired,
    reported,
    desired_version,
    reported_version,
    desired_metadata,  ///< A node of `$metadata`; with `MetadataPart` one of its own members.
    reported_metadata,
    configurations,        ///< All that concern the twin; with a key of `keys` one of them, by id.
    configuration_status,  ///< Of the one that `keys` names.
    // devices.jobs
    job_id,
    job_type,
    job_status,
    job_start,
    job_end,
    job_created,
    job_updated,
    job_outcome,  ///< `outcome.…` and `error.…`, by `keys`
    job_error,
    // messages
    message_body,      ///< A value within it, by `keys`.
    message_system,    ///< By the name it is stored under, in `keys[0]`; `keys[1]` is as written.
    message_property,  ///< By its name, in `keys[0]`.
};

enum class MetadataPart : std::uint8_t { node, last_updated, last_updated_version };

/// A path with its names resolved: a field, then keys of objects, then (from the first array index
/// on) steps into an array's text. Immutable; not copied, as `keys` views `names`.
struct Path {
    Field field = Field::unknown;
    MetadataPart metadata_part = MetadataPart::node;
    std::vector<std::string> names;
    std::vector<std::string_view> keys;  ///< Views of `names`, as `Section::find` takes them.
    std::vector<Segment> tail;
    std::string label;  ///< What a result calls it: the last name, system names in their own spelling.

    Path() = default;
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    /// True if both name the same value of a row.
    bool same_as(const Path& other) const;
};

/// Literals to look a value up in, whatever their number.
struct ConstantSet {
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_set<std::string, Hash, std::equal_to<>> strings;
    std::unordered_set<double> numbers;
    std::vector<WallTime> instants;  ///< Sorted; of the strings that are dates.
    bool has_null = false;
    bool has_true = false;
    bool has_false = false;
};

/// An expression whose names are resolved. Immutable and shared by any number of threads.
struct Expr {
    enum class Kind : std::uint8_t { constant, path, sign, chain, compare, in, not_, and_, or_, call };
    Kind kind = Kind::constant;
    bool is_negated = false;
    Compare compare = Compare::equal;
    Function function = Function::is_defined;
    /// A literal: text of its own; a string that is a date has its instant.
    Constant constant;
    bool is_array = false;  ///< The literal is an array, its JSON in `constant.text`.
    std::optional<WallTime> instant;
    std::string operators;  ///< `sign` and `chain`
    std::shared_ptr<const Path> path;
    std::unique_ptr<const ConstantSet> set;  ///< `in`: the literals of its list
    std::vector<Expr> children;              ///< `in`: the value, then what is not a literal
};

/// One item of a SELECT list.
struct Projection {
    Aggregate aggregate = Aggregate::none;
    std::shared_ptr<const Path> path;  ///< Null for COUNT().
    std::string key;                   ///< The member of the result.
    std::size_t group = 0;             ///< For a plain path among aggregates: which of GROUP BY.
};

}  // namespace carillon::query
