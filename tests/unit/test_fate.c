/*
 * Directions of loss against a reflector that is played here, so that the
 * truth is known. A scenario has one character a packet, in the order of
 * sending:
 *   .  answered                       f  lost on the way to the reflector
 *   r  its reply is lost              n  not sent        u  ICMP error
 *   b  dropped by this host's own queue
 *   d  duplicated before the reflector: two replies with two numbers come back
 *   D  the same, and nobody tells the number of the second reply
 *   e  its reply is duplicated: two replies with one number come back
 *   x  duplicated before the reflector, and the second reply is lost
 *   s  a sequence number that is left out
 *   p  a probe without a record, answered    q  such a probe, lost forward
 *   |  a new burst begins            z  the reflector forgets the session
 * and a verdict one for each record: R received, F lost forward, V lost on the
 * way back, L lost, N not sent, U unreachable, P pending.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/analysis/fate.h"
#include "common/base/seqnum.h"
#include "tests/support/random.h"
#include "tests/unit/record_builder.h"

#define MOST 256

struct game {
    struct spd_test_record record;
    struct spd_loss_hint hints[2 * MOST];
    size_t n_hints;
    char played[MOST]; /* scenario character of each record */
    uint32_t number;   /* the reflector's next */
};

struct arriving {
    char kind;
    uint32_t seq;
    size_t record; /* SIZE_MAX for a probe */
};

static void reply(struct game *game, const struct arriving *a)
{
    struct spd_packet_record *packet =
        a->record == SIZE_MAX ? NULL : &game->record.packets[a->record];
    uint32_t number = game->number++;

    if (a->kind == 'p') {
        game->hints[game->n_hints++] = (struct spd_loss_hint){ a->seq, number };
        return;
    }
    if (packet == NULL || a->kind == 'r')
        return;
    packet->reflector_seq = number;
    packet->n_replies = 1;
    if (a->kind == 'd' || a->kind == 'D') {
        uint32_t second = game->number++;
        packet->n_replies = 2;
        if (a->kind == 'd')
            game->hints[game->n_hints++] = (struct spd_loss_hint){ a->seq, second };
    } else if (a->kind == 'e') {
        packet->n_replies = 2;
        game->hints[game->n_hints++] = (struct spd_loss_hint){ a->seq, number };
    } else if (a->kind == 'x') {
        game->number++;
    }
}

/* order: positions in the scenario (separators not counted) in the order in
 * which they reach the reflector; NULL for the order of sending. */
static void play(struct game *game, const char *scenario, const uint8_t *order, uint32_t seq,
                 uint32_t zero)
{
    struct arriving arriving[MOST];
    size_t n = 0;
    size_t forget_at = SIZE_MAX;
    size_t n_bursts = 1;

    memset(game, 0, sizeof *game);
    for (const char *c = scenario; *c; c++)
        n_bursts += *c == '|';
    builder_init(&game->record, n_bursts, strlen(scenario), seq);
    game->number = zero;
    game->record.n_packets = 0;
    for (size_t b = 0; b < n_bursts; b++)
        game->record.bursts[b].n_packets = 0;
    uint32_t burst = 0;
    for (const char *c = scenario; *c; c++) {
        if (*c == '|') {
            game->record.bursts[++burst].first_packet = (uint32_t)game->record.n_packets;
            continue;
        }
        if (*c == 'z') {
            forget_at = n;
            continue;
        }
        struct arriving *a = &arriving[n++];
        *a = (struct arriving){ *c, seq++, SIZE_MAX };
        if (strchr("spq", *c) != NULL)
            continue;
        a->record = game->record.n_packets++;
        struct spd_packet_record *packet = &game->record.packets[a->record];
        game->played[a->record] = *c;
        builder_lose(packet);
        packet->seq = a->seq;
        packet->burst = burst;
        packet->fate = *c == 'n'   ? SPD_FATE_NOT_SENT
                       : *c == 'u' ? SPD_FATE_UNREACHABLE
                                   : SPD_FATE_PENDING;
        packet->err = *c == 'b' ? SPD_ERR_NO_BUFFERS : SPD_ERR_OK;
        game->record.bursts[burst].n_packets++;
    }
    for (size_t i = 0; i < n; i++) {
        const struct arriving *a = &arriving[order ? order[i] : i];
        if (i == forget_at)
            game->number = 0;
        if (strchr("fbnusq", a->kind) == NULL)
            reply(game, a);
    }
}

static void verdict_of(const struct game *game, char *text)
{
    for (size_t i = 0; i < game->record.n_packets; i++)
        text[i] = "PRFVLNU"[game->record.packets[i].fate];
    text[game->record.n_packets] = '\0';
}

struct row {
    const char *name;
    const char *scenario;
    const char *verdict;
    uint32_t unplaced_forward; /* over all bursts */
    uint32_t unplaced_reverse;
    uint32_t first_seq;
    uint32_t zero; /* the reflector's first number */
    uint8_t order[16];
    bool ordered;
};

static const struct row rows[] = {
    { .name = "nothing is lost", .scenario = "....", .verdict = "RRRR" },
    { .name = "one packet answered", .scenario = ".", .verdict = "R" },
    { .name = "one packet lost", .scenario = "f", .verdict = "L" },
    { .name = "all lost", .scenario = "ffrr", .verdict = "LLLL" },
    { .name = "a hole forward", .scenario = ".ff.", .verdict = "RFFR" },
    { .name = "a hole on the way back", .scenario = ".rr.", .verdict = "RVVR" },
    { .name = "two holes", .scenario = ".f.rr.", .verdict = "RFRVVR" },
    { .name = "a mixed hole gives counts",
      .scenario = ".frf.",
      .verdict = "RLLLR",
      .unplaced_forward = 2,
      .unplaced_reverse = 1 },
    { .name = "the tail is unknown", .scenario = "..fr", .verdict = "RRLL" },
    { .name = "a tail probe shows the tail lost forward", .scenario = "..ffp", .verdict = "RRFF" },
    { .name = "a tail probe shows the tail lost on the way back",
      .scenario = "..rrp",
      .verdict = "RRVV" },
    { .name = "a tail probe gives counts for a mixed tail",
      .scenario = "..frp",
      .verdict = "RRLL",
      .unplaced_forward = 1,
      .unplaced_reverse = 1 },
    { .name = "a tail probe that was lost itself, before one that was not",
      .scenario = "..ffqp",
      .verdict = "RRFF" },
    { .name = "only the tail probe was answered",
      .scenario = "ffrp",
      .verdict = "LLL",
      .unplaced_forward = 2,
      .unplaced_reverse = 1 },
    { .name = "a lost probe leaves open which of the two was lost where",
      .scenario = "..rqp",
      .verdict = "RRL" },
    { .name = "the first packets were lost forward", .scenario = "ff..", .verdict = "FFRR" },
    { .name = "the replies to the first packets were lost", .scenario = "rr..", .verdict = "VVRR" },
    { .name = "an older session counts on, so the start tells nothing",
      .scenario = "ff..f.",
      .verdict = "LLRRFR",
      .zero = 1000 },
    { .name = "a probe before the first packet tells it all the same",
      .scenario = "prr..",
      .verdict = "VVRR",
      .zero = 1000 },
    { .name = "the first sequence number is not 0, so the start tells nothing",
      .scenario = "rr..",
      .verdict = "LLRR",
      .first_seq = 7 },
    { .name = "both sequences wrap within a hole forward",
      .scenario = "..fff..",
      .verdict = "RRFFFRR",
      .first_seq = UINT32_MAX - 2,
      .zero = UINT32_MAX - 1 },
    { .name = "both sequences wrap within a hole on the way back",
      .scenario = "..rrr..",
      .verdict = "RRVVVRR",
      .first_seq = UINT32_MAX - 2,
      .zero = UINT32_MAX - 2 },
    { .name = "what was not sent asked for no number", .scenario = ".nrn.", .verdict = "RNVNR" },
    { .name = "what was unreachable asked for no number",
      .scenario = ".uru.f.",
      .verdict = "RUVURFR" },
    { .name = "what this host's queue dropped is lost forward, and asked for no number",
      .scenario = ".brb.b",
      .verdict = "RFVFRF" },
    { .name = "a hole over two bursts", .scenario = "..ff|ff..", .verdict = "RRFFFFRR" },
    { .name = "a mixed hole over two bursts has no place for its counts",
      .scenario = "..fr|ff..",
      .verdict = "RRLLLLRR" },
    { .name = "a probe between the bursts parts their losses",
      .scenario = "..ffp|rr..",
      .verdict = "RRFFVVRR" },
    { .name = "a duplicated request took a number of its own",
      .scenario = ".df.",
      .verdict = "RRFR" },
    { .name = "a duplicated request beside a lost reply", .scenario = ".dr.", .verdict = "RRVR" },
    { .name = "all duplicated", .scenario = "dddd", .verdict = "RRRR" },
    { .name = "all duplicated, one lost", .scenario = "ddfdd", .verdict = "RRFRR" },
    { .name = "a duplicated reply took no number", .scenario = ".ef.er.", .verdict = "RRFRRVR" },
    { .name = "a duplicate whose number nobody knows leaves the hole beside it open",
      .scenario = ".Df.",
      .verdict = "RRLR" },
    { .name = "a duplicate of unknown number elsewhere does not spoil a hole without numbers",
      .scenario = ".D..ff..",
      .verdict = "RRRRFFRR" },
    { .name = "a duplicate whose reply was lost makes a single hole doubtful",
      .scenario = ".x..f..",
      .verdict = "RRRRLRR" },
    { .name = "but not one that it cannot explain", .scenario = ".x..ff..", .verdict = "RRRRFFRR" },
    { .name = "nor one of another burst", .scenario = ".x..|..f..f.", .verdict = "RRRRRRFRRFR" },
    { .name = "though a hole that begins in the doubtful burst is doubtful",
      .scenario = ".x..|f..f.",
      .verdict = "RRRRLRRFR" },
    { .name = "overtaking without loss",
      .scenario = "......",
      .verdict = "RRRRRR",
      .order = { 0, 2, 1, 5, 3, 4 },
      .ordered = true },
    { .name = "overtaking around a packet lost forward",
      .scenario = "..f...",
      .verdict = "RRFRRR",
      .order = { 0, 3, 1, 2, 4, 5 },
      .ordered = true },
    { .name = "overtaking around a lost reply",
      .scenario = "..r...",
      .verdict = "RRVRRR",
      .order = { 0, 3, 2, 1, 4, 5 },
      .ordered = true },
    { .name = "the first packet was overtaken, with a loss behind",
      .scenario = "...r.",
      .verdict = "RRRVR",
      .order = { 1, 0, 2, 3, 4 },
      .ordered = true },
    { .name = "a lost reply was overtaken: the hole alone would say forward",
      .scenario = "..r...",
      .verdict = "RRLRRR",
      .order = { 0, 2, 1, 3, 4, 5 },
      .ordered = true },
    { .name = "a lost reply between neighbours in order, both overtaken",
      .scenario = "..r..",
      .verdict = "RRVRR",
      .order = { 0, 4, 1, 2, 3 },
      .ordered = true },
    { .name = "a number that came back twice is one number",
      .scenario = ".er..",
      .verdict = "RRVRR",
      .order = { 0, 3, 2, 1, 4 },
      .ordered = true },
    { .name = "the reflector forgot the session between two bursts",
      .scenario = "..f..|z..r..",
      .verdict = "RRFRRRRVRR" },
    { .name = "and what was lost around that moment stays unknown",
      .scenario = "....f|zf....",
      .verdict = "RRRRLLRRRR" },
};

static void check_unplaced(const struct row *row, const struct game *game)
{
    uint32_t forward = 0;
    uint32_t reverse = 0;

    for (size_t b = 0; b < game->record.n_bursts; b++) {
        forward += game->record.bursts[b].n_lost_forward_unplaced;
        reverse += game->record.bursts[b].n_lost_reverse_unplaced;
    }
    CHECK_ROW_INT(row->name, forward, row->unplaced_forward);
    CHECK_ROW_INT(row->name, reverse, row->unplaced_reverse);
}

static void directions_follow_from_the_reflectors_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct game game;
        char verdict[MOST];

        play(&game, row->scenario, row->ordered ? row->order : NULL, row->first_seq, row->zero);
        CHECK_ROW_INT(row->name, spd_fate_judge(&game.record, game.hints, game.n_hints),
                      SPD_ERR_OK);
        verdict_of(&game, verdict);
        CHECK_ROW_TEXT(row->name, verdict, row->verdict);
        check_unplaced(row, &game);
        builder_fini(&game.record);
    }
}

static void judging_again_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct game game;
        char verdict[MOST];

        play(&game, row->scenario, row->ordered ? row->order : NULL, row->first_seq, row->zero);
        assert_int_equal(spd_fate_judge(&game.record, NULL, 0), SPD_ERR_OK);
        assert_int_equal(spd_fate_judge(&game.record, game.hints, game.n_hints), SPD_ERR_OK);
        verdict_of(&game, verdict);
        CHECK_ROW_TEXT(row->name, verdict, row->verdict);
        check_unplaced(row, &game);
        builder_fini(&game.record);
    }
}

static void without_numbers_of_its_own_the_reflector_shows_no_direction(void **state)
{
    static const uint8_t modes[] = { SPD_REFLECTOR_STATELESS, SPD_REFLECTOR_UNKNOWN };

    (void)state;
    for (size_t m = 0; m < N_ROWS(modes); m++) {
        struct game game;
        char verdict[MOST];

        play(&game, ".ff.nur.bf", NULL, 0, 0);
        game.record.reflector_mode = modes[m];
        assert_int_equal(spd_fate_judge(&game.record, NULL, 0), SPD_ERR_OK);
        verdict_of(&game, verdict);
        assert_string_equal(verdict, "RLLRNULRFL");
        builder_fini(&game.record);
    }
}

static void the_end_of_an_interrupted_burst_stays_pending(void **state)
{
    struct game game;
    char verdict[MOST];

    (void)state;
    play(&game, "..ff|.f.ff", NULL, 0, 0);
    game.record.bursts[1].interrupted = true;
    assert_int_equal(spd_fate_judge(&game.record, NULL, 0), SPD_ERR_OK);
    verdict_of(&game, verdict);
    assert_string_equal(verdict, "RRFFRFRPP");
    builder_fini(&game.record);
}

static void a_reply_outweighs_an_error(void **state)
{
    struct game game;

    (void)state;
    play(&game, "...", NULL, 0, 0);
    game.record.packets[1].fate = SPD_FATE_UNREACHABLE;
    assert_int_equal(spd_fate_judge(&game.record, NULL, 0), SPD_ERR_OK);
    assert_int_equal(game.record.packets[1].fate, SPD_FATE_RECEIVED);
    builder_fini(&game.record);
}

static void an_empty_test_is_judged(void **state)
{
    struct spd_test_record record = { 0 };

    (void)state;
    assert_int_equal(spd_fate_judge(&record, NULL, 0), SPD_ERR_OK);
}

/* Whatever is lost where, and however requests and replies are duplicated (as
 * long as the second replies come back): no verdict is wrong, every packet
 * between two answered ones is told by itself or in the counts, and the counts
 * are true. */
static void random_losses_and_duplicates_are_told_truly(void **state)
{
    struct spd_random random = spd_random_start("random_losses_and_duplicates_are_told_truly");

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        char scenario[MOST] = "p";
        size_t n = 3 + spd_random_below(&random, 100);
        unsigned rate = 1 + (unsigned)spd_random_below(&random, 60);
        struct game game;
        uint32_t truth[2] = { 0, 0 };
        uint32_t told[2] = { 0, 0 };

        for (size_t i = 1; i < n; i++) {
            uint64_t dice = spd_random_below(&random, 100);
            scenario[i] = dice < rate ? "fr"[spd_random_below(&random, 2)] : ".de"[dice % 3];
        }
        strcpy(scenario + n, "p");
        play(&game, scenario, NULL, (uint32_t)spd_random_u64(&random),
             (uint32_t)spd_random_u64(&random));
        assert_int_equal(spd_fate_judge(&game.record, game.hints, game.n_hints), SPD_ERR_OK);
        told[0] = game.record.bursts[0].n_lost_forward_unplaced;
        told[1] = game.record.bursts[0].n_lost_reverse_unplaced;
        for (size_t i = 0; i < game.record.n_packets; i++) {
            uint8_t fate = game.record.packets[i].fate;

            truth[0] += game.played[i] == 'f';
            truth[1] += game.played[i] == 'r';
            told[0] += fate == SPD_FATE_LOST_FORWARD;
            told[1] += fate == SPD_FATE_LOST_REVERSE;
            if ((fate == SPD_FATE_LOST_FORWARD && game.played[i] != 'f') ||
                (fate == SPD_FATE_LOST_REVERSE && game.played[i] != 'r'))
                fail_msg("%s: packet %zu", scenario, i);
        }
        if (told[0] != truth[0] || told[1] != truth[1])
            fail_msg("%s: told %u and %u, true are %u and %u", scenario, told[0], told[1], truth[0],
                     truth[1]);
        builder_fini(&game.record);
    }
}

/* Numbers that make no sense must not crash or hang it. */
static void a_hostile_reflector_does_no_harm(void **state)
{
    struct spd_random random = spd_random_start("a_hostile_reflector_does_no_harm");

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct game game;
        size_t n_hints = spd_random_below(&random, 8);

        play(&game, "..f.r..|..d.e..f|..n.u..", NULL, (uint32_t)spd_random_u64(&random), 0);
        for (size_t i = 0; i < game.record.n_packets; i++)
            game.record.packets[i].reflector_seq =
                (uint32_t)(spd_random_u64(&random) >> spd_random_below(&random, 64));
        for (size_t i = 0; i < n_hints; i++)
            game.hints[i] = (struct spd_loss_hint){ (uint32_t)spd_random_u64(&random) >>
                                                        spd_random_below(&random, 32),
                                                    (uint32_t)spd_random_u64(&random) };
        assert_int_equal(spd_fate_judge(&game.record, game.hints, n_hints), SPD_ERR_OK);
        for (size_t i = 0; i < game.record.n_packets; i++)
            assert_true(game.record.packets[i].fate != SPD_FATE_PENDING);
        builder_fini(&game.record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directions_follow_from_the_reflectors_numbers),
        cmocka_unit_test(judging_again_gives_the_same),
        cmocka_unit_test(without_numbers_of_its_own_the_reflector_shows_no_direction),
        cmocka_unit_test(the_end_of_an_interrupted_burst_stays_pending),
        cmocka_unit_test(a_reply_outweighs_an_error),
        cmocka_unit_test(an_empty_test_is_judged),
        cmocka_unit_test(random_losses_and_duplicates_are_told_truly),
        cmocka_unit_test(a_hostile_reflector_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
