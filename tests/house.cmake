# What the source tree itself must keep to, as tests with the label "house".
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(gyr_house_test NAME)
  gyr_command_test(${NAME} house TIMEOUT 120 COMMAND ${ARGN})
endfunction()

gyr_house_test(house_layers "${Python3_EXECUTABLE}" tools/check_layers.py)
gyr_house_test(house_headers "${Python3_EXECUTABLE}" tools/check_headers.py --folder "${CMAKE_BINARY_DIR}/headers"
               --include "${CMAKE_BINARY_DIR}/generated"
               -- ${CMAKE_CXX_COMPILER_LAUNCHER} "${CMAKE_CXX_COMPILER}")
if(TARGET gyr)
  gyr_house_test(docs_examples "${Python3_EXECUTABLE}" tests/docs/check_examples.py
                 $<TARGET_FILE:gyr> README.md docs/rules.md)
  gyr_house_test(docs_commands "${Python3_EXECUTABLE}" tests/docs/check_commands.py
                 $<TARGET_FILE:gyr> rules-default docs/replay.md)
  gyr_house_test(usage "${Python3_EXECUTABLE}" tests/docs/check_usage.py $<TARGET_FILE:gyr>)
  gyr_house_test(broken_captures "${Python3_EXECUTABLE}" tests/docs/check_broken_captures.py $<TARGET_FILE:gyr>
                 rules-default)
  gyr_house_test(demo "${Python3_EXECUTABLE}" tests/docs/check_demo.py $<TARGET_FILE:gyr> rules-default
    README.md)
  gyr_house_test(docs_fields "${Python3_EXECUTABLE}" tests/docs/check_generated.py docs/fields.md
                 $<TARGET_FILE:gyr> list fields --format markdown)
  gyr_house_test(docs_coverage "${Python3_EXECUTABLE}" tests/docs/check_generated.py docs/coverage.md
                 $<TARGET_FILE:gyr> list coverage --format markdown)
  gyr_house_test(docs_default_rules "${Python3_EXECUTABLE}" tests/docs/check_generated.py docs/default-rules.md
                 "${Python3_EXECUTABLE}" tools/default_rules_page.py $<TARGET_FILE:gyr> rules-default)
endif()
