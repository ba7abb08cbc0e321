# An nghttp2 that reads CONTINUATION frames without end must not be built with
# (CVE-2024-28182): 1.61 has a bound, and so have distributions that took it over.
include(CheckSymbolExists)
include(CMakePushCheckState)

cmake_push_check_state(RESET)
set(CMAKE_REQUIRED_INCLUDES ${NGHTTP2_INCLUDE_DIRS})
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::NGHTTP2)
check_symbol_exists(nghttp2_option_set_max_continuations nghttp2/nghttp2.h
  CRO_NGHTTP2_BOUNDS_CONTINUATIONS)
cmake_pop_check_state()
if(NOT CRO_NGHTTP2_BOUNDS_CONTINUATIONS)
  message(FATAL_ERROR "this nghttp2 does not bound CONTINUATION frames "
    "(CVE-2024-28182): 1.61 or newer, or a distribution's 1.52 with the fix, is needed")
endif()
