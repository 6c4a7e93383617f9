# What the source tree itself must keep to, as tests with the label "house".
find_package(Python3 REQUIRED COMPONENTS Interpreter)
gyr_command_test(house_layers house COMMAND "${Python3_EXECUTABLE}" tools/check_layers.py)
gyr_command_test(house_headers house
  COMMAND "${Python3_EXECUTABLE}" tools/check_headers.py --cache "${CMAKE_BINARY_DIR}/headers"
          --compiler "${CMAKE_CXX_COMPILER}" --include "${CMAKE_BINARY_DIR}/generated")
