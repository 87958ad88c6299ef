#pragma once

#include "query/column.hpp"
#include "query/query.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace carillon::query {

/// A condition taken apart for columns: AND and OR over leaves, NOT pushed down to them, as
/// three-valued logic allows. Immutable, one for all shards.
class ColumnPlan {
public:
    explicit ColumnPlan(const Condition& where);

    /// Whether columns of `paths` could say of any row that the condition does not hold.
    bool is_selective() const { return is_selective(root_); }
    /// Whether they could say it of every row.
    bool is_exact() const { return is_exact(root_); }
    /// The paths whose columns would help, each once.
    const std::vector<std::shared_ptr<const Path>>& paths() const { return paths_; }

private:
    friend class ColumnFilter;

    struct Node {
        enum class Kind : std::uint8_t { and_, or_, leaf, open };
        Kind kind = Kind::open;      ///< `open` may hold for any row. An AND of nothing holds for all.
        bool is_negated = false;     ///< Of a leaf: it holds where `expr` is false, not true.
        const Expr* expr = nullptr;  ///< Of a leaf; owned by `where_`.
        std::size_t path = 0;        ///< Of a leaf: which of `paths_`.
        std::vector<Node> children;

        Node() = default;
        explicit Node(Kind of) : kind(of) {}
    };
    static bool is_selective(const Node& node);
    static bool is_exact(const Node& node);
    Node compile(const Expr& expr, bool is_negated);
    Node compile_leaf(const Expr& expr, bool is_negated);

    std::shared_ptr<const Expr> where_;
    std::vector<std::shared_ptr<const Path>> paths_;
    Node root_;
};

/// A condition on a shard's columns: for each word of 64 rows, which of them can hold. Leaves without
/// a column hold for all. Rows that have no values count as rows whose values are all undefined. On
/// the columns' thread.
class ColumnFilter {
public:
    /// What one call of `prepare` looks at, at most: some tens of microseconds, or one value.
    static constexpr std::size_t values_a_step = 1024;
    static constexpr std::uint64_t steps_a_step = 4096;
    /// Memory of what is known of each leaf's values; leaves beyond hold for all rows.
    static constexpr std::size_t table_bytes_max = 16 * 1024 * 1024;

    /// `columns` are those of `plan.paths()`, null where there is none; both outlive this.
    ColumnFilter(const ColumnPlan& plan, std::vector<const Column*> columns);

    /// Whether the condition holds exactly where `word` says; may become false while preparing.
    bool is_exact() const { return is_exact_; }
    /// Whether `word` can say of any row that the condition does not hold.
    bool is_selective() const { return is_selective_; }
    /// Asks the evaluator about some of the values not yet asked about; true if none is left. Needed
    /// before `word`, and again when the columns may have changed.
    bool prepare(Meter& meter);
    /// Leaves that `word` looks 64 values up for.
    std::size_t leaves() const { return leaves_.size(); }
    std::uint64_t word(std::size_t index) const;
    /// What `word` says of one row, for those who look at few.
    bool can_hold(std::uint32_t row) const { return can_hold(root_, row); }

private:
    using Node = ColumnPlan::Node;
    struct Leaf {
        const Node* node;
        const Column* column;
        std::vector<std::uint8_t> table;  ///< By id, 1 where the leaf holds.
    };
    /// What the tree of the plan becomes: only what narrows, leaves by number.
    struct Step {
        Node::Kind kind;
        std::size_t leaf = 0;
        std::vector<Step> children;

        explicit Step(Node::Kind of) : kind(of) {}
    };

    Step bind(const Node& node, const std::vector<const Column*>& columns);
    void extend(Leaf& leaf, Meter& meter);
    bool fill_by_look_up(Leaf& leaf);
    std::uint64_t word(const Step& step, std::size_t index) const;
    bool can_hold(const Step& step, std::uint32_t row) const;

    std::vector<Leaf> leaves_;
    std::size_t table_bytes_ = 0;
    bool is_exact_ = true;
    bool is_selective_ = false;
    Step root_;
};

}  // namespace carillon::query
