# Cross-build for 64-bit Windows with Debian's MinGW-w64. Programs are linked
# statically, so that an .exe needs nothing but Windows, and tests run under Wine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# The plain name is an alternative that may point to the win32 thread model.
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")

# Libraries for Windows come from here (tests/support/mingw-libs builds them),
# never from the build computer's own folders.
if(NOT DEFINED SPD_MINGW_SYSROOT)
  set(SPD_MINGW_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/mingw-sysroot)
endif()
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 ${SPD_MINGW_SYSROOT})
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SPD_MINGW_SYSROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../tests/support/wine-run)
