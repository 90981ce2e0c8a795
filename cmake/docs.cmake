# The files of /docs inside the binary: an assembler file with a table of struct srv_docs_file (server/docs.c, which
# asserts the layout written here). Without build/docs-assets/, which scripts/docs-assets.sh makes, the table is empty.
#
#   stw_embed_docs(target)
function(stw_embed_docs target)
    set(assets ${CMAKE_SOURCE_DIR}/build/docs-assets)
    set(wanted swagger-ui-bundle.js.gz swagger-ui-bundle.js.LICENSE.txt.gz swagger-ui.css.gz favicon-32x32.png)
    # The build looks again each time, so that assets which come later are taken.
    file(GLOB files CONFIGURE_DEPENDS ${assets}/*.gz ${assets}/*.png)
    foreach(name ${wanted})
        if(NOT ${assets}/${name} IN_LIST files)
            message(STATUS "Swagger UI is not in build/docs-assets: /docs will be a plain list")
            set(wanted "")
            break()
        endif()
    endforeach()
    set(files "")
    foreach(name ${wanted})
        list(APPEND files ${assets}/${name})
    endforeach()
    if(files)
        list(APPEND files ${CMAKE_SOURCE_DIR}/server/docs/index.html ${CMAKE_SOURCE_DIR}/server/docs/init.js)
    endif()
    set(table "")
    set(texts "")
    set(number 0)
    foreach(file ${files})
        get_filename_component(name ${file} NAME)
        set(packed 0)
        if(name MATCHES "\\.gz$")
            string(REGEX REPLACE "\\.gz$" "" name ${name})
            set(packed 1)
        endif()
        file(SHA256 ${file} tag)
        string(SUBSTRING ${tag} 0 16 tag)
        math(EXPR number "${number} + 1")
        string(APPEND table "    .quad .Ldname${number}, .Ldtag${number}, .Lddata${number}, .Ldend${number} - .Lddata${number}, ${packed}\n")
        string(APPEND texts ".Ldname${number}:\n    .asciz \"${name}\"\n.Ldtag${number}:\n    .asciz \"${tag}\"\n"
            ".Lddata${number}:\n    .incbin \"${file}\"\n.Ldend${number}:\n")
    endforeach()
    # no semicolons: they would end list elements
    string(CONCAT source
        "/* Made by cmake/docs.cmake. */\n"
        "#ifdef __CET__\n#include <cet.h>\n#endif\n"
        "    .section .data.rel.ro, \"aw\"\n    .balign 8\n"
        "    .globl srv_docs_files\n    .hidden srv_docs_files\n    .type srv_docs_files, %object\n"
        "srv_docs_files:\n${table}    .size srv_docs_files, . - srv_docs_files\n"
        "    .section .rodata, \"a\"\n    .balign 4\n"
        "    .globl srv_docs_file_count\n    .hidden srv_docs_file_count\n    .type srv_docs_file_count, %object\n"
        "srv_docs_file_count:\n    .long ${number}\n    .size srv_docs_file_count, 4\n${texts}"
        "    .section .note.GNU-stack, \"\", %progbits\n")
    set(assembler ${CMAKE_BINARY_DIR}/docs.S)
    file(CONFIGURE OUTPUT ${assembler} CONTENT "${source}" @ONLY)
    # Other contents are other tags.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
    # Flags for C mean nothing to an assembler, of which clang complains.
    set_source_files_properties(${assembler} PROPERTIES OBJECT_DEPENDS "${files}"
        COMPILE_OPTIONS "$<$<C_COMPILER_ID:Clang>:-Wno-unused-command-line-argument>")
    target_sources(${target} PRIVATE ${assembler})
endfunction()
