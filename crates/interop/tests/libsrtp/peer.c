/* A pipe through libsrtp: packets in on standard input, their other form out on standard output.
 *
 *   peer MODE PROFILE KEY-AND-SALT [ELEMENT...]
 *
 * MODE is "protect" or "unprotect", PROFILE a name of the table below, KEY-AND-SALT hexadecimal;
 * the ELEMENTs are header extension elements to encrypt.
 * In:  a byte (0 RTP, 1 RTCP), a length of 4 bytes, the packet.
 * Out: a status of 4 bytes (0 is well), a length of 4 bytes, the packet. Numbers are big-endian.
 */
#include <arpa/inet.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct profile {
    const char *name;
    void (*rtp)(srtp_crypto_policy_t *);
    void (*rtcp)(srtp_crypto_policy_t *);
};

static const struct profile profiles[] = {
    { "cm128-80", srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_rtcp_default },
    { "cm128-32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
      srtp_crypto_policy_set_rtcp_default },
    { "cm256-80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
    { "cm256-32", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
    { "null-80", srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
      srtp_crypto_policy_set_null_cipher_hmac_sha1_80 },
    { "gcm128", srtp_crypto_policy_set_aes_gcm_128_16_auth,
      srtp_crypto_policy_set_aes_gcm_128_16_auth },
    { "gcm256", srtp_crypto_policy_set_aes_gcm_256_16_auth,
      srtp_crypto_policy_set_aes_gcm_256_16_auth },
};

static uint32_t number(void)
{
    uint32_t value;
    if (fread(&value, 4, 1, stdin) != 1)
        exit(2);
    return ntohl(value);
}

static void put(uint32_t value)
{
    value = htonl(value);
    fwrite(&value, 4, 1, stdout);
}

int main(int argc, char **argv)
{
    static unsigned char packet[65536 + 256];
    static unsigned char key[64];
    static int elements[256];
    srtp_policy_t policy;
    srtp_t session;
    const struct profile *profile = NULL;
    size_t i;
    int kind, protecting;

    if (argc < 4)
        return 2;
    protecting = strcmp(argv[1], "protect") == 0;
    for (i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(argv[2], profiles[i].name) == 0)
            profile = &profiles[i];
    if (!profile || strlen(argv[3]) > 2 * sizeof key || srtp_init() != srtp_err_status_ok)
        return 2;
    for (i = 0; i < strlen(argv[3]) / 2; i++)
        sscanf(argv[3] + 2 * i, "%2hhx", &key[i]);
    memset(&policy, 0, sizeof policy);
    profile->rtp(&policy.rtp);
    profile->rtcp(&policy.rtcp);
    policy.ssrc.type = protecting ? ssrc_any_outbound : ssrc_any_inbound;
    policy.key = key;
    policy.window_size = 8192;
    for (i = 4; i < (size_t)argc; i++)
        elements[policy.enc_xtn_hdr_count++] = atoi(argv[i]);
    policy.enc_xtn_hdr = policy.enc_xtn_hdr_count ? elements : NULL;
    if (srtp_create(&session, &policy) != srtp_err_status_ok)
        return 3;
    while ((kind = getchar()) != EOF) {
        uint32_t length = number();
        int len = (int)length;
        srtp_err_status_t status;
        if (length > 65536 || fread(packet, 1, length, stdin) != length)
            return 2;
        if (protecting)
            status = kind == 1 ? srtp_protect_rtcp(session, packet, &len)
                               : srtp_protect(session, packet, &len);
        else
            status = kind == 1 ? srtp_unprotect_rtcp(session, packet, &len)
                               : srtp_unprotect(session, packet, &len);
        put(status);
        put(status == srtp_err_status_ok ? (uint32_t)len : 0);
        if (status == srtp_err_status_ok)
            fwrite(packet, 1, len, stdout);
        fflush(stdout);
    }
    return 0;
}
