# The compile options every target of ours shares; third-party sources do not.
add_library(cro_options INTERFACE)
target_compile_options(cro_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Werror -fno-strict-aliasing
  -fno-omit-frame-pointer -fexceptions)
target_compile_definitions(cro_options INTERFACE _GNU_SOURCE)

if(CRO_SANITIZE)
  set(CRO_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_compile_options(${CRO_SANITIZERS})
  add_link_options(${CRO_SANITIZERS})
  target_compile_definitions(cro_options INTERFACE CRO_SANITIZE=1)
endif()
if(CRO_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
if(CRO_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "CRO_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
