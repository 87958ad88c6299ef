#pragma once

#include "core/shard/committer.hpp"
#include "endpoint/rest/operate/model_port.hpp"

#include <atomic>
#include <cstddef>

namespace carillon::rest {

/// Where messages of language models are answered: on threads of their own, as an answer waits for others.
struct ModelHost {
    /// Messages at once; more are refused.
    static constexpr std::size_t calls_max = 16;
    /// Of a request within, of which models get a part.
    static constexpr std::size_t answer_bytes_max = 16 * 1024 * 1024;

    ModelPort& port;
    StorageExecutor& threads;
    std::atomic<std::size_t> running{0};

    /// One message, counted while it lasts.
    class Call {
    public:
        explicit Call(ModelHost& host) : host_(host), is_admitted_(++host.running <= calls_max) {}
        ~Call() { --host_.running; }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        bool is_admitted() const { return is_admitted_; }

    private:
        ModelHost& host_;
        const bool is_admitted_;
    };
};

}  // namespace carillon::rest
