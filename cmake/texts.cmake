# Texts inside the binary, each as a NUL-terminated constant `srv_text_<file name>`, the dot as an underscore.
#
#   stw_embed_texts(target file...)
function(stw_embed_texts target)
    set(source "/* Made by cmake/texts.cmake. */\n#ifdef __CET__\n#include <cet.h>\n#endif\n    .section .rodata, \"a\"\n")
    set(files "")
    foreach(file ${ARGN})
        get_filename_component(name ${file} NAME)
        get_filename_component(path ${file} ABSOLUTE)
        string(MAKE_C_IDENTIFIER "srv_text_${name}" symbol)
        string(APPEND source "    .globl ${symbol}\n    .hidden ${symbol}\n    .type ${symbol}, %object\n"
            "${symbol}:\n    .incbin \"${path}\"\n    .byte 0\n    .size ${symbol}, . - ${symbol}\n")
        list(APPEND files ${path})
    endforeach()
    string(APPEND source "    .section .note.GNU-stack, \"\", %progbits\n")
    set(assembler ${CMAKE_BINARY_DIR}/texts.S)
    file(CONFIGURE OUTPUT ${assembler} CONTENT "${source}" @ONLY)
    # Flags for C mean nothing to an assembler, of which clang complains.
    set_source_files_properties(${assembler} PROPERTIES OBJECT_DEPENDS "${files}"
        COMPILE_OPTIONS "$<$<C_COMPILER_ID:Clang>:-Wno-unused-command-line-argument>")
    target_sources(${target} PRIVATE ${assembler})
endfunction()
