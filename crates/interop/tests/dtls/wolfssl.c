/* A DTLS peer with wolfSSL: ROLE PORT VERSION SUITE GROUPS SRTP OPTION..., with cert.pem and
 * key.pem in the working directory. VERSION is 1.2, 1.3 or any; `-` leaves a choice to the library;
 * an option is `no-cookie` or `quick`. */
#include "peer.h"

#include <wolfssl/ssl.h>

static WOLFSSL *ssl;
static int fd, is_quick;

static void fail(int result) {
    int code = wolfSSL_get_error(ssl, result);
    tell("failed %d %s", code, wolfSSL_ERR_error_string((unsigned long)code, NULL));
    exit(1);
}

/* Fingerprints are for us to check, and the test does on its side. */
static int take_any(int verified, WOLFSSL_X509_STORE_CTX *store) {
    (void)verified, (void)store;
    return 1;
}

static WOLFSSL_METHOD *method(int is_server, const char *version) {
    if (strcmp(version, "1.2") == 0)
        return is_server ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method();
    if (strcmp(version, "1.3") == 0)
        return is_server ? wolfDTLSv1_3_server_method() : wolfDTLSv1_3_client_method();
    return is_server ? wolfDTLS_server_method() : wolfDTLS_client_method();
}

static int group_of(const char *name) {
    if (strcmp(name, "x25519") == 0) return WOLFSSL_ECC_X25519;
    if (strcmp(name, "p256") == 0) return WOLFSSL_ECC_SECP256R1;
    if (strcmp(name, "p384") == 0) return WOLFSSL_ECC_SECP384R1;
    if (strcmp(name, "mlkem") == 0) return WOLFSSL_X25519MLKEM768;
    abort();
}

static void shake_hands(void) {
    for (;;) {
        int result = wolfSSL_negotiate(ssl);
        if (result == WOLFSSL_SUCCESS) return;
        int code = wolfSSL_get_error(ssl, result);
        if (code != WOLFSSL_ERROR_WANT_READ && code != WOLFSSL_ERROR_WANT_WRITE) fail(result);
        int milliseconds = wolfSSL_dtls_get_current_timeout(ssl) * 1000;
        if (is_quick || wolfSSL_dtls13_use_quick_timeout(ssl)) milliseconds /= 4;
        if (!wait_for(fd, milliseconds)) wolfSSL_dtls_got_timeout(ssl);
    }
}

static void converse(void) {
    for (;;) {
        const char *command = next_command(fd);
        if (command && strncmp(command, "say ", 4) == 0) {
            wolfSSL_write(ssl, command + 4, (int)strlen(command + 4));
        } else if (command && strcmp(command, "update") == 0) {
            int result = wolfSSL_update_keys(ssl);
            if (result != WOLFSSL_SUCCESS) fail(result);
            tell("updated");
        } else if (command && strcmp(command, "close") == 0) {
            wolfSSL_shutdown(ssl);
        }
        char text[4096];
        int len = wolfSSL_read(ssl, text, sizeof text);
        int code = len > 0 ? 0 : wolfSSL_get_error(ssl, len);
        if (len > 0) {
            tell("heard %.*s", len, text);
        } else if (code == WOLFSSL_ERROR_ZERO_RETURN) {
            tell("closed");
            return;
        } else if (code != WOLFSSL_ERROR_WANT_READ && code != WOLFSSL_ERROR_WANT_WRITE) {
            fail(len);
        }
    }
}

int main(int count, char **words) {
    if (count < 7) return 2;
    int is_server = strcmp(words[1], "server") == 0;
    wolfSSL_Init();
    WOLFSSL_CTX *context = wolfSSL_CTX_new(method(is_server, words[3]));
    if (!context) return 2;
    int verify = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    wolfSSL_CTX_set_verify(context, verify, take_any);
    if (wolfSSL_CTX_use_certificate_file(context, "cert.pem", WOLFSSL_FILETYPE_PEM) != 1 ||
        wolfSSL_CTX_use_PrivateKey_file(context, "key.pem", WOLFSSL_FILETYPE_PEM) != 1) {
        tell("failed: certificate");
        return 2;
    }
    if (strcmp(words[4], "-") != 0 && wolfSSL_CTX_set_cipher_list(context, words[4]) != 1) {
        tell("failed: suite");
        return 2;
    }
    wolfSSL_CTX_set_tlsext_use_srtp(context, words[6]);
    int groups[8], group_count = 0;
    if (strcmp(words[5], "-") != 0)
        for (char *name = strtok(words[5], ","); name && group_count < 8; name = strtok(NULL, ","))
            groups[group_count++] = group_of(name);
    if (group_count > 0 && wolfSSL_CTX_set_groups(context, groups, group_count) != 1) {
        tell("failed: groups");
        return 2;
    }
    ssl = wolfSSL_new(context);
    /* A client sends a share of the first group alone: another one takes a second hello. */
    if (!is_server && group_count > 0 && strcmp(words[3], "1.2") != 0)
        wolfSSL_UseKeyShare(ssl, (unsigned short)groups[0]);
    if (is_server && strcmp(words[3], "1.2") != 0) wolfSSL_dtls13_allow_ch_frag(ssl, 1);
    for (int at = 7; at < count; at++) {
        if (strcmp(words[at], "no-cookie") == 0) wolfSSL_disable_hrr_cookie(ssl);
        if (strcmp(words[at], "quick") == 0) is_quick = 1;
    }
    /* Keeps what the exporter needs. */
    wolfSSL_KeepArrays(ssl);
    wolfSSL_dtls_set_mtu(ssl, 1472);
    fd = open_socket(is_server, words[2]);
    wolfSSL_set_dtls_fd_connected(ssl, fd);
    wolfSSL_dtls_set_using_nonblock(ssl, 1);
    shake_hands();
    const char *group = wolfSSL_get_curve_name(ssl);
    tell("connected %s %s %s", wolfSSL_get_version(ssl), wolfSSL_get_cipher(ssl),
         group ? group : "-");
    const WOLFSSL_SRTP_PROTECTION_PROFILE *profile = wolfSSL_get_selected_srtp_profile(ssl);
    tell("profile %s", profile ? profile->name : "-");
    unsigned char material[128];
    size_t len = 0;
    wolfSSL_export_dtls_srtp_keying_material(ssl, NULL, &len);
    if (profile && len <= sizeof material &&
        wolfSSL_export_dtls_srtp_keying_material(ssl, material, &len) == 1)
        tell_bytes("keys", material, len);
    converse();
    return 0;
}
