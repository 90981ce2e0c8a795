# Warnings are errors and hardening is on in every build; sanitizers come by STEWARD_SANITIZE.
set(STEWARD_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wformat=2 -Wvla -Wundef -Wwrite-strings -Wcast-qual -Wno-missing-field-initializers
    -fno-strict-aliasing -fno-common -fstack-protector-strong -g)
add_compile_definitions(_GNU_SOURCE)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options(-fcf-protection=full)
endif()
add_link_options(-pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)

if(STEWARD_SANITIZE)
    add_compile_options(-fsanitize=${STEWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${STEWARD_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fno-plt)
endif()

if(STEWARD_FUZZ)
    # every layer is instrumented, or the fuzzer would see the coverage of its own file alone
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
