# gyr_grpc_library(NAME PROTO...): client code for the given .proto files (paths below src/), as static library NAME.
# Generated code is not ours to warn about. Headers: "<folder>/<file>.grpc.pb.h" as the .proto lies below src/.
find_package(Protobuf REQUIRED)
# Not by pkg-config: it takes ten seconds over gRPC's hundred libraries, of which the headers' inline code needs these.
add_library(gyr_grpcpp INTERFACE)
foreach(NAME grpc++ grpc gpr absl_synchronization)
  find_library(GYR_LIBRARY_${NAME} ${NAME} REQUIRED)
  target_link_libraries(gyr_grpcpp INTERFACE "${GYR_LIBRARY_${NAME}}")
endforeach()
find_program(GYR_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
function(gyr_grpc_library NAME)
  set(OUT "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${OUT}")
  set(SOURCES)
  foreach(PROTO IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" "" BASE "${PROTO}")
    set(FILES "${OUT}/${BASE}.pb.cc" "${OUT}/${BASE}.pb.h" "${OUT}/${BASE}.grpc.pb.cc" "${OUT}/${BASE}.grpc.pb.h")
    add_custom_command(
      OUTPUT ${FILES}
      COMMAND protobuf::protoc -I "${CMAKE_SOURCE_DIR}/src" --cpp_out=${OUT} --grpc_out=${OUT}
              --plugin=protoc-gen-grpc=${GYR_GRPC_PLUGIN} "${CMAKE_SOURCE_DIR}/src/${PROTO}"
      DEPENDS "${CMAKE_SOURCE_DIR}/src/${PROTO}"
      COMMENT "gRPC ${PROTO}" VERBATIM)
    list(APPEND SOURCES ${FILES})
  endforeach()
  add_library(${NAME} STATIC ${SOURCES})
  if(GYR_UNITY)
    set_target_properties(${NAME} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
  gyr_common_headers(${NAME})
  target_include_directories(${NAME} SYSTEM PUBLIC "${OUT}")
  target_compile_options(${NAME} PRIVATE -w)
  target_link_libraries(${NAME} PUBLIC gyr_grpcpp protobuf::libprotobuf-lite)
endfunction()
