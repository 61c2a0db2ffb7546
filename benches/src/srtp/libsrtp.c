/* libsrtp for the benchmark: prints its version, and the nanoseconds of thread CPU time that
 * protecting a packet takes, and protecting and unprotecting one; the least of sixty rounds.
 *
 *   libsrtp gcm128|cm128 BYTES-OF-PAYLOAD
 */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADER = 12, ROUNDS = 60, CALLS = 4000 };

static unsigned char packet[65536];
static unsigned short sequence;
static int payload;

static srtp_t session(const char *profile, srtp_ssrc_type_t type)
{
    static unsigned char key[64];
    srtp_policy_t policy;
    srtp_t session;

    memset(key, 0x60, 16);
    memset(key + 16, 0xf7, 14);
    memset(&policy, 0, sizeof policy);
    if (strcmp(profile, "gcm128") == 0) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc.type = type;
    policy.key = key;
    policy.window_size = 1024;
    if (srtp_create(&session, &policy) != srtp_err_status_ok)
        exit(3);
    return session;
}

static void once(srtp_t sender, srtp_t receiver)
{
    int len = HEADER + payload;

    sequence++;
    packet[2] = sequence >> 8;
    packet[3] = sequence & 255;
    if (srtp_protect(sender, packet, &len) != srtp_err_status_ok)
        exit(4);
    if (receiver && srtp_unprotect(receiver, packet, &len) != srtp_err_status_ok)
        exit(5);
}

static double measure(srtp_t sender, srtp_t receiver)
{
    double best = 1e18;
    int round, call;

    for (round = 0; round < ROUNDS; round++) {
        struct timespec begin, end;
        double nanos;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        for (call = 0; call < CALLS; call++)
            once(sender, receiver);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        nanos = (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);
        if (nanos / CALLS < best)
            best = nanos / CALLS;
    }
    return best;
}

int main(int argc, char **argv)
{
    const char *version = srtp_get_version_string();
    double alone, both;

    if (argc < 3 || srtp_init() != srtp_err_status_ok)
        return 2;
    payload = atoi(argv[2]);
    memset(packet, 0x55, sizeof packet);
    packet[0] = 0x80;
    alone = measure(session(argv[1], ssrc_any_outbound), NULL);
    sequence = 0;
    both = measure(session(argv[1], ssrc_any_outbound), session(argv[1], ssrc_any_inbound));
    version = strrchr(version, ' ') ? strrchr(version, ' ') + 1 : version;
    printf("%s %.1f %.1f\n", version, alone, both);
    return 0;
}
