# `cmake --install`, and the Debian package: `cpack -G DEB` in the build folder (deploy/debian/). Prefix /usr.
set(GYR_DOC share/doc/gyr)
install(TARGETS gyr RUNTIME DESTINATION bin)
install(DIRECTORY rules-default/ DESTINATION share/gyr/rules FILES_MATCHING PATTERN "*.yaml")
install(FILES README.md DESTINATION ${GYR_DOC})
install(FILES deploy/debian/copyright DESTINATION ${GYR_DOC})
find_program(GYR_GZIP gzip REQUIRED)
foreach(PAIR "changelog:${GYR_DOC}" "gyr.1:share/man/man1")
  string(REPLACE ":" ";" PAIR "${PAIR}")
  list(GET PAIR 0 NAME)
  list(GET PAIR 1 WHERE)
  set(PACKED "${CMAKE_BINARY_DIR}/package/${NAME}.gz")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/package")
  execute_process(COMMAND ${GYR_GZIP} -9nc "${CMAKE_SOURCE_DIR}/deploy/debian/${NAME}" OUTPUT_FILE "${PACKED}"
                  COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "deploy/debian/${NAME}")
  install(FILES "${PACKED}" DESTINATION ${WHERE})
endforeach()
install(FILES deploy/gyr.yaml DESTINATION /etc/gyr)
install(DIRECTORY DESTINATION /etc/gyr/rules.d DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
        GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
install(FILES deploy/systemd/gyr.service DESTINATION /lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gyr)
set(CPACK_PACKAGE_VENDOR "The Gyr project")
set(CPACK_PACKAGE_CONTACT "The Gyr project <gyr@example.org>")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "runtime threat detection for hosts and containers")
set(CPACK_PACKAGE_DESCRIPTION "Gyr watches what programs on a Linux host and in its containers do, matches
that against rules in the Falco language, and raises alerts.")
set(CPACK_SET_DESTDIR ON) # there are files in /etc and /lib
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/deploy/debian/postinst"
    "${CMAKE_SOURCE_DIR}/deploy/debian/prerm" "${CMAKE_SOURCE_DIR}/deploy/debian/postrm"
    "${CMAKE_SOURCE_DIR}/deploy/debian/conffiles")
include(CPack)
