#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace carillon {

/// Ends the callbacks of an object with it: what `bind` gives does nothing once the scope has ended. All of
/// them are called on the object's thread, where the scope ends too; any thread may hold, move and destroy
/// them.
class CallbackScope {
public:
    CallbackScope() = default;
    ~CallbackScope() { end(); }
    CallbackScope(const CallbackScope&) = delete;
    CallbackScope& operator=(const CallbackScope&) = delete;

    void end() { *is_open_ = false; }

    /// `call`, unless the scope has ended by then. What it returns is dropped.
    template <class F>
    auto bind(F call) const {
        return Bound<F>{is_open_, std::move(call)};
    }

private:
    template <class F>
    struct Bound {
        std::shared_ptr<const bool> is_open;
        F call;

        template <class... Args>
        requires std::is_invocable_v<F&, Args...>
        void operator()(Args&&... arguments) {
            if (*is_open) static_cast<void>(call(std::forward<Args>(arguments)...));
        }
    };

    std::shared_ptr<bool> is_open_ = std::make_shared<bool>(true);
};

}  // namespace carillon
