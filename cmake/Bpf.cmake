# gyr_bpf_object(NAME SOURCE [OPTION...]): compiles bpf/SOURCE with clang and these options for the BPF target and makes
# the libbpf skeleton NAME.skel.h below ${CMAKE_BINARY_DIR}/generated; target bpf_NAME stands for it.
find_program(GYR_BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(GYR_BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)
function(gyr_bpf_object NAME SOURCE)
  set(OUT "${CMAKE_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${OUT}")
  file(GLOB_RECURSE BPF_HEADERS CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/bpf/*.h" "${CMAKE_SOURCE_DIR}/src/abi/*.h")
  add_custom_command(
    OUTPUT "${OUT}/${NAME}.skel.h"
    COMMAND ${GYR_BPF_CLANG} -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Wextra -Werror
            -Wno-unused-function -Wno-unused-parameter -I${CMAKE_SOURCE_DIR}/src -I${CMAKE_SOURCE_DIR}/bpf
            ${ARGN} -c ${CMAKE_SOURCE_DIR}/bpf/${SOURCE} -o ${OUT}/${NAME}.bpf.o
    COMMAND ${GYR_BPFTOOL} gen skeleton ${OUT}/${NAME}.bpf.o name ${NAME} > ${OUT}/${NAME}.skel.h
    DEPENDS "${CMAKE_SOURCE_DIR}/bpf/${SOURCE}" ${BPF_HEADERS}
    COMMENT "BPF ${NAME}" VERBATIM)
  add_custom_target(bpf_${NAME} DEPENDS "${OUT}/${NAME}.skel.h")
endfunction()
