/* An input that costs almost nothing: LINES lines of SIZE bytes, written in large blocks.
 *
 *   gen --plain LINES SIZE    lines on stdout, no protocol (the end of a shell pipeline)
 *   gen                       a version-1 input provider; its config holds {"lines": N, "size": N}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long member(const char *text, const char *name, long otherwise) {
    const char *at = strstr(text, name);
    if (!at || !(at = strchr(at, ':'))) return otherwise;
    return strtol(at + 1, NULL, 10);
}

static void put(const char *data, size_t size) {
    while (size) {
        ssize_t written = write(1, data, size);
        if (written <= 0) exit(1);
        data += written;
        size -= (size_t)written;
    }
}

/* The command line is read byte by byte: what follows it on stdin is for the loop at the end. */
static void read_line(char *line, size_t size) {
    size_t length = 0;
    char byte;
    while (read(0, &byte, 1) == 1 && byte != '\n')
        if (length + 1 < size) line[length++] = byte;
    line[length] = 0;
    if (!length) exit(0);
}

static void stream(long lines, long size) {
    static const char head[] = "{\"data\":{\"text\":\"", tail[] = "\"},\"metadata\":{}}\n";
    long each = 65536 / size > 0 ? 65536 / size : 1;
    char *block = malloc((size_t)(each * size));
    if (!block || size < (long)(sizeof head + sizeof tail)) exit(2);
    for (long i = 0; i < each; i++) {
        char *line = block + i * size;
        memset(line, 'x', (size_t)size);
        memcpy(line, head, sizeof head - 1);
        memcpy(line + size - (sizeof tail - 1), tail, sizeof tail - 1);
    }
    for (; lines >= each; lines -= each) put(block, (size_t)(each * size));
    put(block, (size_t)(lines * size));
}

int main(int count, char **arguments) {
    if (count == 4 && !strcmp(arguments[1], "--plain")) {
        stream(atol(arguments[2]), atol(arguments[3]));
        return 0;
    }
    static char command[65536], rest[4096];
    static const char ready[] =
        "{\"status\":\"ready\",\"protocol\":1,\"role\":\"input\",\"capabilities\":[\"ack\"]}\n";
    read_line(command, sizeof command);
    put(ready, sizeof ready - 1);
    stream(member(command, "\"lines\"", 1), member(command, "\"size\"", 500));
    close(1);
    while (read(0, rest, sizeof rest) > 0) {
    }
    return 0;
}
