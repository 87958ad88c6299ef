# How every target of the project is compiled, and `carillon_module`, which makes one.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(RocksDB REQUIRED)
find_package(GTest REQUIRED)
find_package(tl-expected REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET GLOBAL libpq)
pkg_check_modules(LIBNATS REQUIRED IMPORTED_TARGET GLOBAL libnats)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET GLOBAL libnghttp2)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET GLOBAL rdkafka)
find_library(JEMALLOC jemalloc REQUIRED)

option(CARILLON_SANITIZED "The build runs under a sanitizer, which brings its own allocator" OFF)
option(CARILLON_UNITY "Compile the sources of a library in batches, which costs less than half of the processor time" OFF)
option(CARILLON_FUZZERS "Build the libFuzzer targets (clang only)" OFF)

add_library(carillon_options INTERFACE)
target_include_directories(carillon_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
# In a batch of tests a name local to one may be a constant of another file, and gcc 12 follows fixtures less well.
set(batched_tests $<BOOL:$<TARGET_PROPERTY:CARILLON_BATCHED_TESTS>>)
target_compile_options(carillon_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion $<IF:${batched_tests},-Wshadow=local,-Wshadow> -Wnon-virtual-dtor -Wold-style-cast
  -Wimplicit-fallthrough -Werror $<${batched_tests}:-Wno-maybe-uninitialized>
  -fstack-protector-strong
  # clang 14 has this only behind a flag that says it will be removed.
  $<$<CXX_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>)
target_compile_definitions(carillon_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE CARILLON_VERSION="${PROJECT_VERSION}")
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT CARILLON_SANITIZED)
  target_compile_options(carillon_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(CARILLON_SANITIZED AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Under a sanitizer gcc 12 takes what fmt is handed for uninitialised, and Asio's pooled coroutine
  # frames for memory freed by the wrong function.
  target_compile_options(carillon_options INTERFACE
    -Wno-uninitialized -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang alone notices a discarded co_await result; its other addition here is noise.
  target_compile_options(carillon_options INTERFACE -Wno-unused-command-line-argument)
endif()
target_link_options(carillon_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc 12 names the temporaries in a coroutine's frame by a counter of the unit, such as D.489893_2_4, so it takes
  # the frames of one coroutine template in two units for two types and warns at each release link.
  target_link_options(carillon_options INTERFACE -Wno-odr)
endif()
find_program(MOLD mold)
if(MOLD AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  target_link_options(carillon_options INTERFACE -fuse-ld=mold)
endif()

# carillon_in_batches(TARGET): compiles its sources some at a time as one unit, if the build does that: most of what a unit
# costs are the headers. So file-local names must be unique in a library, and in a test program.
function(carillon_in_batches target)
  if(CARILLON_UNITY)
    # Tests are shorter than what they test, so that twice as many take no more memory.
    set(batch 6)
    if(target MATCHES "_test$")
      set(batch 12)
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # gcc takes each source of a batch for a header, in which types of its unnamed namespace would be a fault.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
      if(target MATCHES "_test$")
        set_target_properties(${target} PROPERTIES CARILLON_BATCHED_TESTS ON)
      endif()
    endif()
  endif()
endfunction()

# carillon_uses_asio_loop(TARGET): it runs coroutines on Asio's own io_context or futures, which have
# fences that the thread sanitizer does not see and gcc therefore warns of.
function(carillon_uses_asio_loop target)
  if(CARILLON_SANITIZED AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-tsan)
  endif()
endfunction()

# Tests that last long, and seconds that they take: ctest begins with the longest, and is not left with one of them.
set(CARILLON_LONG_TESTS
  behaviour.operate.clock=200 sdk.dps.provisioning=95 behaviour.transfer.containers=85 behaviour.rest.scopes=80
  behaviour.dashboard.pages=80 behaviour.dashboard.operations=75 unit.store=80
  abuse.silence=65 docs.rollouts=60 behaviour.provisioning.https=55 unit.core_jobs=50 behaviour.cli.terminal=45 abuse.rights=45
  behaviour.rest.templates=45 behaviour.simulate=40 kill=40 kill.rollouts=40 kill.messages=40 sdk.ga.amqp_messages=35
  behaviour.provisioning.allocation=35 client.DeviceMessagesTest=35 behaviour.cluster.doors=35 abuse.unread=35
  behaviour.cluster.partitions=35 behaviour.cluster.matrix=35 behaviour.rest.events=35 kill.registrations=30 model.cluster=30
  client.RobustnessTest=30)
function(carillon_begins_early name)
  foreach(one IN LISTS CARILLON_LONG_TESTS)
    if(one MATCHES "^(.+)=([0-9]+)$" AND CMAKE_MATCH_1 STREQUAL name)
      set_tests_properties(${name} PROPERTIES COST ${CMAKE_MATCH_2})
    endif()
  endforeach()
endfunction()

# carillon_module(NAME SOURCES a.cpp … [TESTS a_test.cpp …] [DEPS base …] [TEST_DEPS core_testing …]
#                 [LIBS OpenSSL::Crypto …])
#
# Makes the library carillon_NAME from the folder this is called in and, from TESTS, the program
# carillon_NAME_test, which may use TEST_DEPS too. DEPS are modules of ours; that they point down the layout table is checked by
# tools/tidy, includes and DEPS alike.
function(carillon_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;DEPS;TEST_DEPS;LIBS" ${ARGN})
  add_library(carillon_${name} STATIC ${ARG_SOURCES})
  carillon_in_batches(carillon_${name})
  target_link_libraries(carillon_${name} PUBLIC carillon_options Threads::Threads)
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(carillon_${name} PUBLIC carillon_${dep})
  endforeach()
  target_link_libraries(carillon_${name} PUBLIC ${ARG_LIBS})
  if(ARG_TESTS)
    add_executable(carillon_${name}_test ${ARG_TESTS})
    carillon_in_batches(carillon_${name}_test)
    target_link_libraries(carillon_${name}_test PRIVATE carillon_${name} GTest::gtest_main)
    foreach(dep IN LISTS ARG_TEST_DEPS)
      target_link_libraries(carillon_${name}_test PRIVATE carillon_${dep})
    endforeach()
    carillon_uses_asio_loop(carillon_${name}_test)
    add_test(NAME unit.${name} COMMAND carillon_${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 600)
    carillon_begins_early(unit.${name})
  endif()
endfunction()

enable_testing()
