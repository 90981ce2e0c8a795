# The migrations inside the binary: an assembler file that includes migrations/*.sql in their order and makes them a
# table of struct stw_migration (lib/db/migrate.h). server/migrations.c asserts the layout written here.
#
#   stw_embed_migrations(target)
function(stw_embed_migrations target)
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/*.sql)
    list(SORT files)
    set(table "")
    set(texts "")
    set(number 0)
    foreach(file ${files})
        get_filename_component(name ${file} NAME_WE)
        math(EXPR number "${number} + 1")
        string(REGEX REPLACE "^0*([0-9]+)_.*$" "\\1" version ${name})
        if(NOT version STREQUAL number)
            message(FATAL_ERROR "migrations/${name}.sql: number ${number} was expected")
        endif()
        string(APPEND table "    .long ${number}, 0\n    .quad .Lname${number}, .Ltext${number}, .Lend${number} - .Ltext${number}\n")
        string(APPEND texts ".Lname${number}:\n    .asciz \"${name}\"\n"
            ".Ltext${number}:\n    .incbin \"${file}\"\n.Lend${number}:\n    .byte 0\n")
    endforeach()
    # no semicolons: they would end list elements
    string(CONCAT source
        "/* Made by cmake/migrations.cmake. */\n"
        "#ifdef __CET__\n#include <cet.h>\n#endif\n"
        "    .section .data.rel.ro, \"aw\"\n    .balign 8\n"
        "    .globl srv_migrations\n    .hidden srv_migrations\n    .type srv_migrations, %object\n"
        "srv_migrations:\n${table}    .size srv_migrations, . - srv_migrations\n"
        "    .section .rodata, \"a\"\n    .balign 4\n"
        "    .globl srv_migration_count\n    .hidden srv_migration_count\n    .type srv_migration_count, %object\n"
        "srv_migration_count:\n    .long ${number}\n    .size srv_migration_count, 4\n${texts}"
        "    .section .note.GNU-stack, \"\", %progbits\n")
    set(assembler ${CMAKE_BINARY_DIR}/migrations.S)
    file(CONFIGURE OUTPUT ${assembler} CONTENT "${source}" @ONLY)
    # Flags for C mean nothing to an assembler, of which clang complains.
    set_source_files_properties(${assembler} PROPERTIES OBJECT_DEPENDS "${files}"
        COMPILE_OPTIONS "$<$<C_COMPILER_ID:Clang>:-Wno-unused-command-line-argument>")
    target_sources(${target} PRIVATE ${assembler})
endfunction()
