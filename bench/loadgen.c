/* The stations: thousands of OCPP-J WebSocket clients in one thread (epoll), their frames made and masked beforehand.
 *
 * Usage: loadgen HOST_IP PORT [SOURCE_IP [PATH_PREFIX]]     commands on standard input, JSON lines on standard output:
 *
 *   mode mix|meter|hb          which CALLs: 75 % MeterValues (~880 B) and 25 % Heartbeat, or one of them alone
 *   tls                        connections made from now on speak TLS (tls.h); {"ok":0} where it was built without
 *   connect N CONCURRENT       N more connections, at most so many handshakes in flight
 *   closed SECONDS WARM [ACTIVE]   closed loop: one CALL outstanding on each connection (or on ACTIVE of them)
 *   open RATE SECONDS WARM     open loop: RATE CALLs/s over all connections; latency counts from the intended time
 *   flood N                    the first N connections send CALL after CALL, as fast as they are taken, until `calm`;
 *                              `closed` and `open` leave them out
 *   calm                       no more of it; waits for what is under way
 *   agreed                     version and cipher of the first connection, and how many resumed a session: 0
 *   sleep SECONDS              stays, and answers pings
 *   closeall                   resets all connections
 *   quit
 *
 * `closed` and `open` write {"ev":"meas"} when the warm-up is over, {"ev":"end"} when the measured time is, and then the
 * figures: rt (round trips answered in the measured time), rt_s, p50_us … max_us; and what must be 0 or equal if nothing
 * was lost: sent and answered (of the whole run), errs (answers that do not belong to the oldest CALL, or cannot be
 * read), drops (CALLs not made because 32 wait on that connection), undrained (unanswered 5 s after the end), dead
 * (connections that the other side ended).
 */
#include "common.h"
#include "tls.h"

#define VARIANTS 1024 /* different CALLs; each connection walks through them from its own place */
#define RING 32       /* CALLs outstanding on a connection; divides 65536 */
#define CONNS_MAX 200000
#define CARRY_MAX 512 /* of a frame or head that has not come whole; answers are below 128 bytes */
#define CONNECT_PATIENCE_NS 120000000000LL
#define DRAIN_PATIENCE_NS 5000000000LL
#define CALM_PATIENCE_NS 60000000000LL /* a flood may have filled megabytes of buffers on the way */
#define FLOOD_TURN 65536 /* bytes that a flooding connection sends before all others had their turn */

enum state { CONNECTING, SECURING, SHAKING, OPEN, DEAD }; /* SECURING: in the handshake of TLS */
enum mode { MIX, METER, HEARTBEAT, MODES };

typedef struct {
    int fd, carry, offset; /* offset: of the CALL that is half sent */
    int flooding, half;    /* half: the CALL of a flood that is half sent */
    enum state state;
    SSL *tls; /* 0: plain */
    uint32_t next;             /* which CALL comes next */
    uint16_t head, sent, tail; /* answered <= sent <= made */
    int64_t since_ns;
    int64_t made_ns[RING];
    uint16_t call[RING];
    unsigned char kept[CARRY_MAX];
} conn;

static struct {
    unsigned char *frame;
    int size, payload;
    char id[40];
} calls[VARIANTS];
static int pool[MODES][VARIANTS], pool_size[MODES];

static enum mode mode = MIX;
static conn *conns[CONNS_MAX];
static int conn_count, ep, ready_count, fail_count, flooders;
static long dead_count, errs, answered, answered_measured, sent_count, drops;
static int in_closed_loop, with_tls;
static int64_t measure_from_ns, measure_until_ns;
static const char *host, *source = "127.0.0.1", *prefix = "/ocpp";
static int port;

/* --- random: the same at each run --- */

static uint64_t seed = 88172645463325252ULL;
static uint32_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed >> 16;
}

/* --- latencies: to 1 us below 20 ms, to 10 us below 1 s, to 1 ms above --- */

#define FINE 20000
#define MIDDLE 100000
#define COARSE 60000
static uint32_t fine[FINE], middle[MIDDLE], coarse[COARSE];
static long taken;
static double taken_us;

static void forget(void) {
    memset(fine, 0, sizeof fine);
    memset(middle, 0, sizeof middle);
    memset(coarse, 0, sizeof coarse);
    taken = 0, taken_us = 0;
}

static void take(int64_t ns) {
    int64_t us = ns < 0 ? 0 : ns / 1000;
    taken++, taken_us += us;
    if (us < FINE) fine[us]++;
    else if (us < 10LL * MIDDLE) middle[us / 10]++;
    else coarse[us / 1000 < COARSE ? us / 1000 : COARSE - 1]++;
}

static double quantile(double q) {
    if (!taken) return -1;
    long rank = q * taken, seen = 0;
    if (rank >= taken) rank = taken - 1;
    for (int i = 0; i < FINE; i++)
        if ((seen += fine[i]) > rank) return i;
    for (int i = 0; i < MIDDLE; i++)
        if ((seen += middle[i]) > rank) return i * 10.;
    for (int i = 0; i < COARSE; i++)
        if ((seen += coarse[i]) > rank) return i * 1000.;
    return -1;
}

/* --- the CALLs --- */

static int meter_values(char *p, const char *id) {
    static const char *measurands[] = {
        "Energy.Active.Import.Register\",\"unit\":\"Wh", "Power.Active.Import\",\"unit\":\"W",
        "Current.Import\",\"unit\":\"A\",\"phase\":\"L1", "Voltage\",\"unit\":\"V\",\"phase\":\"L1-N",
        "SoC\",\"unit\":\"Percent",                       "Temperature\",\"unit\":\"Celsius"};
    int n = sprintf(p,
                    "[2,\"%s\",\"MeterValues\",{\"connectorId\":%u,\"transactionId\":%u,\"meterValue\":[{\"timestamp\":"
                    "\"2026-01-01T12:%02u:%02u.000Z\",\"sampledValue\":[",
                    id, 1 + rnd() % 2, rnd() % 100000, rnd() % 60, rnd() % 60);
    int count = 5 + rnd() % 2;
    for (int i = 0; i < count; i++)
        n += sprintf(p + n,
                     "%s{\"value\":\"%u.%u\",\"context\":\"Sample.Periodic\",\"format\":\"Raw\",\"measurand\":\"%s\","
                     "\"location\":\"%s\"}",
                     i ? "," : "", rnd() % 90000, rnd() % 10, measurands[i], i == 4 ? "EV" : "Outlet");
    return n + sprintf(p + n, "]}]}]");
}

static void make_calls(void) {
    static const char hex[] = "0123456789abcdef";
    for (int v = 0; v < VARIANTS; v++) {
        char p[2048], *id = calls[v].id;
        for (int i = 0; i < 36; i++) id[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : hex[rnd() & 15];
        enum mode kind = v % 4 == 3 ? HEARTBEAT : METER;
        int n = kind == HEARTBEAT ? sprintf(p, "[2,\"%s\",\"Heartbeat\",{}]", id) : meter_values(p, id), o = 0;
        unsigned char *f = must(malloc(n + 8)), mask[4];
        f[o++] = 0x81;
        f[o++] = 0x80 | (n < 126 ? n : 126);
        if (n >= 126) f[o++] = n >> 8, f[o++] = n;
        for (int i = 0; i < 4; i++) f[o++] = mask[i] = rnd();
        for (int i = 0; i < n; i++) f[o++] = p[i] ^ mask[i & 3];
        calls[v].frame = f, calls[v].size = o, calls[v].payload = n;
        pool[MIX][pool_size[MIX]++] = v;
        pool[kind][pool_size[kind]++] = v;
    }
}

/* --- one connection --- */

static void want(conn *c, int events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static int put(conn *c, const void *p, int n) {
    return c->tls ? tls_send(c->tls, p, n) : (int)send(c->fd, p, n, MSG_NOSIGNAL);
}

static int get(conn *c, unsigned char *p, int size) {
    return c->tls ? tls_receive(c->tls, p, size) : (int)recv(c->fd, p, size, 0);
}

static void bury(conn *c) {
    if (c->tls) tls_end(c->tls);
    if (c->fd >= 0) close(c->fd);
    if (c->state == OPEN) ready_count--, flooders -= c->flooding;
    c->fd = -1, c->tls = 0, c->state = DEAD;
}

static void died(conn *c) {
    dead_count++;
    bury(c);
}

static void flush(conn *c) {
    while (c->sent != c->tail) {
        int v = c->call[c->sent % RING];
        int n = put(c, calls[v].frame + c->offset, calls[v].size - c->offset);
        if (n < 0 && errno != EAGAIN) {
            died(c);
            return;
        }
        if (n > 0) c->offset += n;
        if (c->offset < calls[v].size) {
            want(c, EPOLLIN | EPOLLOUT);
            return;
        }
        c->offset = 0;
        c->sent++;
        sent_count++;
    }
}

static int calm;
static long flood_sent, flood_answered;

/* What a turn allows of a flood. The kernel says again that there is room, so nothing needs to be remembered. */
static void pour(conn *c) {
    for (int sent = 0; sent < FLOOD_TURN;) {
        int v = pool[mode][c->next % pool_size[mode]];
        if (!c->half && calm) {
            want(c, EPOLLIN);
            return;
        }
        int n = put(c, calls[v].frame + c->offset, calls[v].size - c->offset);
        if (n < 0 && errno == EAGAIN) {
            c->half |= c->tls != 0; /* OpenSSL keeps a record of it that must go before anything else does */
            return;
        }
        if (n < 0) {
            died(c);
            return;
        }
        sent += n, c->offset += n, c->half = c->offset < calls[v].size;
        if (!c->half) c->offset = 0, c->next++, flood_sent++;
    }
}

static void call(conn *c, int64_t t) {
    if ((uint16_t)(c->tail - c->head) >= RING) {
        drops++;
        return;
    }
    c->made_ns[c->tail % RING] = t;
    c->call[c->tail % RING] = pool[mode][c->next++ % pool_size[mode]];
    c->tail++;
    flush(c);
}

static void on_answer(conn *c, const unsigned char *p, int n, int64_t t) {
    if (c->flooding) {
        flood_answered++;
        return;
    }
    if (c->head == c->sent) { /* nobody asked */
        errs++;
        return;
    }
    if (n < 42 || p[1] != '3' || memcmp(p + 4, calls[c->call[c->head % RING]].id, 36)) errs++;
    int64_t made_ns = c->made_ns[c->head % RING];
    c->head++;
    answered++;
    if (t >= measure_from_ns && t < measure_until_ns) {
        answered_measured++;
        take(t - made_ns);
    }
    if (in_closed_loop && t < measure_until_ns) call(c, now_ns());
}

static int dial(conn *c) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) return -1;
    no_delay(fd);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct linger reset = {1, 0}; /* no TIME_WAIT, or a few rounds use up all ports */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, source, &from.sin_addr);
    inet_pton(AF_INET, host, &to.sin_addr);
    c->fd = fd, c->state = CONNECTING, c->since_ns = now_ns();
    if (bind(fd, (void *)&from, sizeof from) || (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS)) return -1;
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

/* --- many at once --- */

static int base, goal, concurrent, started, in_flight;

static void failed(conn *c) {
    fail_count++;
    in_flight--;
    bury(c);
}

static void dial_more(void) {
    while (started < goal && in_flight < concurrent) {
        conn *c = conns[base + started++];
        in_flight++;
        if (dial(c)) failed(c);
    }
}

static void give_way(conn *c) {
    failed(c);
    dial_more();
}

static void ask(conn *c) {
    char head[512];
    int n = snprintf(head, sizeof head,
                     "GET %s/CP%06u HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Protocol: ocpp1.6\r\nUser-Agent: nocwatch-bench\r\n\r\n",
                     prefix, c->next, host, port);
    if (put(c, head, n) != n) {
        give_way(c);
        return;
    }
    c->state = SHAKING;
    want(c, EPOLLIN);
}

static void secure(conn *c) {
    int waits_for = tls_shake(c->tls);
    if (waits_for < 0) give_way(c);
    else if (waits_for) want(c, waits_for);
    else ask(c);
}

static void on_connected(conn *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        give_way(c);
    } else if (with_tls) {
        c->tls = tls_begin(c->fd), c->state = SECURING;
        secure(c);
    } else {
        ask(c);
    }
}

/* Offset behind the head of the answer; 0: more must come; -1: it is no 101. */
static int shaken(conn *c, unsigned char *buf, int n) {
    unsigned char *end = memmem(buf, n, "\r\n\r\n", 4);
    if (!end && n <= CARRY_MAX) {
        memcpy(c->kept, buf, n);
        c->carry = n;
        return 0;
    }
    if (!end || n < 12 || memcmp(buf + 9, "101", 3)) return -1; /* a head above 512 bytes is none of our back end's */
    return end + 4 - buf;
}

static void on_readable(conn *c) {
    static unsigned char buf[262144];
    memcpy(buf, c->kept, c->carry);
    int n = get(c, buf + c->carry, sizeof buf - c->carry), at = 0;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (c->state == SHAKING) give_way(c);
        else died(c);
        return;
    }
    n += c->carry, c->carry = 0;
    if (c->state == SHAKING) {
        at = shaken(c, buf, n);
        if (at == 0) return;
        if (at < 0) failed(c);
        else c->state = OPEN, ready_count++, in_flight--, take(now_ns() - c->since_ns);
        dial_more();
        if (at < 0) return;
    }
    int64_t t = now_ns();
    while (n - at >= 2) {
        unsigned char *b = buf + at;
        int opcode = b[0] & 15, size = b[1] & 127, head = 2;
        if (size == 126) {
            if (n - at < 4) break;
            size = b[2] << 8 | b[3], head = 4;
        } else if (size == 127) { /* nobody answers so much */
            errs++;
            died(c);
            return;
        }
        if (n - at < head + size) break;
        if (opcode == 1) {
            on_answer(c, b + head, size, t);
        } else if (opcode == 9 && size <= 125 && c->sent == c->tail && !c->half) { /* not in the middle of a CALL */
            unsigned char pong[140] = {0x8a, 0x80 | size}; /* the mask is zero */
            memcpy(pong + 6, b + head, size);
            if (put(c, pong, 6 + size) != 6 + size) died(c);
        } else if (opcode == 8) {
            died(c);
            return;
        }
        if (c->state == DEAD) return;
        at += head + size;
    }
    if (n - at > CARRY_MAX) {
        errs++;
        died(c);
        return;
    }
    memcpy(c->kept, buf + at, n - at);
    c->carry = n - at;
}

static void handle(conn *c, uint32_t events) {
    if (c->state == DEAD) return;
    if (c->state == CONNECTING || c->state == SECURING) {
        if (c->state == CONNECTING) on_connected(c);
        else secure(c);
        return;
    }
    if (c->state == OPEN && c->flooding && events & EPOLLOUT) {
        pour(c);
    } else if (c->state == OPEN && events & EPOLLOUT) {
        want(c, EPOLLIN);
        flush(c);
    }
    if (c->state != DEAD && events & ~EPOLLOUT) on_readable(c);
}

/* One batch of events, waiting for it no longer than until_ns. */
static void step(int64_t until_ns) {
    static struct epoll_event ev[1024];
    int64_t d = until_ns - now_ns();
    if (d < 0) d = 0;
    if (d > 50000000) d = 50000000;
    struct timespec wait = {0, d};
    int n = epoll_pwait2(ep, ev, 1024, &wait, 0);
    if (n < 0 && errno == ENOSYS) n = epoll_wait(ep, ev, 1024, d / 1000000); /* Linux before 5.11 */
    for (int i = 0; i < n; i++) handle(ev[i].data.ptr, ev[i].events);
}

/* --- commands --- */

static void do_connect(int n, int at_once) {
    if (n > CONNS_MAX - conn_count) n = CONNS_MAX - conn_count;
    base = conn_count, goal = n, concurrent = at_once > 0 ? at_once : 100, started = in_flight = 0, fail_count = 0;
    int before = ready_count;
    double cpu = cpu_s();
    forget();
    for (int i = 0; i < n; i++) {
        conn *c = must(calloc(1, sizeof *c));
        c->fd = -1, c->next = conn_count, c->state = DEAD;
        conns[conn_count++] = c;
    }
    int64_t from = now_ns(), until = from + CONNECT_PATIENCE_NS;
    dial_more();
    while (in_flight && now_ns() < until) step(now_ns() + 50000000);
    double seconds = (now_ns() - from) / 1e9;
    goal = started; /* whoever is still waiting has had its time */
    for (int i = base; i < conn_count; i++)
        if (conns[i]->state != OPEN && conns[i]->state != DEAD) failed(conns[i]);
    printf("{\"ev\":\"connect\",\"n\":%d,\"ok\":%d,\"fail\":%d,\"secs\":%.4f,\"per_s\":%.1f,\"p50_us\":%.0f,"
           "\"p99_us\":%.0f,\"max_us\":%.0f,\"gen_cpu\":%.3f}\n",
           n, ready_count - before, n - (ready_count - before), seconds, (ready_count - before) / seconds, quantile(.5),
           quantile(.99), quantile(1), cpu_s() - cpu);
}

static void do_tls(void) {
    with_tls = tls_setup();
    printf("{\"ev\":\"tls\",\"ok\":%d}\n", with_tls);
}

/* What the first connection agreed on, and how many were no full handshake (which must be 0). */
static void do_agreed(void) {
    SSL *tls = conn_count ? conns[0]->tls : 0;
    int resumed = 0;
    for (int i = 0; i < conn_count; i++) resumed += conns[i]->tls && tls_resumed(conns[i]->tls);
    printf("{\"ev\":\"agreed\",\"version\":\"%s\",\"cipher\":\"%s\",\"resumed\":%d}\n", tls ? tls_version(tls) : "",
           tls ? tls_cipher(tls) : "", resumed);
}

static void do_closeall(void) {
    int n = conn_count;
    for (int i = 0; i < n; i++) {
        bury(conns[i]);
        free(conns[i]);
    }
    conn_count = ready_count = 0;
    printf("{\"ev\":\"closeall\",\"n\":%d}\n", n);
}

static double cpu_at_measure;

static void mark_measure(void) {
    if (cpu_at_measure < 0 && now_ns() >= measure_from_ns) {
        cpu_at_measure = cpu_s();
        printf("{\"ev\":\"meas\"}\n");
    }
}

static void closed_loop(int active) {
    in_closed_loop = 1;
    for (int i = 0, n = 0; i < conn_count && n < active; i++) {
        if (conns[i]->state != OPEN || conns[i]->flooding) continue;
        call(conns[i], now_ns());
        if ((++n & 63) == 0) step(0);
    }
    while (now_ns() < measure_until_ns) {
        mark_measure();
        step(measure_until_ns);
    }
    in_closed_loop = 0;
}

static int quiet_count(void) { return ready_count - flooders; }

static void open_loop(double rate, int64_t from) {
    double interval = 1e9 / rate;
    int64_t next = from;
    int at = 0;
    for (long i = 0; now_ns() < measure_until_ns;) {
        mark_measure();
        int64_t t = now_ns();
        for (int burst = 0; next <= t && burst < 64 && quiet_count(); burst++) {
            while (conns[at]->state != OPEN || conns[at]->flooding) at = (at + 1) % conn_count;
            call(conns[at], next);
            at = (at + 1) % conn_count;
            next = from + (int64_t)(++i * interval);
        }
        step(next < measure_until_ns ? next : measure_until_ns);
    }
}

static int outstanding(void) {
    int n = 0;
    for (int i = 0; i < conn_count; i++) n += conns[i]->state == OPEN && conns[i]->head != conns[i]->tail;
    return n;
}

static void do_load(const char *name, double rate, double seconds, double warm, int active) {
    forget();
    answered = answered_measured = sent_count = drops = errs = 0;
    long dead_before = dead_count;
    int64_t from = now_ns();
    measure_from_ns = from + warm * 1e9;
    measure_until_ns = measure_from_ns + seconds * 1e9;
    cpu_at_measure = -1;
    if (rate > 0) open_loop(rate, from);
    else closed_loop(active);
    double cpu = cpu_s() - cpu_at_measure;
    printf("{\"ev\":\"end\"}\n");
    int64_t patience = now_ns() + DRAIN_PATIENCE_NS;
    while (outstanding() && now_ns() < patience) step(now_ns() + 20000000);
    printf("{\"ev\":\"%s\",\"secs\":%.3f,\"rt\":%ld,\"rt_s\":%.1f,\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f,"
           "\"p999_us\":%.0f,\"max_us\":%.0f,\"mean_us\":%.1f,\"sent\":%ld,\"answered\":%ld,\"errs\":%ld,\"drops\":%ld,"
           "\"undrained\":%d,\"dead\":%ld,\"gen_cpu\":%.3f}\n",
           name, seconds, answered_measured, answered_measured / seconds, quantile(.5), quantile(.9), quantile(.99),
           quantile(.999), quantile(1), taken ? taken_us / taken : 0, sent_count, answered, errs, drops, outstanding(),
           dead_count - dead_before, cpu);
}

static void do_flood(int n) {
    calm = 0, flooders = 0, flood_sent = flood_answered = 0;
    for (int i = 0; i < conn_count && flooders < n; i++) {
        if (conns[i]->state != OPEN) continue;
        conns[i]->flooding = 1;
        flooders++;
        want(conns[i], EPOLLIN | EPOLLOUT);
    }
    printf("{\"ev\":\"flood\",\"n\":%d}\n", flooders);
}

static void do_calm(void) {
    calm = 1;
    int64_t patience = now_ns() + CALM_PATIENCE_NS;
    while (flood_answered < flood_sent && now_ns() < patience) step(now_ns() + 20000000);
    for (int i = 0; i < conn_count; i++) conns[i]->flooding = 0;
    flooders = 0;
    printf("{\"ev\":\"calm\",\"sent\":%ld,\"answered\":%ld}\n", flood_sent, flood_answered);
}

static void do_sleep(double seconds) {
    int64_t until = now_ns() + seconds * 1e9;
    while (now_ns() < until) step(until);
    printf("{\"ev\":\"sleep\",\"alive\":%d,\"dead\":%ld}\n", ready_count, dead_count);
}

static void do_mode(const char *name) {
    mode = !strcmp(name, "meter") ? METER : !strcmp(name, "hb") ? HEARTBEAT : MIX;
    double sum = 0;
    for (int i = 0; i < pool_size[mode]; i++) sum += calls[pool[mode][i]].payload;
    printf("{\"ev\":\"mode\",\"mode\":\"%s\",\"payload_mean\":%.1f}\n", name, sum / pool_size[mode]);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: %s HOST_IP PORT [SOURCE_IP [PATH_PREFIX]]\n", argv[0]);
        return 2;
    }
    begin();
    setvbuf(stdout, 0, _IOLBF, 0);
    host = argv[1], port = atoi(argv[2]);
    if (argc > 3) source = argv[3];
    if (argc > 4) prefix = argv[4];
    ep = epoll_create1(0);
    make_calls();
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        char word[32] = "", text[32] = "";
        double a = 0, b = 0, d = 0;
        sscanf(line, "%31s %31s", word, text);
        int given = sscanf(line, "%*s %lf %lf %lf", &a, &b, &d);
        if (!strcmp(word, "quit")) break;
        else if (!strcmp(word, "mode")) do_mode(text);
        else if (!strcmp(word, "connect") && a > 0) do_connect(a, b);
        else if (!strcmp(word, "flood") && a > 0) do_flood(a);
        else if (!strcmp(word, "calm")) do_calm();
        else if (!strcmp(word, "sleep")) do_sleep(a);
        else if (!strcmp(word, "closeall")) do_closeall();
        else if (!strcmp(word, "tls")) do_tls();
        else if (!strcmp(word, "agreed")) do_agreed();
        else if (!strcmp(word, "closed") && a > 0) do_load("closed", 0, a, b, given >= 3 && d > 0 ? d : conn_count);
        else if (!strcmp(word, "open") && a > 0 && b > 0) do_load("open", a, b, d, 0);
        else printf("{\"ev\":\"unknown\",\"line\":\"%s\"}\n", word);
    }
    return 0;
}
