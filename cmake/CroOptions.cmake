# The compile options every target of ours shares; third-party sources do not.
add_library(cro_options INTERFACE)
target_compile_options(cro_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Werror -fno-strict-aliasing
  -fno-omit-frame-pointer -fexceptions)
target_compile_definitions(cro_options INTERFACE _GNU_SOURCE)

# gcc clears a few hundred bytes with `rep stos`, whose start alone takes longer than
# the C library needs for all of it; a request clears three such structs.
include(CheckCCompilerFlag)
check_c_compiler_flag(-mmemset-strategy=unrolled_loop:192:noalign,libcall:-1:noalign
  CRO_HAS_MEMSET_STRATEGY)
if(CRO_HAS_MEMSET_STRATEGY AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(cro_options INTERFACE
    -mmemset-strategy=unrolled_loop:192:noalign,libcall:-1:noalign)
endif()

if(CRO_SANITIZE)
  set(CRO_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_compile_options(${CRO_SANITIZERS})
  add_link_options(${CRO_SANITIZERS})
  target_compile_definitions(cro_options INTERFACE CRO_SANITIZE=1)
endif()
if(CRO_COVERAGE)
  # Without the edges that -fexceptions adds to every call, which no C code takes.
  target_compile_options(cro_options INTERFACE -fno-exceptions)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
if(CRO_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "CRO_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Calls between files are a tenth of a request: the programs are optimised as a whole.
# Fat objects hold machine code too, so that the C tests link as fast as ever.
function(cro_lto_objects target)
  if(CRO_USES_LTO)
    target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects -O3)
  endif()
endfunction()

function(cro_lto_link target)
  if(CRO_USES_LTO)
    target_link_options(${target} PRIVATE -flto=auto -O3)
  endif()
endfunction()

set(CRO_USES_LTO OFF)
if(CRO_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "Rel"
   AND NOT (CRO_SANITIZE OR CRO_COVERAGE OR CRO_FUZZ))
  set(CRO_USES_LTO ON)
endif()
