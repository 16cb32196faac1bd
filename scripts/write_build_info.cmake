# Writes what the build was made of to OUTPUT; called at every build by CMakeLists.txt.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE NO_GIT)
if(NO_GIT)
  set(COMMIT "unknown")
endif()
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no
  OUTPUT_VARIABLE CHANGES ERROR_QUIET)
if(CHANGES STREQUAL "")
  set(DIRTY "false")
else()
  set(DIRTY "true")
endif()
set(TEXT "#pragma once
inline constexpr const char* kVersion = \"${VERSION}\";
inline constexpr const char* kCommit = \"${COMMIT}\";
inline constexpr bool kDirty = ${DIRTY};
inline constexpr const char* kCompiler = \"${COMPILER}\";
inline constexpr const char* kCompilerFlags = \"${FLAGS}\";
")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} BEFORE)
endif()
if(NOT "${BEFORE}" STREQUAL "${TEXT}")
  file(WRITE ${OUTPUT} "${TEXT}")
endif()
