# gyr_live_test(NAME SCRIPT): a Python script below tests/ that drives the agent on the real kernel with real containers.
# It needs root and skips itself without. The agent and the helper program come by environment, from this build.
# BESIDE: nothing that others do on the machine meanwhile changes what it finds, because what it looks for bears its mark
# or is its process's; one other such test may run at the same time. LONG: it is begun before those that are not.
function(gyr_live_test NAME SCRIPT)
  cmake_parse_arguments(PARSE_ARGV 2 TEST "BESIDE;LONG" "" "")
  add_test(NAME ${NAME} COMMAND "${Python3_EXECUTABLE}" tests/${SCRIPT} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${NAME} PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77)
  if(NOT TEST_BESIDE)
    set_tests_properties(${NAME} PROPERTIES RUN_SERIAL ON)
  elseif(TEST_LONG)
    set_tests_properties(${NAME} PROPERTIES COST 100)
  else()
    set_tests_properties(${NAME} PROPERTIES COST 10)
  endif()
  if(TARGET gyr)
    set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "GYR_BINARY=$<TARGET_FILE:gyr>;GYR_ACTOR=$<TARGET_FILE:actor>")
  else()
    set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "GYR_ACTOR=$<TARGET_FILE:actor>")
  endif()
endfunction()
