#pragma once

#include <boost/asio/awaitable.hpp>

namespace carillon {

/// A coroutine of the server: lazily started, resumed on the thread that started it.
template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace carillon
