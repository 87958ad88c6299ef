#pragma once

#include "query/bound.hpp"
#include "query/lexer.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace carillon::query {

/// Gives a statement's parts their meaning and finds what is wrong with it before any row is seen.
/// After a fault what is returned is of no use.
class Binder {
public:
    Binder(const FromClause& from, FunctionSet functions) : from_(from), functions_(functions) {}

    /// Null for no condition. Consumes the literals of `syntax`.
    std::shared_ptr<const Expr> bind_where(std::unique_ptr<Syntax> syntax);
    /// The SELECT list and GROUP BY of `statement`.
    void bind_select(Statement& statement, Query& query);

    const std::optional<Fault>& fault() const { return fault_; }

private:
    Expr bind(Syntax& syntax);
    Expr bind_constant(Constant constant) const;
    Expr bind_array(const std::vector<Constant>& constants) const;
    Expr bind_call(Syntax& syntax);
    Expr bind_in(Syntax& syntax);
    void bind_children(Expr& expr, Syntax& syntax);
    void bind_group(const Query& query, Projection& projection, std::size_t offset);
    void fault_at(std::size_t offset, std::string reason);

    FromClause from_;
    FunctionSet functions_;
    std::optional<Fault> fault_;
};

}  // namespace carillon::query
