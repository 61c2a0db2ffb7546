/* What the small peers in C share: a socket on loopback, commands on standard input, one line of
 * output for everything that happens.
 *
 * Commands: `say TEXT` sends data, `update` changes keys, `close` ends the connection.
 * Lines: `port N`, `connected VERSION SUITE GROUP`, `profile NAME`, `keys HEX`, `heard TEXT`,
 * `updated`, `closed`, `failed CODE`. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void tell_bytes(const char *name, const unsigned char *bytes, size_t len) {
    printf("%s ", name);
    for (size_t at = 0; at < len; at++) printf("%02x", bytes[at]);
    tell("");
}

/* A server waits for the first datagram, and answers nobody else. */
static int open_socket(int is_server, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (is_server) {
        if (bind(fd, (struct sockaddr *)&address, len) != 0) abort();
        if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) abort();
        tell("port %d", ntohs(address.sin_port));
        char byte;
        if (recvfrom(fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&address, &len) < 0) abort();
    } else {
        address.sin_port = htons((unsigned short)atoi(port));
    }
    if (connect(fd, (struct sockaddr *)&address, len) != 0) abort();
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) abort();
    return fd;
}

/* Whether something comes within that time. */
static int wait_for(int fd, int milliseconds) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, milliseconds) > 0;
}

/* Waits a moment for the socket or a command; the command without its line end, or NULL. The end
 * of standard input is the end of the program. */
static const char *next_command(int fd) {
    static char line[4096];
    static size_t len;
    struct pollfd wanted[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    poll(wanted, 2, 10);
    while (wait_for(0, 0)) {
        char byte;
        if (read(0, &byte, 1) != 1) exit(0);
        if (byte == '\n' || len == sizeof line - 1) {
            line[len] = 0;
            len = 0;
            return line;
        }
        line[len++] = byte;
    }
    return NULL;
}
