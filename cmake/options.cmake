# Build options and the flags that every target of the project shares.
option(TUTTI_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(TUTTI_BUILD_BENCHMARKS "Build tutti-perf and the micro-benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(TUTTI_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(TUTTI_INSTALL "Generate the install and package rules" ${PROJECT_IS_TOP_LEVEL})
option(TUTTI_WERROR "Treat warnings as errors" OFF)
set(TUTTI_TEST_OPTIONS "" CACHE STRING "Further options of the tests' own sources: what takes time in a run is the library's code")
set(TUTTI_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them (address,undefined or thread)")

if(PROJECT_IS_TOP_LEVEL) # a project that includes this one keeps its own choices
  option(BUILD_SHARED_LIBS "Build libtutti as a shared library" ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
  endif()
  find_program(TUTTI_CCACHE ccache)
  mark_as_advanced(TUTTI_CCACHE)
  foreach(language IN ITEMS C CXX)
    if(TUTTI_CCACHE AND NOT CMAKE_${language}_COMPILER_LAUNCHER)
      set(CMAKE_${language}_COMPILER_LAUNCHER ${TUTTI_CCACHE})
    endif()
  endforeach()
endif()

# For builds that are made once; the others find what a source forgets to include.
option(TUTTI_PRECOMPILE "Precompile what most sources include" OFF)
set(TUTTI_PRECOMPILED_HEADERS <algorithm> <array> <atomic> <chrono> <cstdint> <cstring> <functional> <map> <memory> <mutex>
    <optional> <span> <string> <string_view> <thread> <utility> <vector>)

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(tutti_options INTERFACE)
target_compile_features(tutti_options INTERFACE cxx_std_20 c_std_99)
target_include_directories(tutti_options INTERFACE
  ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_options(tutti_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -fvisibility=hidden
  $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
  $<$<BOOL:${TUTTI_WERROR}>:-Werror>)
if(TUTTI_SANITIZE)
  # A finding of the undefined-behaviour sanitizer fails the program, as one of the others does.
  target_compile_options(tutti_options INTERFACE
    -fsanitize=${TUTTI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tutti_options INTERFACE -fsanitize=${TUTTI_SANITIZE})
endif()
