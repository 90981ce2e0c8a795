# A layer is a static library that can include only the layers below it: its include path is a folder that holds
# links to those rooms alone, so an upward include does not compile.
#
#   stw_layer(name ROOM folder BELOW layer... LIBRARIES target...)
#
# Sources include as "core/arena.h", "db/db.h": room, then file.
function(stw_layer name)
    cmake_parse_arguments(L "" "ROOM" "BELOW;LIBRARIES;SOURCES" ${ARGN})
    set(view ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${view})
    set(rooms ${L_ROOM})
    foreach(below ${L_BELOW})
        get_target_property(room ${below} STW_ROOM)
        list(APPEND rooms ${room})
    endforeach()
    foreach(room ${rooms})
        get_filename_component(leaf ${room} NAME)
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${room} ${view}/${leaf} SYMBOLIC)
    endforeach()
    add_library(${name} STATIC ${L_SOURCES})
    set_target_properties(${name} PROPERTIES STW_ROOM ${L_ROOM} STW_VIEW ${view})
    target_include_directories(${name} PRIVATE ${view})
    target_link_libraries(${name} PUBLIC ${L_BELOW} PRIVATE ${L_LIBRARIES})
endfunction()
