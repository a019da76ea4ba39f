/* The floor: a byte relay in C that does nothing else. Accepts, connects upstream, copies both ways. One thread, epoll.
 *
 * Usage: crelay PORT UPSTREAM_PORT        (both on 127.0.0.1; PORT 0 takes a free one and says it)
 *
 * An end of either side ends both at once; a side whose peer takes nothing is not read. It is a yardstick, not a proxy.
 */
#include "common.h"

typedef struct end {
    int fd, unsent, dead, connecting;
    struct end *peer, *next_dead;
    char *out;
} end;

static int ep;
static end *graveyard; /* ends are freed after the batch of events that may still name them */

static void want(end *p) {
    if (p->dead) return;
    int in = p->peer->unsent || p->peer->connecting ? 0 : EPOLLIN, out = p->unsent || p->connecting ? EPOLLOUT : 0;
    struct epoll_event e = {.events = in | out, .data.ptr = p};
    epoll_ctl(ep, EPOLL_CTL_MOD, p->fd, &e);
}

static void cut(end *p) {
    end *both[2] = {p, p->peer};
    for (int i = 0; i < 2; i++) {
        if (both[i]->dead) continue;
        both[i]->dead = 1;
        close(both[i]->fd);
        both[i]->next_dead = graveyard;
        graveyard = both[i];
    }
}

static void bury(void) {
    while (graveyard) {
        end *p = graveyard;
        graveyard = p->next_dead;
        free(p->out);
        free(p);
    }
}

static end *made(int fd) {
    end *p = must(calloc(1, sizeof *p));
    p->fd = fd;
    no_delay(fd);
    return p;
}

static void accept_some(int listener, int upstream_port) {
    struct sockaddr_in to = loopback(upstream_port);
    for (int k = 0; k < 64; k++) {
        int fd = accept4(listener, 0, 0, SOCK_NONBLOCK);
        if (fd < 0) return;
        int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (up < 0 || (connect(up, (void *)&to, sizeof to) && errno != EINPROGRESS)) {
            close(fd);
            if (up >= 0) close(up);
            continue;
        }
        end *station = made(fd), *csms = made(up);
        station->peer = csms, csms->peer = station, csms->connecting = 1;
        struct epoll_event a = {.events = 0, .data.ptr = station}, b = {.events = EPOLLOUT, .data.ptr = csms};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &a);
        epoll_ctl(ep, EPOLL_CTL_ADD, up, &b);
    }
}

/* -1 where the link is at its end. */
static int move(end *p, uint32_t events) {
    static char buf[65536];
    end *q = p->peer;
    if (events & EPOLLOUT) {
        p->connecting = 0;
        if (p->unsent) {
            int n = send(p->fd, p->out, p->unsent, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) return -1;
            if (n > 0) {
                memmove(p->out, p->out + n, p->unsent - n);
                p->unsent -= n;
            }
        }
        want(p);
        want(q);
    }
    if (!(events & ~EPOLLOUT) || q->unsent || q->connecting) return events & (EPOLLHUP | EPOLLERR) ? -1 : 0;
    int n = recv(p->fd, buf, sizeof buf, 0);
    if (n == 0) return -1;
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    int sent = send(q->fd, buf, n, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) return -1;
        sent = 0;
    }
    if (sent < n) {
        q->out = must(realloc(q->out, n - sent));
        memcpy(q->out, buf + sent, n - sent);
        q->unsent = n - sent;
        want(q);
        want(p);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT UPSTREAM_PORT\n", argv[0]);
        return 2;
    }
    begin();
    ep = epoll_create1(0);
    int listener = listen_and_say(atoi(argv[1])), upstream_port = atoi(argv[2]);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0}, ev[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ev, 512, -1);
        for (int i = 0; i < n; i++) {
            end *p = ev[i].data.ptr;
            if (!p) accept_some(listener, upstream_port);
            else if (!p->dead && move(p, ev[i].events)) cut(p);
        }
        bury();
    }
}
