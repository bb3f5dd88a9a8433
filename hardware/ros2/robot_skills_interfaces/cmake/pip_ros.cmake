# Finds the ROS packages that pip has put into the build environment, and mends what their makers
# left in them: include folders of the machine on which they were built.

find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module NumPy)
execute_process(
  COMMAND ${Python3_EXECUTABLE} -c
    "import pathlib, rosidl_generator_py; print(pathlib.Path(rosidl_generator_py.__file__).parents[4])"
  OUTPUT_VARIABLE ros_prefix
  OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY
)
list(PREPEND CMAKE_PREFIX_PATH "${ros_prefix}")
set(ENV{AMENT_PREFIX_PATH} "${ros_prefix}")

function(drop_missing_includes)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folders)
      continue()
    endif()
    set(kept "")
    foreach(folder IN LISTS folders)
      if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
        list(APPEND kept "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL drop_missing_includes)
