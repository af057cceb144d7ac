/*
 * Runs a fuzz target without libFuzzer: every file of a corpus folder, and then
 * a number of random mutations of them, each in memory of exactly its size.
 * usage: PROGRAM CORPUS-FOLDER [MUTATIONS], seed from SPD_SEED.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define INPUTS_MAX      256
#define INPUT_BYTES_MAX 4096

struct input {
    uint8_t bytes[INPUT_BYTES_MAX];
    size_t n;
};

static struct input inputs[INPUTS_MAX];
static size_t n_inputs;

static void run(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static bool load(const char *folder, const char *name)
{
    char path[1024];
    struct input *input = &inputs[n_inputs];

    if (n_inputs == INPUTS_MAX ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        fprintf(stderr, "too many files or too long a path: %s/%s\n", folder, name);
        return false;
    }
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    input->n = fread(input->bytes, 1, sizeof input->bytes, file);
    bool whole = !ferror(file) && fgetc(file) == EOF;
    fclose(file);
    if (!whole) {
        fprintf(stderr, "%s: cannot be read, or has more than %d bytes\n", path, INPUT_BYTES_MAX);
        return false;
    }
    n_inputs++;
    return true;
}

static bool load_corpus(const char *folder)
{
    DIR *listing = opendir(folder);
    bool ok = true;

    if (!listing) {
        perror(folder);
        return false;
    }
    for (struct dirent *entry; ok && (entry = readdir(listing));) {
        if (ends_with(entry->d_name, ".bin"))
            ok = load(folder, entry->d_name);
    }
    closedir(listing);
    if (ok && n_inputs == 0) {
        fprintf(stderr, "%s holds no .bin file\n", folder);
        return false;
    }
    return ok;
}

/* One change, of the kinds that find most: bits, edge values, length, mixing. */
static void mutate(struct spd_random *random, struct input *input)
{
    static const uint8_t edges[] = { 0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF };
    const struct input *other = &inputs[spd_random_below(random, n_inputs)];
    size_t at = spd_random_below(random, input->n + 1);

    switch (spd_random_below(random, 6)) {
    case 0:
        if (at < input->n)
            input->bytes[at] ^= (uint8_t)(1u << spd_random_below(random, 8));
        break;
    case 1:
        if (at < input->n)
            input->bytes[at] = edges[spd_random_below(random, sizeof edges)];
        break;
    case 2:
        input->n = at;
        break;
    case 3: /* grow, mostly by little */
        at = spd_random_below(random, spd_random_below(random, 8) == 0 ? 1500 : 8);
        if (input->n + at <= INPUT_BYTES_MAX) {
            spd_random_bytes(random, input->bytes + input->n, at);
            input->n += at;
        }
        break;
    case 4: /* the head of one, the tail of another */
        if (at < other->n) {
            memcpy(input->bytes + at, other->bytes + at, other->n - at);
            input->n = other->n;
        }
        break;
    default:
        spd_random_bytes(random, input->bytes + at, at + 4 <= input->n ? 4 : input->n - at);
        break;
    }
}

int main(int n_arguments, char **arguments)
{
    static struct input input;
    unsigned long n_mutations = n_arguments > 2 ? strtoul(arguments[2], NULL, 10) : 0;

    if (n_arguments < 2 || n_arguments > 3) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER [MUTATIONS]\n", arguments[0]);
        return 2;
    }
    if (!load_corpus(arguments[1]))
        return 1;
    for (size_t i = 0; i < n_inputs; i++)
        run(inputs[i].bytes, inputs[i].n);

    struct spd_random random = spd_random_start("replay");
    fflush(stdout); /* the seed is wanted most when the next line never comes */
    for (unsigned long i = 0; i < n_mutations; i++) {
        input = inputs[spd_random_below(&random, n_inputs)];
        for (uint64_t n = 1 + spd_random_below(&random, 4); n > 0; n--)
            mutate(&random, &input);
        run(input.bytes, input.n);
    }
    printf("%zu files, %lu mutations: no rule broken\n", n_inputs, n_mutations);
    return 0;
}
