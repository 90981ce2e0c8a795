#ifndef SRV_YAML_H
#define SRV_YAML_H

#include <jansson.h>
#include <stdio.h>

/* Writes a JSON tree as YAML 1.2 that YAML 1.1 readers understand alike: block style, members in the tree's
 * order, strings quoted wherever a reader could take them for anything else. Ends with a line break; the
 * caller looks at ferror. */
void srv_yaml_write(const json_t *root, FILE *out);

#endif
