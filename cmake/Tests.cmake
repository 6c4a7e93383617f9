# gyr_test_program(TARGET): a program made of GoogleTest's tests.
function(gyr_test_program TARGET)
  gyr_together(${TARGET})
  gyr_unoptimised(${TARGET})
  target_link_libraries(${TARGET} PRIVATE GTest::gtest GTest::gtest_main GTest::gmock)
endfunction()

# gyr_command_test(NAME LABEL [TIMEOUT seconds] COMMAND program argument...): registers a test with CTest.
# LABEL says what it needs: unit (nothing), house (the source tree), kernel (root, loads BPF), e2e (root, containers).
# Tests run in the root of the source tree. Exit code 77 means skipped. Those that need root run one at a time (but see
# LiveTest.cmake), and ./dev names the agent under test in the environment variable GYR_BINARY.
function(gyr_command_test NAME LABEL)
  cmake_parse_arguments(T "" "TIMEOUT" "COMMAND" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_test(NAME ${NAME} COMMAND ${T_COMMAND} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${NAME} PROPERTIES LABELS ${LABEL} TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77)
  if(LABEL MATCHES "^(kernel|e2e)$")
    set_tests_properties(${NAME} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# live_tests: what tests of the kinds kernel and e2e need. unit_tests: those of the kind unit.
add_custom_target(live_tests)
add_custom_target(unit_tests)
# gyr_test(TARGET LABEL [TIMEOUT seconds] [ARGS argument...]): the same for a program that the build makes.
function(gyr_test TARGET LABEL)
  cmake_parse_arguments(T "" "TIMEOUT" "ARGS" ${ARGN})
  gyr_command_test(${TARGET} ${LABEL} TIMEOUT "${T_TIMEOUT}" COMMAND ${TARGET} ${T_ARGS})
  if(LABEL STREQUAL "unit")
    add_dependencies(unit_tests ${TARGET})
  elseif(LABEL STREQUAL "kernel")
    add_dependencies(live_tests ${TARGET})
  endif()
endfunction()

# gyr_bench(NAME SOURCES file... [LIBS target...]): the benchmark that `./dev bench NAME` runs.
function(gyr_bench NAME)
  if(GYR_BENCH)
    cmake_parse_arguments(B "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(bench_${NAME} ${B_SOURCES})
    target_link_libraries(bench_${NAME} PRIVATE ${B_LIBS})
    target_include_directories(bench_${NAME} PRIVATE "${CMAKE_SOURCE_DIR}")
    set_target_properties(bench_${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
  endif()
endfunction()
