/*
 * An SCTP peer for tests: usrsctp over a UDP socket, told what to do on standard input, one command
 * a line, and telling what happens on standard output.
 *
 *   sctp_usrsctp REMOTE-UDP-PORT connect|listen plain|interleave
 *
 * Commands: send STREAM PPID UNORDERED none|rtx|ttl VALUE LENGTH NUMBER, reset STREAM, ask STREAM,
 * add OUT IN, shutdown, abort.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <usrsctp.h>

#ifndef SCTP_INTERLEAVING_SUPPORTED
#define SCTP_INTERLEAVING_SUPPORTED 0x00001206
#endif

#define MAX_MESSAGE (1 << 20)
#define STREAMS 300

static int udp;
static struct socket *association;
static pthread_mutex_t talk = PTHREAD_MUTEX_INITIALIZER;

/* What has come so far of a message, by stream and order. */
static struct { uint8_t *bytes; size_t len; } parts[STREAMS][2];

#define SAY(...)                        \
    do {                                \
        pthread_mutex_lock(&talk);      \
        printf(__VA_ARGS__);            \
        putchar('\n');                  \
        fflush(stdout);                 \
        pthread_mutex_unlock(&talk);    \
    } while (0)

static void fill(uint8_t *bytes, size_t len, uint32_t number)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i ^ (i >> 8) ^ number);
    uint32_t head = htonl(number);
    memcpy(bytes, &head, len < 4 ? len : 4);
}

static int out(void *address, void *buffer, size_t length, uint8_t tos, uint8_t df)
{
    (void)address, (void)tos, (void)df;
    return send(udp, buffer, length, 0) < 0 ? errno : 0;
}

static void message(const uint8_t *bytes, size_t len, const struct sctp_rcvinfo *info)
{
    uint32_t number = 0;
    memcpy(&number, bytes, len < 4 ? len : 4);
    number = ntohl(number);
    uint8_t *wanted = malloc(len);
    fill(wanted, len, number);
    int sound = memcmp(wanted, bytes, len) == 0;
    free(wanted);
    SAY("message %u %u %d %zu %u %s", info->rcv_sid, ntohl(info->rcv_ppid),
        (info->rcv_flags & SCTP_UNORDERED) != 0, len, number, sound ? "sound" : "damaged");
}

static void notification(const union sctp_notification *note)
{
    switch (note->sn_header.sn_type) {
    case SCTP_ASSOC_CHANGE:
        SAY("association %u %u %u", note->sn_assoc_change.sac_state,
            note->sn_assoc_change.sac_outbound_streams, note->sn_assoc_change.sac_inbound_streams);
        break;
    case SCTP_STREAM_RESET_EVENT: {
        const struct sctp_stream_reset_event *event = &note->sn_strreset_event;
        size_t count = (event->strreset_length - sizeof(*event)) / sizeof(uint16_t);
        for (size_t i = 0; i < count; i++)
            SAY("reset %u %u", event->strreset_flags, event->strreset_stream_list[i]);
        break;
    }
    case SCTP_STREAM_CHANGE_EVENT:
        SAY("streams %u %u %u", note->sn_strchange_event.strchange_flags,
            note->sn_strchange_event.strchange_outstrms, note->sn_strchange_event.strchange_instrms);
        break;
    default:
        break;
    }
}

static int in(struct socket *sock, union sctp_sockstore from, void *data, size_t len,
              struct sctp_rcvinfo info, int flags, void *own)
{
    (void)sock, (void)from, (void)own;
    if (data == NULL) {
        SAY("end");
        return 1;
    }
    if (flags & MSG_NOTIFICATION) {
        notification(data);
    } else if (info.rcv_sid < STREAMS) {
        int unordered = (info.rcv_flags & SCTP_UNORDERED) != 0;
        uint8_t **bytes = &parts[info.rcv_sid][unordered].bytes;
        size_t *have = &parts[info.rcv_sid][unordered].len;
        *bytes = realloc(*bytes, *have + len);
        memcpy(*bytes + *have, data, len);
        *have += len;
        if (flags & MSG_EOR) {
            message(*bytes, *have, &info);
            *have = 0;
        }
    }
    free(data);
    return 1;
}

static void *pump(void *nothing)
{
    static uint8_t packet[65536];
    for (;;) {
        ssize_t len = recv(udp, packet, sizeof(packet), 0);
        if (len > 0)
            usrsctp_conninput(&udp, packet, (size_t)len, 0);
        else if (len < 0 && errno != ECONNREFUSED && errno != EINTR)
            return nothing;
    }
}

static void check(int result, const char *what)
{
    if (result < 0) {
        SAY("error %s %s", what, strerror(errno));
        exit(1);
    }
}

static void option(struct socket *sock, int level, int name, const void *value, socklen_t len)
{
    check(usrsctp_setsockopt(sock, level, name, value, len), "option");
}

static void prepare(struct socket *sock, int interleave)
{
    int size = 4 << 20, on = 1, two = 2;
    option(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    option(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    option(sock, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
    struct sctp_initmsg init = { .sinit_num_ostreams = 100, .sinit_max_instreams = STREAMS };
    option(sock, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init));
    struct sctp_assoc_value reset = { SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ };
    option(sock, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof(reset));
    uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT, SCTP_STREAM_CHANGE_EVENT };
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        struct sctp_event event = { SCTP_FUTURE_ASSOC, events[i], 1 };
        option(sock, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event));
    }
    struct sctp_rtoinfo rto = { 0, 300, 2000, 200 };
    option(sock, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof(rto));
    if (interleave) {
        option(sock, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, &two, sizeof(two));
        struct sctp_assoc_value yes = { SCTP_FUTURE_ASSOC, 1 };
        option(sock, IPPROTO_SCTP, SCTP_INTERLEAVING_SUPPORTED, &yes, sizeof(yes));
    }
}

static void send_message(unsigned stream, unsigned ppid, int unordered, const char *kind,
                         unsigned value, size_t len, uint32_t number)
{
    static uint8_t bytes[MAX_MESSAGE];
    fill(bytes, len, number);
    struct sctp_sendv_spa info = { .sendv_flags = SCTP_SEND_SNDINFO_VALID };
    info.sendv_sndinfo.snd_sid = (uint16_t)stream;
    info.sendv_sndinfo.snd_ppid = htonl(ppid);
    info.sendv_sndinfo.snd_flags = unordered ? SCTP_UNORDERED : 0;
    if (strcmp(kind, "none") != 0) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo.pr_policy = strcmp(kind, "rtx") == 0 ? SCTP_PR_SCTP_RTX : SCTP_PR_SCTP_TTL;
        info.sendv_prinfo.pr_value = value;
    }
    if (usrsctp_sendv(association, bytes, len, NULL, 0, &info, sizeof(info), SCTP_SENDV_SPA, 0) < 0)
        SAY("refused %u %s", number, strerror(errno));
}

static void reset(uint16_t stream, uint16_t way)
{
    struct { struct sctp_reset_streams head; uint16_t stream; } ask = { { 0, way, 1 }, stream };
    socklen_t len = sizeof(struct sctp_reset_streams) + sizeof(uint16_t);
    if (usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_RESET_STREAMS, &ask, len) < 0)
        SAY("refused reset %s", strerror(errno));
}

static void obey(const char *line)
{
    unsigned a, b, value, number;
    int unordered;
    size_t len;
    char kind[16];
    if (sscanf(line, "send %u %u %d %15s %u %zu %u", &a, &b, &unordered, kind, &value, &len, &number) == 7
        && len <= MAX_MESSAGE) {
        send_message(a, b, unordered, kind, value, len, number);
    } else if (sscanf(line, "reset %u", &a) == 1) {
        reset((uint16_t)a, SCTP_STREAM_RESET_OUTGOING);
    } else if (sscanf(line, "ask %u", &a) == 1) {
        reset((uint16_t)a, SCTP_STREAM_RESET_INCOMING);
    } else if (sscanf(line, "add %u %u", &a, &b) == 2) {
        struct sctp_add_streams add = { 0, (uint16_t)b, (uint16_t)a };
        if (usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_ADD_STREAMS, &add, sizeof(add)) < 0)
            SAY("refused add %s", strerror(errno));
    } else if (strncmp(line, "shutdown", 8) == 0) {
        usrsctp_shutdown(association, SHUT_WR);
    } else if (strncmp(line, "abort", 5) == 0) {
        struct linger none = { 1, 0 };
        usrsctp_setsockopt(association, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        usrsctp_close(association);
    } else {
        SAY("error command %s", line);
    }
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    struct sockaddr_in near = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in far = near;
    far.sin_port = htons((uint16_t)atoi(arguments[1]));
    socklen_t len = sizeof(near);
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    check(bind(udp, (struct sockaddr *)&near, sizeof(near)), "bind");
    check(getsockname(udp, (struct sockaddr *)&near, &len), "name");
    check(connect(udp, (struct sockaddr *)&far, sizeof(far)), "connect");
    SAY("port %u", ntohs(near.sin_port));

    usrsctp_init(0, out, NULL);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_blackhole(2);
    usrsctp_register_address(&udp);
    struct sockaddr_conn address = { .sconn_family = AF_CONN, .sconn_port = htons(5000), .sconn_addr = &udp };
    struct socket *sock = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, in, NULL, 0, NULL);
    check(sock == NULL ? -1 : 0, "socket");
    prepare(sock, strcmp(arguments[3], "interleave") == 0);
    check(usrsctp_bind(sock, (struct sockaddr *)&address, sizeof(address)), "bind");
    int listens = strcmp(arguments[2], "listen") == 0;
    if (listens)
        check(usrsctp_listen(sock, 1), "listen");
    pthread_t thread;
    pthread_create(&thread, NULL, pump, NULL);
    SAY("ready");
    if (listens) {
        association = usrsctp_accept(sock, NULL, NULL);
        check(association == NULL ? -1 : 0, "accept");
        SAY("association 1 0 0");
    } else {
        association = sock;
        check(usrsctp_connect(sock, (struct sockaddr *)&address, sizeof(address)), "connect");
    }
    /* What is sent from here on fits the tests' packets. */
    struct sctp_paddrparams path = { .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = 1191 };
    path.spp_address.ss_family = AF_CONN;
    memcpy(&path.spp_address, &address, sizeof(address));
    usrsctp_setsockopt(association, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
    SAY("up");
    char line[256];
    while (fgets(line, sizeof(line), stdin) != NULL)
        obey(line);
    return 0;
}
