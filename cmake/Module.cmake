# gyr_module(NAME [THREADS] [DEPS module...] [LIBS target...] [SOURCES file...] [TESTS file...])
#
# A module is one folder below src/: a static library gyr_NAME that may only link the modules it names.
# TESTS become one executable NAME_test, registered with CTest under the label "unit". THREADS says that the module starts
# threads, or is made to be used by several: a build with ThreadSanitizer has only the tests of such modules, as it has
# nothing to look for in the others.
# The include root is src/, so "state/process.h" names the header wherever it is used from.
function(gyr_module NAME)
  cmake_parse_arguments(M "THREADS" "" "DEPS;LIBS;SOURCES;TESTS" ${ARGN})
  if(M_SOURCES)
    add_library(gyr_${NAME} STATIC ${M_SOURCES})
    gyr_together(gyr_${NAME})
    set(SCOPE PUBLIC)
  else()
    add_library(gyr_${NAME} INTERFACE)
    set(SCOPE INTERFACE)
  endif()
  target_include_directories(gyr_${NAME} ${SCOPE} "${CMAKE_SOURCE_DIR}/src" "${CMAKE_BINARY_DIR}/generated")
  foreach(DEP IN LISTS M_DEPS)
    target_link_libraries(gyr_${NAME} ${SCOPE} gyr_${DEP})
  endforeach()
  target_link_libraries(gyr_${NAME} ${SCOPE} ${M_LIBS})
  if(GYR_TESTS AND M_TESTS AND (M_THREADS OR NOT GYR_SANITIZE STREQUAL "thread"))
    add_executable(${NAME}_test ${M_TESTS})
    gyr_test_program(${NAME}_test)
    target_link_libraries(${NAME}_test PRIVATE gyr_${NAME})
    if(GYR_SANITIZE)
      target_compile_definitions(${NAME}_test PRIVATE GYR_SANITIZED) # for tests that are about numbers: use smaller ones
    endif()
    gyr_test(${NAME}_test unit TIMEOUT 300)
  endif()
endfunction()
