# Every header compiles alone: a source that includes one header and nothing else, for each header and each language
# that may include it. `ctest -R headers` builds them, so that a build that runs no tests does not pay.

# lone_headers(NAME LANGUAGE-SUFFIX headers...): one object library; headers relative to include/ or src/.
function(lone_headers name suffix)
  set(sources)
  foreach(header IN LISTS ARGN)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}/${header}.${suffix})
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\" // twice does no harm\nextern int lone;\n")
    list(APPEND sources ${source})
  endforeach()
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${sources})
  set_target_properties(${name} PROPERTIES C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ${name})
  set_tests_properties(${name} PROPERTIES LABELS once TIMEOUT 600 RESOURCE_LOCK build)
endfunction()

file(GLOB c_headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/tutti/*.h)
file(GLOB cpp_headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/tutti/*.hpp)
file(GLOB_RECURSE own_headers RELATIVE ${PROJECT_SOURCE_DIR}/src CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.hpp)
if(NOT TARGET MPI::MPI_CXX)
  list(FILTER c_headers EXCLUDE REGEX "mpi\\.h$")
  list(FILTER cpp_headers EXCLUDE REGEX "mpi\\.hpp$")
endif()
set(strict -Wall -Wextra -pedantic-errors -Werror)

# public_headers(NAME LANGUAGE-SUFFIX headers...): as a user's strict compiler reads them.
function(public_headers name suffix)
  if(ARGN)
    lone_headers(${name} ${suffix} ${ARGN})
    set_target_properties(${name} PROPERTIES C_STANDARD 99 CXX_STANDARD 20)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_compile_options(${name} PRIVATE ${strict})
    target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:MPI::MPI_CXX>)
  endif()
endfunction()
public_headers(headers_in_c99 c ${c_headers})
public_headers(headers_in_cpp cpp ${c_headers} ${cpp_headers})

get_property(libraries GLOBAL PROPERTY TUTTI_LIBRARIES)
lone_headers(headers_of_layers cpp ${own_headers})
target_link_libraries(headers_of_layers PRIVATE tutti_options ${libraries})
