/*
 * What becomes of a test whose peer goes away: small worlds of bursts, each
 * packet one letter, before and after.
 */
#include "tests/unit/unit.h"

#include "common/engine/unreachable.h"

enum { PACKETS_MAX = 64, BURSTS_MAX = 8 };

/* Bursts are separated by blanks. r: answered, p: nothing came, u: ICMP port
 * unreachable, h: ICMP host unreachable, n: refused by this host for the same
 * reason as u, f: not sent for another reason. */
struct row {
    const char *name;
    const char *before;
    const char *after; /* NULL: the same */
    enum spd_err outcome;
    const char *says;
};

static const struct row rows[] = {
    { "nothing at all", "", NULL, SPD_ERR_OK, "" },
    { "all answered", "rrr rrr", NULL, SPD_ERR_OK, "" },
    { "loss is loss", "rpr ppp ppp", NULL, SPD_ERR_OK, "" },
    { "the peer ends", "rrr uuu uuu", NULL, SPD_ERR_REFUSED, "from burst 1 on" },
    { "its ICMP errors are few", "rrr upp pup", "rrr uuu uuu", SPD_ERR_REFUSED, "from burst 1 on" },
    { "and then none", "rrr upp ppp", "rrr uuu uuu", SPD_ERR_REFUSED, "from burst 1 on" },
    { "silence before the first one is loss", "rrr ppp upp", "rrr ppp uuu", SPD_ERR_REFUSED,
      "from burst 2 on" },
    { "from the first burst", "upp ppp", "uuu uuu", SPD_ERR_REFUSED, "from burst 0 on" },
    { "it comes back", "upp ppp rrr", "uuu uuu rrr", SPD_ERR_OK, "" },
    { "it comes back and goes again", "upp rrr ppp upp", "uuu rrr ppp uuu", SPD_ERR_REFUSED,
      "from burst 3 on" },
    { "one reply in a burst: nothing is guessed", "rrr upr", NULL, SPD_ERR_OK, "" },
    { "one reply, later: nothing is guessed", "rrr rup ppp", NULL, SPD_ERR_OK, "" },
    { "this host does not send any more", "rrr nnn", NULL, SPD_ERR_REFUSED, "from burst 1 on" },
    { "every second one is not sent", "rrr unu npn", "rrr unu nun", SPD_ERR_REFUSED,
      "from burst 1 on" },
    { "not sent for another reason", "rrr fff", NULL, SPD_ERR_OK, "" },
    { "host unreachable", "rrr hpp", "rrr hhh", SPD_ERR_HOST_UNREACHABLE,
      "host unreachable from burst 1 on" },
};

struct world {
    struct spd_test_record record;
    struct spd_packet_record packets[PACKETS_MAX];
    struct spd_burst_record bursts[BURSTS_MAX];
};

static struct spd_packet_record packet_of(char letter)
{
    switch (letter) {
    case 'r':
        return (struct spd_packet_record){ .fate = SPD_FATE_RECEIVED, .n_replies = 1 };
    case 'u':
        return (struct spd_packet_record){ .fate = SPD_FATE_UNREACHABLE, .err = SPD_ERR_REFUSED };
    case 'h':
        return (struct spd_packet_record){ .fate = SPD_FATE_UNREACHABLE,
                                           .err = SPD_ERR_HOST_UNREACHABLE };
    case 'n':
        return (struct spd_packet_record){ .fate = SPD_FATE_NOT_SENT, .err = SPD_ERR_REFUSED };
    case 'f':
        return (struct spd_packet_record){ .fate = SPD_FATE_NOT_SENT, .err = SPD_ERR_NO_BUFFERS };
    default:
        return (struct spd_packet_record){ .fate = SPD_FATE_PENDING };
    }
}

static void build(struct world *w, const char *text)
{
    memset(w, 0, sizeof(*w));
    w->record.packets = w->packets;
    w->record.bursts = w->bursts;
    strcpy(w->record.target_name, "peer.example");
    for (; *text; text++) {
        if (*text == ' ' || w->record.n_bursts == 0) {
            struct spd_burst_record *b = &w->bursts[w->record.n_bursts];

            b->index = (uint32_t)w->record.n_bursts++;
            b->first_packet = (uint32_t)w->record.n_packets;
        }
        if (*text == ' ')
            continue;
        w->packets[w->record.n_packets++] = packet_of(*text);
        w->bursts[w->record.n_bursts - 1].n_packets++;
    }
}

static void a_peer_that_goes_away_is_unreachable_and_not_lossy(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct world got, expected;

        build(&got, row->before);
        build(&expected, row->after ? row->after : row->before);
        spd_unreachable_conclude(&got.record);
        for (size_t k = 0; k < expected.record.n_packets; k++) {
            CHECK_ROW_INT(row->name, got.packets[k].fate, expected.packets[k].fate);
            CHECK_ROW_INT(row->name, got.packets[k].err, expected.packets[k].err);
        }
        CHECK_ROW_INT(row->name, got.record.outcome.err, row->outcome);
        if (row->outcome)
            CHECK_ROW(row->name, strstr(got.record.outcome.text, row->says) &&
                                     strstr(got.record.outcome.text, "peer.example"));
    }
}

static void what_the_outcome_says_already_stays(void **state)
{
    struct world w;

    (void)state;
    build(&w, "rrr uuu");
    spd_diag_set(&w.record.outcome, SPD_ERR_INTERNAL, 0, "something else");
    spd_unreachable_conclude(&w.record);
    assert_int_equal(w.record.outcome.err, SPD_ERR_INTERNAL);
    assert_string_equal(w.record.outcome.text, "something else");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_goes_away_is_unreachable_and_not_lossy),
        cmocka_unit_test(what_the_outcome_says_already_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
