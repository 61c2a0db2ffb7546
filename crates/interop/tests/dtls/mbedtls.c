/* A DTLS peer with Mbed TLS 2.28: ROLE PORT SUITE GROUP COOKIE, with cert.pem and key.pem in the
 * working directory. `-` leaves a choice to the library. */
#include "peer.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/timing.h>

static unsigned char material[60];

static int keep_material(void *context, const unsigned char *master, const unsigned char *block,
                         size_t mac_len, size_t key_len, size_t iv_len,
                         const unsigned char client[32], const unsigned char server[32],
                         mbedtls_tls_prf_types prf) {
    (void)context, (void)block, (void)mac_len, (void)key_len, (void)iv_len;
    unsigned char seed[64];
    memcpy(seed, client, 32);
    memcpy(seed + 32, server, 32);
    return mbedtls_ssl_tls_prf(prf, master, 48, "EXTRACTOR-dtls_srtp", seed, sizeof seed, material,
                               sizeof material);
}

static void check(int result) {
    if (result == 0) return;
    tell("failed -0x%04x", -result);
    exit(1);
}

static mbedtls_ssl_context ssl;
static mbedtls_net_context net;

static void shake_hands(int is_server) {
    for (;;) {
        if (is_server) check(mbedtls_ssl_set_client_transport_id(&ssl, (unsigned char *)"us", 2));
        int result;
        do {
            result = mbedtls_ssl_handshake(&ssl);
            if (result == MBEDTLS_ERR_SSL_WANT_READ) wait_for(net.fd, 10);
        } while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
        if (result != MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) {
            check(result);
            return;
        }
        tell("cookie");
        check(mbedtls_ssl_session_reset(&ssl));
    }
}

static void converse(void) {
    for (;;) {
        const char *command = next_command(net.fd);
        if (command && strncmp(command, "say ", 4) == 0) {
            const unsigned char *text = (const unsigned char *)command + 4;
            mbedtls_ssl_write(&ssl, text, strlen(command + 4));
        } else if (command && strcmp(command, "close") == 0) {
            mbedtls_ssl_close_notify(&ssl);
        }
        unsigned char text[4096];
        int len = mbedtls_ssl_read(&ssl, text, sizeof text);
        if (len > 0) {
            tell("heard %.*s", len, text);
        } else if (len == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            tell("closed");
            return;
        } else if (len != MBEDTLS_ERR_SSL_WANT_READ && len != MBEDTLS_ERR_SSL_WANT_WRITE) {
            check(len);
        }
    }
}

int main(int count, char **words) {
    if (count != 6) return 2;
    int is_server = strcmp(words[1], "server") == 0;
    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_timing_delay_context timer;
    mbedtls_ssl_cookie_ctx cookies;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_ssl_init(&ssl), mbedtls_ssl_config_init(&config), mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random), mbedtls_ssl_cookie_init(&cookies);
    mbedtls_x509_crt_init(&certificate), mbedtls_pk_init(&key);
    check(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0));
    check(mbedtls_x509_crt_parse_file(&certificate, "cert.pem"));
    check(mbedtls_pk_parse_keyfile(&key, "key.pem", NULL));
    check(mbedtls_ssl_config_defaults(&config, is_server, MBEDTLS_SSL_TRANSPORT_DATAGRAM, 0));
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_ca_chain(&config, &certificate, NULL);
    check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key));
    mbedtls_ssl_conf_handshake_timeout(&config, 100, 2000);
    mbedtls_ssl_conf_export_keys_ext_cb(&config, keep_material, NULL);
    static const mbedtls_ssl_srtp_profile profiles[] = {MBEDTLS_TLS_SRTP_AES128_CM_HMAC_SHA1_80,
                                                        MBEDTLS_TLS_SRTP_UNSET};
    check(mbedtls_ssl_conf_dtls_srtp_protection_profiles(&config, profiles));
    static int suites[2];
    suites[0] = mbedtls_ssl_get_ciphersuite_id(words[3]);
    if (suites[0] != 0) mbedtls_ssl_conf_ciphersuites(&config, suites);
    static mbedtls_ecp_group_id groups[2];
    const mbedtls_ecp_curve_info *group = mbedtls_ecp_curve_info_from_name(words[4]);
    if (group) {
        groups[0] = group->grp_id;
        mbedtls_ssl_conf_curves(&config, groups);
    }
    if (is_server && strcmp(words[5], "cookie") == 0) {
        check(mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, &random));
        mbedtls_ssl_conf_dtls_cookies(&config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check,
                                      &cookies);
    } else if (is_server) {
        mbedtls_ssl_conf_dtls_cookies(&config, NULL, NULL, NULL);
    }
    check(mbedtls_ssl_setup(&ssl, &config));
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    net.fd = open_socket(is_server, words[2]);
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    shake_hands(is_server);
    mbedtls_dtls_srtp_info srtp;
    mbedtls_ssl_get_dtls_srtp_negotiation_result(&ssl, &srtp);
    tell("connected %s %s -", mbedtls_ssl_get_version(&ssl), mbedtls_ssl_get_ciphersuite(&ssl));
    tell("profile %d", srtp.chosen_dtls_srtp_profile);
    tell_bytes("keys", material, sizeof material);
    converse();
    return 0;
}
