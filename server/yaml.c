#include "server/yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define STEP 2

/* Words that one reader or another takes for a boolean or for null. */
static bool is_reserved(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Starts like nothing but text and has no mark that means something in the middle: the colon and the hash. */
static bool is_plain(const char *text)
{
    size_t length = strlen(text);

    if (!is_letter(text[0]) && text[0] != '/')
        return false;
    if (text[length - 1] == ' ' || is_reserved(text))
        return false;
    for (const char *c = text; *c; c++) {
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !strchr(" _-./,;()'+{}$*=", *c))
            return false;
    }
    return true;
}

/* Code points that YAML calls unprintable, or that end a line for some readers. Returns the bytes they take;
 * 0: print as it is. */
static int unprintable(const unsigned char *text, unsigned *ret_point)
{
    if (text[0] < 0x20 || text[0] == 0x7f) {
        *ret_point = text[0];
        return 1;
    }
    if (text[0] == 0xc2 && text[1] < 0xa0) {
        *ret_point = text[1];
        return 2;
    }
    if ((text[0] & 0xf0) == 0xe0) {
        *ret_point = (text[0] & 0xfU) << 12 | (text[1] & 0x3fU) << 6 | (text[2] & 0x3fU);
        if (*ret_point == 0x2028 || *ret_point == 0x2029 || *ret_point == 0xfeff || *ret_point >= 0xfffe)
            return 3;
    }
    return 0;
}

static void write_quoted(const char *text, FILE *out)
{
    putc('"', out);
    while (*text) {
        unsigned point;
        int length = unprintable((const unsigned char *)text, &point);

        if (length > 0)
            fprintf(out, "\\u%04x", point);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            putc(*text, out);
        text += length > 0 ? length : 1;
    }
    putc('"', out);
}

/* Lines that a literal block gives back as they are; at most one line break at the end. */
static bool is_block(const char *text)
{
    const char *line_break = strchr(text, '\n');
    size_t length = strlen(text);

    if (!line_break || line_break == text || text[0] == ' ' ||
        (length > 1 && strcmp(text + length - 2, "\n\n") == 0))
        return false;
    for (const char *c = text; *c; c++) {
        unsigned point;

        if (*c != '\n' && unprintable((const unsigned char *)c, &point) > 0)
            return false;
    }
    return true;
}

static void indent_by(int indent, FILE *out)
{
    fprintf(out, "%*s", indent, "");
}

static void write_block(const char *text, int indent, FILE *out)
{
    size_t length = strlen(text);

    fputs(text[length - 1] == '\n' ? "|\n" : "|-\n", out);
    while (*text) {
        size_t line = strcspn(text, "\n");

        if (line > 0)
            indent_by(indent, out);
        fwrite(text, 1, line, out);
        putc('\n', out);
        text += line + (text[line] == '\n');
    }
}

static void write_key(const char *key, FILE *out)
{
    if (is_plain(key))
        fputs(key, out);
    else
        write_quoted(key, out);
    putc(':', out);
}

/* `indent` is that of lines below, should there be any. Ends the line. */
static void write_scalar(const json_t *value, int indent, FILE *out)
{
    const char *text = json_string_value(value);

    if (text && is_block(text)) {
        write_block(text, indent, out);
        return;
    }
    if (text && is_plain(text))
        fputs(text, out);
    else if (text)
        write_quoted(text, out);
    else if (json_is_object(value))
        fputs("{}", out);
    else if (json_is_array(value))
        fputs("[]", out);
    else
        json_dumpf(value, out, JSON_ENCODE_ANY);
    putc('\n', out);
}

static bool is_scalar(const json_t *value)
{
    return json_object_size(value) == 0 && json_array_size(value) == 0;
}

/* Members or elements of a collection that is not empty. With `begun` the first one's indent stands there
 * already. */
static void write_collection(const json_t *collection, int indent, bool begun, FILE *out)
{
    const char *key;
    json_t *value;

    if (json_is_array(collection)) {
        for (size_t i = 0; i < json_array_size(collection); i++, begun = false) {
            value = json_array_get(collection, i);
            indent_by(begun ? 0 : indent, out);
            fputs("- ", out);
            if (is_scalar(value))
                write_scalar(value, indent + STEP, out);
            else
                write_collection(value, indent + STEP, true, out);
        }
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)collection, key, value)
    {
        indent_by(begun ? 0 : indent, out);
        begun = false;
        write_key(key, out);
        putc(is_scalar(value) ? ' ' : '\n', out);
        if (is_scalar(value))
            write_scalar(value, indent + STEP, out);
        else
            write_collection(value, indent + STEP, false, out);
    }
}

void srv_yaml_write(const json_t *root, FILE *out)
{
    if (is_scalar(root))
        write_scalar(root, STEP, out);
    else
        write_collection(root, 0, false, out);
}
