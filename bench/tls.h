/* TLS of the load generator's connections: OpenSSL where the Makefile found it, otherwise `tls_setup` says no.
 *
 * Every connection is a full handshake of the same kind, whoever answers: TLS 1.3, X25519, AES-128-GCM, no session is ever
 * resumed. The peer's certificate is not verified against an authority; its signature of the handshake is checked.
 */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H
#include "common.h"

#ifdef BENCH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *tls_context;

static inline int tls_setup(void) {
    if (tls_context) return 1;
    SSL_CTX *context = must(SSL_CTX_new(TLS_client_method()));
    int known = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
                SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") && SSL_CTX_set1_groups_list(context, "X25519");
    if (!known) {
        SSL_CTX_free(context);
        return 0;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* A write that was refused is tried again with the same bytes, which may lie elsewhere by then. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* half as many reads: whoever waits must ask `tls_receive` until it is empty */
    tls_context = context;
    return 1;
}

static inline SSL *tls_begin(int fd) {
    SSL *ssl = SSL_new(tls_context);
    if (!ssl || !SSL_set_fd(ssl, fd)) give_up("TLS");
    SSL_set_connect_state(ssl);
    return ssl;
}

static inline void tls_end(SSL *ssl) { SSL_free(ssl); }

/* 0: done; EPOLLIN or EPOLLOUT: what it waits for; -1: it failed. */
static inline int tls_shake(SSL *ssl) {
    ERR_clear_error();
    int done = SSL_do_handshake(ssl);
    if (done == 1) return 0;
    int why = SSL_get_error(ssl, done);
    return why == SSL_ERROR_WANT_READ ? EPOLLIN : why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : -1;
}

/* As send and recv answer: a number, 0 at the end of the peer's words, -1 with errno. */
static inline int tls_answer(SSL *ssl, int n) {
    if (n > 0) return n;
    int why = SSL_get_error(ssl, n);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static inline int tls_send(SSL *ssl, const void *p, int n) {
    ERR_clear_error();
    return tls_answer(ssl, SSL_write(ssl, p, n));
}

/* All that has been decrypted or can be, up to `size`: the kernel does not announce again what OpenSSL already holds. */
static inline int tls_receive(SSL *ssl, unsigned char *p, int size) {
    int all = 0;
    while (all < size) {
        ERR_clear_error();
        int n = tls_answer(ssl, SSL_read(ssl, p + all, size - all));
        if (n <= 0) return all ? all : n;
        all += n;
        if (!SSL_has_pending(ssl)) break;
    }
    return all;
}

static inline const char *tls_version(SSL *ssl) { return SSL_get_version(ssl); }
static inline const char *tls_cipher(SSL *ssl) { return SSL_get_cipher_name(ssl); }
static inline int tls_resumed(SSL *ssl) { return SSL_session_reused(ssl); }

#else
typedef void SSL;
static inline int tls_setup(void) { return 0; }
static inline SSL *tls_begin(int fd) { return (void)fd, (SSL *)0; }
static inline void tls_end(SSL *ssl) { (void)ssl; }
static inline int tls_shake(SSL *ssl) { return (void)ssl, -1; }
static inline int tls_send(SSL *ssl, const void *p, int n) { return (void)ssl, (void)p, (void)n, -1; }
static inline int tls_receive(SSL *ssl, unsigned char *p, int size) { return (void)ssl, (void)p, (void)size, -1; }
static inline const char *tls_version(SSL *ssl) { return (void)ssl, ""; }
static inline const char *tls_cipher(SSL *ssl) { return (void)ssl, ""; }
static inline int tls_resumed(SSL *ssl) { return (void)ssl, 0; }
#endif
#endif
