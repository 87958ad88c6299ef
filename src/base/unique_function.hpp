#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace carillon {

/// A callable that is moved, not copied: what `std::move_only_function` will be in C++23.
template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
public:
    UniqueFunction() = default;
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
        UniqueFunction(F&& f)  // NOLINT(google-explicit-constructor): lambdas convert, as with std::function
        : holder_(std::make_unique<Holder<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}

    explicit operator bool() const { return holder_ != nullptr; }
    R operator()(Args... args) { return holder_->call(std::forward<Args>(args)...); }

private:
    struct Base {
        virtual ~Base() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F>
    struct Holder final : Base {
        explicit Holder(F f) : function(std::move(f)) {}
        R call(Args... args) override { return function(std::forward<Args>(args)...); }
        F function;
    };
    std::unique_ptr<Base> holder_;
};

}  // namespace carillon
