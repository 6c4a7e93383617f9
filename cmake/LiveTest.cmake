# gyr_live_test(NAME SCRIPT): a Python script below tests/ that drives the agent on the real kernel with real containers.
# It needs root and skips itself without. The agent and the helper program come by environment, from this build.
function(gyr_live_test NAME SCRIPT)
  add_test(NAME ${NAME} COMMAND "${Python3_EXECUTABLE}" tests/${SCRIPT} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${NAME} PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77 RUN_SERIAL ON)
  if(TARGET gyr)
    set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "GYR_BINARY=$<TARGET_FILE:gyr>;GYR_ACTOR=$<TARGET_FILE:actor>")
  else()
    set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "GYR_ACTOR=$<TARGET_FILE:actor>")
  endif()
endfunction()
