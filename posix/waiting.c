/*
 * Waiting with poll(2), woken by an eventfd. On the thread that waits; wake on
 * any.
 */
#include "posix/waiting.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/sys/clock.h"

/* Milliseconds for poll, rounded up; the rest of a long wait comes later. */
static int poll_ms(spd_ns left_ns)
{
    spd_ns ms = left_ns / SPD_NS_PER_MS + (left_ns % SPD_NS_PER_MS != 0);

    return left_ns <= 0 ? 0 : ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static spd_ns left_of(spd_ns timeout_ns, spd_ticks start)
{
    if (timeout_ns == SPD_NS_FOREVER) {
        return SPD_NS_FOREVER;
    }
    return timeout_ns - spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz());
}

int spd_waiting_poll(struct pollfd *fds, size_t n, spd_ns timeout_ns)
{
    spd_ticks start = spd_clock_now();
    spd_ns left_ns = timeout_ns;
    int rc;

    do {
        rc = poll(fds, (nfds_t)n, poll_ms(left_ns));
        left_ns = left_of(timeout_ns, start);
    } while ((rc < 0 && errno == EINTR) || (rc == 0 && left_ns > 0));
    return rc;
}

int spd_waiting_waker(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void spd_waiting_wake(int waker)
{
    uint64_t one = 1;
    ssize_t rc;

    /* Full (EAGAIN) is woken too. */
    do {
        rc = write(waker, &one, sizeof one);
    } while (rc < 0 && errno == EINTR);
}

/* A wake that cannot be read stays, and is found again. */
void spd_waiting_clear(int waker)
{
    uint64_t count;
    ssize_t rc;

    do {
        rc = read(waker, &count, sizeof count);
    } while (rc < 0 && errno == EINTR);
}
