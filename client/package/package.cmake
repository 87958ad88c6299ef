# What `cmake --install BUILD --component client` installs for programs outside of this repository: the public
# headers, and the clients with all they use of ours in one library, shared and static. There it is
#
#   find_package(carillon)
#   target_link_libraries(app PRIVATE carillon::client)          or carillon::client_static
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The objects that carillon_client is linked from; the hub's log and metrics, and with them spdlog and fmt, stay out.
set(objects
  "$<FILTER:$<TARGET_OBJECTS:carillon_base>,EXCLUDE,/(log|metrics_text)\\.cpp>"
  $<TARGET_OBJECTS:carillon_wire>
  $<TARGET_OBJECTS:carillon_client>)
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The static library is for other compilers too, which cannot read what this one left for later.
  foreach(module IN ITEMS base wire client)
    target_compile_options(carillon_${module} PRIVATE -ffat-lto-objects)
  endforeach()
endif()
add_library(carillon_client_shared SHARED ${objects})
add_library(carillon_client_static STATIC ${objects})
foreach(kind IN ITEMS shared static)
  set_target_properties(carillon_client_${kind} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME carillon)
  target_include_directories(carillon_client_${kind} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(carillon_client_${kind} INTERFACE cxx_std_20)
  target_link_libraries(carillon_client_${kind} PUBLIC tl::expected Threads::Threads PRIVATE OpenSSL::SSL OpenSSL::Crypto)
endforeach()
set_target_properties(carillon_client_shared PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME client)
set_target_properties(carillon_client_static PROPERTIES EXPORT_NAME client_static)
# Only names of ours leave it: a program may have another Boost.
target_link_options(carillon_client_shared PRIVATE
  -Wl,--version-script,${CMAKE_CURRENT_SOURCE_DIR}/package/exported.map -Wl,--no-undefined)

install(TARGETS carillon_client_shared carillon_client_static EXPORT carillon
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT client
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
set(cmake_files ${CMAKE_INSTALL_LIBDIR}/cmake/carillon)
install(EXPORT carillon NAMESPACE carillon:: DESTINATION ${cmake_files} COMPONENT client)
configure_package_config_file(package/carillon-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/carillon-config.cmake
  INSTALL_DESTINATION ${cmake_files})
# From where it lies, so that an installation may be moved.
file(RELATIVE_PATH pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(package/carillon.pc.in ${CMAKE_CURRENT_BINARY_DIR}/carillon.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/carillon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT client)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/carillon-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/carillon-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/carillon-config-version.cmake
  DESTINATION ${cmake_files} COMPONENT client)

# Headers include ours of src/base as base/…, which is no name for a folder of a whole system: installed, they
# lie in carillon/base/ and are included so.
set(base_headers device_id.hpp errc.hpp json.hpp result.hpp)
install(CODE "
  set(include \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/carillon\")
  file(GLOB headers ${CMAKE_CURRENT_SOURCE_DIR}/include/carillon/*.hpp)
  foreach(name IN ITEMS ${base_headers})
    list(APPEND headers ${CMAKE_SOURCE_DIR}/src/base/\${name})
  endforeach()
  foreach(header IN LISTS headers)
    file(READ \${header} text)
    string(REPLACE \"#include \\\"base/\" \"#include \\\"carillon/base/\" text \"\${text}\")
    get_filename_component(name \${header} NAME)
    if(header MATCHES \"/src/base/\")
      set(name base/\${name})
    endif()
    file(WRITE \${include}/\${name} \"\${text}\")
    message(STATUS \"Installing: \${include}/\${name}\")
  endforeach()" COMPONENT client)
