/* The CSMS: accepts WebSockets, answers every CALL with a CALLRESULT, as cheaply as it can. One thread, epoll.
 *
 * Usage: backend PORT        (0 takes a free one; the first line of standard output is {"port": N})
 *
 * It knows of OCPP-J only the envelope: the id between the first two quotes, and whether the action begins with H
 * (Heartbeat, which is answered with a time). Control frames are answered. What it does not know: fragments, messages
 * above 8 KiB, extensions. A peer that sends such is cut off, which the load generator counts as a dead link.
 */
#include "common.h"

#define IN_MAX 8192
#define OUT_MAX 16384
#define WAITING_MAX (1 << 20) /* bytes unsent to one peer; one that takes nothing is cut off */
#define FDS_MAX 200000
#define ID_MAX 64
#define ANSWER_MAX 125 /* so that a frame's head is two bytes */

typedef struct {
    int fd, open, in_size, out_size;
    char *out;
    unsigned char in[IN_MAX + 1];
} conn;

static conn *conns[FDS_MAX];
static int ep;

static uint32_t rol(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* SHA-1 of at most 180 bytes: the handshake's key and its GUID. */
static void sha1(const unsigned char *m, size_t n, unsigned char *digest) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char b[256] = {0};
    memcpy(b, m, n);
    b[n] = 0x80;
    size_t total = ((n + 8) / 64 + 1) * 64;
    uint64_t bits = n * 8;
    for (int i = 0; i < 8; i++) b[total - 1 - i] = bits >> (8 * i);
    for (size_t o = 0; o < total; o += 64) {
        uint32_t w[80];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)b[o + 4 * i] << 24 | b[o + 4 * i + 1] << 16 | b[o + 4 * i + 2] << 8 | b[o + 4 * i + 3];
        for (int i = 16; i < 80; i++) w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        uint32_t a = h[0], c1 = h[1], c2 = h[2], c3 = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            uint32_t f, k;
            if (i < 20) f = (c1 & c2) | (~c1 & c3), k = 0x5A827999;
            else if (i < 40) f = c1 ^ c2 ^ c3, k = 0x6ED9EBA1;
            else if (i < 60) f = (c1 & c2) | (c1 & c3) | (c2 & c3), k = 0x8F1BBCDC;
            else f = c1 ^ c2 ^ c3, k = 0xCA62C1D6;
            uint32_t t = rol(a, 5) + f + e + k + w[i];
            e = c3, c3 = c2, c2 = rol(c1, 30), c1 = a, a = t;
        }
        h[0] += a, h[1] += c1, h[2] += c2, h[3] += c3, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void base64(const unsigned char *s, int n, char *o) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < n; i += 3) {
        uint32_t v = s[i] << 16 | (i + 1 < n ? s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
        *o++ = set[v >> 18 & 63];
        *o++ = set[v >> 12 & 63];
        *o++ = i + 1 < n ? set[v >> 6 & 63] : '=';
        *o++ = i + 2 < n ? set[v & 63] : '=';
    }
    *o = 0;
}

static void cut(conn *c) {
    close(c->fd);
    conns[c->fd] = 0;
    free(c->out);
    free(c);
}

static void want(conn *c, int events) {
    struct epoll_event e = {.events = events, .data.fd = c->fd};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

/* 0, or -1 where the peer is gone or takes nothing. */
static int put(conn *c, const char *p, int n) {
    if (c->out_size == 0) {
        int sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent == n) return 0;
        if (sent < 0) {
            if (errno != EAGAIN) return -1;
            sent = 0;
        }
        p += sent, n -= sent;
    }
    if (c->out_size + n > WAITING_MAX) return -1;
    c->out = must(realloc(c->out, c->out_size + n));
    memcpy(c->out + c->out_size, p, n);
    c->out_size += n;
    want(c, EPOLLIN | EPOLLOUT);
    return 0;
}

static int put_rest(conn *c) {
    int sent = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    memmove(c->out, c->out + sent, c->out_size - sent);
    c->out_size -= sent;
    if (!c->out_size) want(c, EPOLLIN);
    return 0;
}

static void accept_some(int listener) {
    for (int k = 0; k < 64; k++) {
        int fd = accept4(listener, 0, 0, SOCK_NONBLOCK);
        if (fd < 0) return;
        if (fd >= FDS_MAX) {
            close(fd);
            return;
        }
        no_delay(fd);
        conn *c = must(calloc(1, sizeof *c));
        c->fd = fd;
        conns[fd] = c;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

/* 1: more of the head must come; 0: answered; -1: no handshake. */
static int shake(conn *c) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char *head = (char *)c->in;
    c->in[c->in_size] = 0;
    char *end = strstr(head, "\r\n\r\n");
    if (!end) return c->in_size < IN_MAX ? 1 : -1;
    char *key = strcasestr(head, "\r\nsec-websocket-key:");
    if (!key || key > end) return -1;
    key += 20;
    key += strspn(key, " ");
    size_t n = strcspn(key, " \r");
    unsigned char joined[64 + sizeof guid], digest[20];
    if (n > 64) return -1;
    memcpy(joined, key, n);
    memcpy(joined + n, guid, sizeof guid - 1);
    sha1(joined, n + sizeof guid - 1, digest);
    char accept[32], answer[512];
    base64(digest, 20, accept);
    char *protocol = strcasestr(head, "\r\nsec-websocket-protocol:");
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                        accept, protocol && protocol < end ? "Sec-WebSocket-Protocol: ocpp1.6\r\n" : "");
    int used = end + 4 - head;
    memmove(c->in, c->in + used, c->in_size - used);
    c->in_size -= used;
    c->open = 1;
    return put(c, answer, size);
}

/* A frame with the answer to a CALL, into out; its size, 0 where there is nothing to answer, -1 for a bad id. */
static int answer(const unsigned char *data, uint64_t size, const unsigned char *mask, char *out) {
    char t[128] = {0};
    int n = size < 120 ? (int)size : 120;
    for (int j = 0; j < n; j++) t[j] = data[j] ^ (mask ? mask[j & 3] : 0);
    if (t[0] != '[' || t[1] != '2') return 0;
    char *id = strchr(t, '"'), *end = id ? strchr(id + 1, '"') : 0;
    if (!end || end - id - 1 > ID_MAX) return -1;
    const char *body = end[3] == 'H' ? "{\"currentTime\":\"2026-01-01T12:00:00.000Z\"}" : "{}";
    int written = snprintf(out + 2, ANSWER_MAX + 1, "[3,\"%.*s\",%s]", (int)(end - id - 1), id + 1, body);
    if (written > ANSWER_MAX) return -1;
    out[0] = (char)0x81;
    out[1] = written;
    return written + 2;
}

/* All whole frames in c->in. -1 where the link is at its end. */
static int frames(conn *c) {
    static char out[OUT_MAX + 256];
    int at = 0, ready = 0;
    while (c->in_size - at >= 2) {
        unsigned char *b = c->in + at;
        int opcode = b[0] & 15, masked = b[1] >> 7, head = 2;
        uint64_t size = b[1] & 127;
        if (size == 126) {
            if (c->in_size - at < 4) break;
            size = b[2] << 8 | b[3];
            head = 4;
        } else if (size == 127) {
            return -1;
        }
        if (masked) head += 4;
        if ((uint64_t)(c->in_size - at) < head + size) break;
        unsigned char *mask = masked ? b + head - 4 : 0, *data = b + head;
        at += head + size;
        if (opcode == 8) {
            static const char closing[2] = {(char)0x88, 0};
            put(c, out, ready);
            put(c, closing, sizeof closing);
            return -1;
        }
        if (opcode == 9 && size <= 125) {
            out[ready++] = (char)0x8a;
            out[ready++] = size;
            for (uint64_t j = 0; j < size; j++) out[ready++] = data[j] ^ (mask ? mask[j & 3] : 0);
        } else if (opcode == 1) {
            int n = answer(data, size, mask, out + ready);
            if (n < 0) return -1;
            ready += n;
        }
        if (ready >= OUT_MAX) {
            if (put(c, out, ready)) return -1;
            ready = 0;
        }
    }
    if (ready && put(c, out, ready)) return -1;
    if (at) {
        memmove(c->in, c->in + at, c->in_size - at);
        c->in_size -= at;
    }
    return c->in_size == IN_MAX ? -1 : 0;
}

static int serve(conn *c, uint32_t events) {
    if (events & EPOLLOUT && c->out_size && put_rest(c)) return -1;
    if (!(events & ~EPOLLOUT)) return 0;
    int n = recv(c->fd, c->in + c->in_size, IN_MAX - c->in_size, 0);
    if (n == 0) return -1;
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->in_size += n;
    if (!c->open) {
        int waits = shake(c);
        if (waits) return waits > 0 ? 0 : -1;
    }
    return frames(c);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    begin();
    ep = epoll_create1(0);
    int listener = listen_and_say(atoi(argv[1]));
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ev[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ev, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ev[i].data.fd;
            if (fd == listener) accept_some(listener);
            else if (conns[fd] && serve(conns[fd], ev[i].events)) cut(conns[fd]);
        }
    }
}
