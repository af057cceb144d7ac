# What people install. Scripts; each skips, and says so, where its tools or its
# rights are missing.
if(NOT CMAKE_CROSSCOMPILING AND NOT SPD_SANITIZE)
  add_test(NAME test_manual COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_manual
           $<TARGET_FILE:stampede-manual> $<TARGET_FILE:stampede>)
  set_tests_properties(test_manual PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77 LABELS system)
  # A whole Debian, started; the tree that it is made from takes a minute, once.
  add_test(NAME test_debian_package COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_debian_package
           ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR}/build/debian-tree)
  set_tests_properties(test_debian_package PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77
    LABELS system)
endif()
