/*
 * The error queue of a socket: send stamps where the ring cannot read them, and
 * the ICMP errors that came back. Runs held; after spd_udp_errors_init nothing
 * allocates. What stands in the queue was quoted by some router: hostile.
 */
#include "posix/udp_private.h"

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/net_tstamp.h>
#include <string.h>

#include "posix/oserr.h"
#include "posix/sockaddr.h"

enum { CONTROL_BYTES = 320 };

/* Where recvmmsg puts what it reads. */
struct spd_udp_error_buffers {
    struct mmsghdr messages[SPD_UDP_N_READ];
    struct iovec vectors[SPD_UDP_N_READ];
    alignas(8) unsigned char control[SPD_UDP_N_READ][CONTROL_BYTES];
    unsigned char payload[SPD_UDP_N_READ][SPD_UDP_ICMP_PAYLOAD];
};

enum spd_err spd_udp_errors_init(struct spd_udp *udp)
{
    udp->error_buffers = calloc(1, sizeof *udp->error_buffers);
    udp->icmp = calloc(SPD_UDP_N_ICMP, sizeof udp->icmp[0]);
    return udp->error_buffers != NULL && udp->icmp != NULL ? SPD_ERR_OK : SPD_ERR_NOMEM;
}

void spd_udp_errors_free(struct spd_udp *udp)
{
    free(udp->error_buffers);
    free(udp->icmp);
}

/* The code tells more than the errno that Linux makes of it. RFC 792, RFC 1812
 * section 5.2.7.1, RFC 4443 section 3.1. */
static enum spd_err icmp_err(const struct sock_extended_err *error)
{
    if (error->ee_origin == SO_EE_ORIGIN_ICMP && error->ee_type == ICMP_DEST_UNREACH &&
        (error->ee_code == ICMP_NET_ANO || error->ee_code == ICMP_HOST_ANO ||
         error->ee_code == ICMP_PKT_FILTERED)) {
        return SPD_ERR_PROHIBITED;
    }
    if (error->ee_origin == SO_EE_ORIGIN_ICMP6 && error->ee_type == ICMPV6_DEST_UNREACH &&
        (error->ee_code == ICMPV6_ADM_PROHIBITED || error->ee_code == ICMPV6_POLICY_FAIL)) {
        return SPD_ERR_PROHIBITED;
    }
    return spd_oserr_map((int)error->ee_errno);
}

/* The oldest goes when there are too many. */
static void keep_icmp(struct spd_udp *udp, const struct sock_extended_err *error,
                      const struct sockaddr_storage *offender, const unsigned char *payload,
                      size_t n_payload)
{
    if (udp->n_icmp == SPD_UDP_N_ICMP) {
        udp->first_icmp = (udp->first_icmp + 1) % SPD_UDP_N_ICMP;
        udp->n_icmp--;
    }
    struct spd_udp_icmp *icmp = &udp->icmp[(udp->first_icmp + udp->n_icmp) % SPD_UDP_N_ICMP];

    icmp->err = icmp_err(error);
    (void)spd_sockaddr_to(offender, &icmp->offender);
    spd_udp_unmap(&icmp->offender);
    icmp->n_payload =
        (uint32_t)(n_payload < sizeof icmp->payload ? n_payload : sizeof icmp->payload);
    memcpy(icmp->payload, payload, icmp->n_payload);
    udp->n_icmp++;
}

static bool is_error_control(const struct cmsghdr *control)
{
    return ((control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) ||
            (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR)) &&
           control->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err));
}

/* One entry of the queue. */
static void take_entry(struct spd_udp *udp, struct msghdr *message, const unsigned char *payload,
                       size_t n_payload, spd_udp_stamp_sink *sink, void *context)
{
    struct sock_extended_err error = { .ee_origin = SO_EE_ORIGIN_NONE };
    struct scm_timestamping at = { .ts = { { 0, 0 } } };
    struct sockaddr_storage offender;

    memset(&offender, 0, sizeof offender);
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
         control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPING &&
            control->cmsg_len >= CMSG_LEN(sizeof at)) {
            memcpy(&at, CMSG_DATA(control), sizeof at);
        } else if (is_error_control(control)) {
            size_t n = control->cmsg_len - CMSG_LEN(sizeof error);

            memcpy(&error, CMSG_DATA(control), sizeof error);
            memcpy(&offender, CMSG_DATA(control) + sizeof error,
                   n < sizeof offender ? n : sizeof offender);
        }
    }
    if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
        const struct spd_udp_stamp stamp = {
            .id = error.ee_data,
            .is_sched = error.ee_info == SCM_TSTAMP_SCHED,
            .at_ns = (int64_t)at.ts[0].tv_sec * SPD_NS_PER_S + at.ts[0].tv_nsec,
        };

        if (error.ee_info != SCM_TSTAMP_SCHED && error.ee_info != SCM_TSTAMP_SND) {
            return;
        }
        if (sink != NULL) {
            sink(context, &stamp);
        } else {
            spd_udp_stamps_stash(udp, &stamp);
        }
    } else if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6) {
        keep_icmp(udp, &error, &offender, payload, n_payload);
    }
}

void spd_udp_errors_drain(struct spd_udp *udp, spd_udp_stamp_sink *sink, void *context)
{
    struct spd_udp_error_buffers *buffers = udp->error_buffers;
    int pending = 0;
    socklen_t n_pending = sizeof pending;
    int n = SPD_UDP_N_READ;

    /* Reading an ICMP error from the queue forgets that the next call was to
     * fail with it (sock_dequeue_err_skb), and a receive must get it. */
    if (getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &pending, &n_pending) == 0 && pending != 0) {
        spd_udp_receives_failed(udp, pending);
    }
    while (n == SPD_UDP_N_READ) {
        for (int i = 0; i < SPD_UDP_N_READ; i++) {
            buffers->vectors[i].iov_base = buffers->payload[i];
            buffers->vectors[i].iov_len = sizeof buffers->payload[i];
            buffers->messages[i].msg_hdr = (struct msghdr){
                .msg_iov = &buffers->vectors[i],
                .msg_iovlen = 1,
                .msg_control = buffers->control[i],
                .msg_controllen = CONTROL_BYTES,
            };
        }
        n = recvmmsg(udp->fd, buffers->messages, SPD_UDP_N_READ, MSG_ERRQUEUE | MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            take_entry(udp, &buffers->messages[i].msg_hdr, buffers->payload[i],
                       buffers->messages[i].msg_len, sink, context);
        }
    }
}

enum spd_err spd_udp_take_icmp_error(struct spd_udp *udp, enum spd_err *err, void *payload,
                                     size_t capacity, size_t *n_payload, struct spd_addr *offender)
{
    spd_cport_hold(udp->port);
    if (udp->n_icmp == 0) {
        spd_udp_errors_drain(udp, NULL, NULL);
    }
    if (udp->n_icmp == 0) {
        *err = SPD_ERR_OK;
        *n_payload = 0;
    } else {
        const struct spd_udp_icmp *icmp = &udp->icmp[udp->first_icmp];

        *err = icmp->err;
        *offender = icmp->offender;
        *n_payload = icmp->n_payload < capacity ? icmp->n_payload : capacity;
        if (*n_payload > 0) {
            memcpy(payload, icmp->payload, *n_payload);
        }
        udp->first_icmp = (udp->first_icmp + 1) % SPD_UDP_N_ICMP;
        udp->n_icmp--;
    }
    spd_cport_release(udp->port);
    return SPD_ERR_OK;
}
