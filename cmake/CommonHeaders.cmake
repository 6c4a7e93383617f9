# gyr_common_headers(TARGET): in a sanitizer build, TARGET finds the headers of common_headers.h compiled already, by clang,
# which reads them back at no cost: a quarter to a third less is compiled. Optimised code and GCC gain nothing by it.
if(NOT GYR_SANITIZE OR NOT GYR_UNITY OR NOT GYR_TESTS)
  function(gyr_common_headers TARGET)
  endfunction()
  return()
endif()

set(HEADERS precompiled/common_headers.h)
configure_file(cmake/common_headers.h "${HEADERS}" COPYONLY)
set_source_files_properties("${CMAKE_BINARY_DIR}/${HEADERS}" PROPERTIES LANGUAGE CXX)
add_library(gyr_common_headers OBJECT "${CMAKE_BINARY_DIR}/${HEADERS}")
target_compile_options(gyr_common_headers PRIVATE -x c++-header -fpch-instantiate-templates
                                                  "SHELL:-Xclang -fno-pch-timestamp")
# It holds the path of its source, so a compiler cache must neither keep it nor look at it: the hash beside it, of the text
# that was compiled, stands for it.
set_target_properties(gyr_common_headers PROPERTIES CXX_COMPILER_LAUNCHER "")
set(GYR_COMMON_HEADERS CMakeFiles/gyr_common_headers.dir/${HEADERS}.o)
set(SUM ${GYR_COMMON_HEADERS}.sum)
add_custom_command(
  OUTPUT ${SUM}
  COMMAND "${CMAKE_CXX_COMPILER}" -std=c++23 -E -P -x c++ ${HEADERS} | sha256sum > ${SUM}
  DEPENDS $<TARGET_OBJECTS:gyr_common_headers> VERBATIM)
add_custom_target(gyr_common_headers_sum DEPENDS ${SUM})

# The libraries that say what the headers are to be read like; a sanitizer build's are one for all.
function(gyr_reads_common_headers TARGET)
  target_link_libraries(${TARGET} PRIVATE fmt::fmt)
  target_compile_options(${TARGET} PRIVATE -pthread)
  target_compile_definitions(${TARGET} PRIVATE GTEST_HAS_PTHREAD=1)
endfunction()
gyr_reads_common_headers(gyr_common_headers)

function(gyr_common_headers TARGET)
  gyr_reads_common_headers(${TARGET})
  target_compile_options(${TARGET} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${GYR_COMMON_HEADERS}>")
  add_dependencies(${TARGET} gyr_common_headers_sum)
endfunction()
