#pragma once

#include "endpoint/net/io_thread.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <utility>

namespace carillon {

/// An Asio executor that runs functions on an `IoThread`: at once if the caller is on that thread
/// and allows it, else in a later step. A value; the thread outlives it.
class LoopExecutor {
public:
    enum class Inline : bool { never, possibly };

    explicit LoopExecutor(IoThread& thread, Inline inlining = Inline::possibly) noexcept
        : thread_(&thread), inlining_(inlining) {}

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
        return thread_->context_;
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
        if (inlining_ == Inline::never) return boost::asio::execution::blocking.never;
        return boost::asio::execution::blocking.possibly;
    }
    LoopExecutor require(boost::asio::execution::blocking_t::never_t) const noexcept {
        return LoopExecutor(*thread_, Inline::never);
    }
    LoopExecutor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
        return LoopExecutor(*thread_, Inline::possibly);
    }

    template <class Function>
    void execute(Function&& function) const {
        if (inlining_ == Inline::possibly && thread_->is_current()) {
            std::decay_t<Function> now(std::forward<Function>(function));
            now();
        } else {
            thread_->post(std::forward<Function>(function));
        }
    }

    bool operator==(const LoopExecutor&) const noexcept = default;

private:
    IoThread* thread_;
    Inline inlining_;
};

}  // namespace carillon
