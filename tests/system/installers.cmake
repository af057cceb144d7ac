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

if(CMAKE_CROSSCOMPILING)
  # A Windows of its own: its service would be in the way of other tests.
  set(spd_prefix ${CMAKE_BINARY_DIR}/wine-installers)
  add_test(NAME test_windows_installers
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_windows_installers ${CMAKE_BINARY_DIR} ${spd_prefix})
  set_tests_properties(test_windows_installers PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77
    FIXTURES_REQUIRED wine_installers LABELS system)
  # Also when a time-out has ended the test before it could clean up.
  add_test(NAME wine_installers_down COMMAND ${PROJECT_SOURCE_DIR}/tests/support/wine-down)
  set_tests_properties(wine_installers_down PROPERTIES FIXTURES_CLEANUP wine_installers TIMEOUT 60
    ENVIRONMENT "WINEPREFIX=${spd_prefix}")
endif()
