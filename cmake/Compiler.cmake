# Language level, warnings and sanitizers for every target of the project.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(GYR_CCACHE ccache)
if(GYR_CCACHE)
  # What one clone compiled serves the others of the machine: paths below it are looked at relative to it.
  set(CMAKE_CXX_COMPILER_LAUNCHER env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=yes
      CCACHE_PCH_EXTSUM=yes CCACHE_SLOPPINESS=pch_defines,time_macros "${GYR_CCACHE}")
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" OR GYR_SANITIZE)
  # Nothing that is built tells where; the debug preset does, for the debugger to find the sources wherever it starts.
  add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
endif()

# Several sources of a target are compiled as one, which reads the headers they share once: half of the time of a whole
# build. A single file that changed takes longer, so an editor's or a debugger's build is better without.
option(GYR_UNITY "Compile several sources at once" OFF)
if(GYR_UNITY)
  # A type of a source's anonymous namespace seems to be of a header's when the source is included.
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endif()

# gyr_apart(FILE...): sources of the calling folder that name something as a neighbour does, but not as one another: they
# are compiled together, apart from the neighbours.
function(gyr_apart)
  get_property(COUNT DIRECTORY PROPERTY GYR_APART)
  math(EXPR COUNT "0${COUNT} + 1")
  set_property(DIRECTORY PROPERTY GYR_APART ${COUNT})
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP "apart${COUNT}")
endfunction()

# gyr_together(TARGET): with GYR_UNITY, compiles its sources in groups of about 16, neighbours together, and those that are
# apart as gyr_apart says.
function(gyr_together TARGET)
  if(NOT GYR_UNITY)
    return()
  endif()
  get_target_property(SOURCES ${TARGET} SOURCES)
  set(COMMON)
  foreach(FILE IN LISTS SOURCES)
    get_source_file_property(GROUP "${FILE}" UNITY_GROUP)
    if(NOT GROUP)
      list(APPEND COMMON "${FILE}")
    endif()
  endforeach()
  list(LENGTH COMMON COUNT)
  math(EXPR GROUPS "(${COUNT} + 8) / 17")
  if(GROUPS EQUAL 0)
    set(GROUPS 1)
  endif()
  set(NUMBER 0)
  foreach(FILE IN LISTS COMMON)
    math(EXPR GROUP "${NUMBER} * ${GROUPS} / ${COUNT}")
    math(EXPR NUMBER "${NUMBER} + 1")
    set_source_files_properties("${FILE}" PROPERTIES UNITY_GROUP "common${GROUP}")
  endforeach()
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  gyr_common_headers(${TARGET})
endfunction()

# gyr_unoptimised(TARGET): tests gain nothing from optimisation; without it a release build spends a third less time on them.
function(gyr_unoptimised TARGET)
  target_compile_options(${TARGET} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
endfunction()

# gyr_seldom(TARGET): a library or program whose code runs once, or for what seldom happens: no event and no alert waits for
# it. Optimised less, it compiles in two thirds of the time.
function(gyr_seldom TARGET)
  target_compile_options(${TARGET} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# mold links the many test programs several times faster than the default linker. GCC 12 knows it by name.
find_program(GYR_MOLD mold)
if(GYR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
                    -Wimplicit-fallthrough -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wconversion>)
else()
  add_compile_options(-Wno-deprecated-declarations)
endif()
# The presets keep debug information at line tables (-g1): full -g makes GCC track every variable, which doubles the
# time of a release build and triples that of a sanitizer build. Sanitizer builds are without optimisation and by clang,
# which takes little more than half of GCC's time for them. The debug preset, for a debugger, has all of it.
# GCC judges warnings, and sees every source; clang, of the sanitizer and fuzz builds, has others of its own.
if(GYR_WERROR AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Werror)
endif()
if(GYR_SANITIZE)
  add_compile_options(-fsanitize=${GYR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GYR_SANITIZE})
  if(GYR_SANITIZE MATCHES "address.*undefined")
    # Each of these guards every dereference, a fifth of the build's time; the access itself is AddressSanitizer's to report.
    add_compile_options(-fno-sanitize=null,object-size,vptr)
  endif()
endif()
