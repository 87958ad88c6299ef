#pragma once

#include "net/io_thread.hpp"

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <utility>

namespace carillon {

/// An Asio executor that runs functions on an `IoThread`: at once if the caller is on that thread
/// and allows it, else in a later step; or in its background. A value; the thread outlives it.
class LoopExecutor {
public:
    enum class Lane : std::uint8_t { inline_if_current, later, background };

    LoopExecutor(IoThread& thread, Lane lane) noexcept : thread_(&thread), lane_(lane) {}

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept {
        return thread_->context_;
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept {
        if (lane_ == Lane::inline_if_current) return boost::asio::execution::blocking.possibly;
        return boost::asio::execution::blocking.never;
    }
    LoopExecutor require(boost::asio::execution::blocking_t::never_t) const noexcept {
        return LoopExecutor(*thread_, lane_ == Lane::background ? lane_ : Lane::later);
    }
    LoopExecutor require(boost::asio::execution::blocking_t::possibly_t) const noexcept {
        return LoopExecutor(*thread_, lane_ == Lane::background ? lane_ : Lane::inline_if_current);
    }

    template <class Function>
    void execute(Function&& function) const {
        if (lane_ == Lane::background) {
            thread_->post_background(std::forward<Function>(function));
        } else if (lane_ == Lane::inline_if_current && thread_->is_current()) {
            std::decay_t<Function> now(std::forward<Function>(function));
            now();
        } else {
            thread_->post(std::forward<Function>(function));
        }
    }

    bool operator==(const LoopExecutor&) const noexcept = default;

private:
    IoThread* thread_;
    Lane lane_;
};

}  // namespace carillon
