# `make package`: what CPack makes of the components `program` and `client`; packaging/ has the rest.
include(GNUInstallDirs)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "Carillon")
set(CPACK_PACKAGE_CONTACT "The Carillon authors <carillon@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Self-hosted IoT hub, compatible with Azure IoT Hub")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL program client)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "Self-hosted IoT hub, compatible with Azure IoT Hub
 The hub, its dashboard, its command line and a simulator of devices, as one program, with a systemd service.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME carillon)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "adduser, tzdata")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
  ${CMAKE_SOURCE_DIR}/packaging/debian/prerm ${CMAKE_SOURCE_DIR}/packaging/debian/postrm)

set(CPACK_COMPONENT_CLIENT_DESCRIPTION "C++ clients of Carillon and Azure IoT Hub
 Headers, a shared and a static library, and what pkg-config and CMake need to find them.")
set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME libcarillon-dev)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_CLIENT_PACKAGE_DEPENDS "libssl-dev, libexpected-dev")

install(FILES packaging/carillon.service packaging/carillon.socket DESTINATION lib/systemd/system COMPONENT program)
# Settings of a system are in /etc, those of a copy elsewhere below its prefix; settings that are there stay as they are.
install(CODE "
  set(etc \"\${CMAKE_INSTALL_PREFIX}/etc/carillon\")
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(etc /etc/carillon)
  endif()
  if(NOT EXISTS \"\$ENV{DESTDIR}\${etc}/carillon.toml\")
    file(INSTALL DESTINATION \"\${etc}\" TYPE FILE FILES \"${CMAKE_SOURCE_DIR}/packaging/carillon.toml\")
  endif()" COMPONENT program)
# All pages, as they lead to each other.
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/carillon COMPONENT program FILES_MATCHING PATTERN "*.md")
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/carillon COMPONENT program)
install(DIRECTORY contrib/ DESTINATION ${CMAKE_INSTALL_DATADIR}/carillon COMPONENT program)
install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/carillon COMPONENT program)
install(FILES packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libcarillon-dev COMPONENT client)
include(CPack)
