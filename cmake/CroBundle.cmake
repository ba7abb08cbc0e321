# The Lua files as bytecode, for the program to start quickly: compiled by a small
# program of the build, with the LuaJIT that crolua is linked with.
file(GLOB_RECURSE _bundle_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/lua
  ${CMAKE_SOURCE_DIR}/lua/*.lua)
list(FILTER _bundle_files EXCLUDE REGEX "^cro/meta/") # annotations: never loaded
set(_bundle_sources ${_bundle_files})
list(TRANSFORM _bundle_sources PREPEND ${CMAKE_SOURCE_DIR}/lua/)
set(CRO_BUNDLE ${CMAKE_BINARY_DIR}/bundle_built.c)

add_executable(cro_bundle tools/bundle.c src/bind/bundle.c)
target_link_libraries(cro_bundle PRIVATE cro PkgConfig::LUAJIT ${CMAKE_DL_LIBS})
add_custom_command(OUTPUT ${CRO_BUNDLE}
  COMMAND cro_bundle ${CRO_BUNDLE} ${CMAKE_SOURCE_DIR}/lua ${_bundle_files}
  DEPENDS cro_bundle ${_bundle_sources} VERBATIM
  COMMENT "Compiling the Lua files")
