# llhttp: the system's library where there is one, else the three sources that
# Debian's node-llhttp installs, else -DLLHTTP_DIR. Strict mode is a compile-time
# choice of both the library and its users, and the only safe one; a system library
# was built as its packager chose, so ours is compiled whenever sources are at hand.
set(_llhttp_c "")
foreach(dir ${LLHTTP_DIR} /usr/share/llhttp)
  if(NOT _llhttp_c AND EXISTS ${dir}/llhttp.c)
    set(_llhttp_c ${dir})
  endif()
endforeach()
find_path(LLHTTP_INCLUDE_DIR llhttp.h
  HINTS ${LLHTTP_DIR} ${LLHTTP_DIR}/include /usr/share/include/llhttp)

if(_llhttp_c AND LLHTTP_INCLUDE_DIR)
  add_library(llhttp STATIC ${_llhttp_c}/api.c ${_llhttp_c}/http.c ${_llhttp_c}/llhttp.c)
  target_compile_options(llhttp PRIVATE -w)
  cro_lto_objects(llhttp)
  message(STATUS "llhttp: compiling ${_llhttp_c}")
else()
  find_library(LLHTTP_LIBRARY NAMES llhttp)
  if(NOT LLHTTP_LIBRARY OR NOT LLHTTP_INCLUDE_DIR)
    message(FATAL_ERROR "llhttp not found: apt-get install node-llhttp, or give "
      "-DLLHTTP_DIR=<folder with llhttp.h, api.c, http.c, llhttp.c>")
  endif()
  add_library(llhttp INTERFACE)
  target_link_libraries(llhttp INTERFACE ${LLHTTP_LIBRARY})
  message(STATUS "llhttp: ${LLHTTP_LIBRARY}")
endif()
get_target_property(_llhttp_type llhttp TYPE)
if(_llhttp_type STREQUAL "STATIC_LIBRARY")
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
else()
  target_include_directories(llhttp SYSTEM INTERFACE ${LLHTTP_INCLUDE_DIR})
  target_compile_definitions(llhttp INTERFACE LLHTTP_STRICT_MODE=1)
endif()
