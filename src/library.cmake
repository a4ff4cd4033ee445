# libtutti: the objects of every layer in one library that shows the public headers and nothing else.
get_property(layers GLOBAL PROPERTY TUTTI_LAYERS)
if(NOT "api" IN_LIST layers)
  message(STATUS "tutti: no src/api in this tree, so libtutti is not built")
  return()
endif()

get_property(libraries GLOBAL PROPERTY TUTTI_LIBRARIES)
list(REMOVE_DUPLICATES libraries)
set(objects ${layers})
list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:tutti_\\1_objects>")

add_library(tutti ${objects})
add_library(tutti::tutti ALIAS tutti)
set_target_properties(tutti PROPERTIES
  VERSION ${PROJECT_VERSION}
  SOVERSION 0
  CXX_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON)
# The interface asks for no language standard: a C99 program links this as it is.
target_include_directories(tutti INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Private, yet a static libtutti needs them at its user's link: the package configuration finds them again.
target_link_libraries(tutti PRIVATE ${libraries} $<BUILD_INTERFACE:tutti_options>)

set(version_script ${CMAKE_CURRENT_SOURCE_DIR}/api/tutti.map)
if(BUILD_SHARED_LIBS AND EXISTS ${version_script})
  target_link_options(tutti PRIVATE -Wl,--version-script=${version_script})
  set_property(TARGET tutti APPEND PROPERTY LINK_DEPENDS ${version_script})
endif()
if(BUILD_SHARED_LIBS AND NOT TUTTI_SANITIZE) # sanitizers leave their runtime to the program
  target_link_options(tutti PRIVATE -Wl,--no-undefined)
endif()
