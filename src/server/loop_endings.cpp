#include "server/loop_endings.hpp"

#include "base/log.hpp"

#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace carillon {

void on_each_thread(IoThreads& threads, std::chrono::milliseconds most,
                    const std::function<void(IoThread&)>& what) {
    std::vector<std::shared_ptr<std::promise<void>>> all;
    for (std::size_t i = 0; i < threads.size(); ++i) {
        IoThread& thread = threads[i];
        all.push_back(std::make_shared<std::promise<void>>());
        thread.post([&thread, what, done = all.back()] {
            what(thread);
            done->set_value();
        });
    }
    for (const auto& done : all) done->get_future().wait_for(most);
}

void end_connections_slowly(IoThreads& threads, Clock& clock, std::chrono::seconds whole,
                            const std::function<void()>& tick) {
    constexpr std::chrono::milliseconds pace{100};
    constexpr std::chrono::seconds step_max{5};
    log.info("draining connections={} seconds={}", threads.connections(), whole.count());
    const std::size_t steps = whole / pace;
    std::vector<std::size_t> all;  // By thread.
    for (std::size_t i = 0; i < threads.size(); ++i) all.push_back(threads[i].connections());
    const TimePoint began = clock.now();
    for (std::size_t step = 1; step <= steps && threads.connections() > 0; ++step) {
        on_each_thread(threads, step_max, [&all, step, steps](IoThread& thread) {
            const std::size_t of_it = all[thread.number()];
            thread.shut_down_connections(of_it * step / steps - of_it * (step - 1) / steps);
        });
        const auto until = began + pace * step;
        while (clock.now() < until && threads.connections() > 0) std::this_thread::sleep_for(look_step);
        if (tick) tick();
    }
}

}  // namespace carillon
