/*
 * stampede config as a whole: what it prints, for people and programs, and how
 * it ends.
 */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "service/commands.h"
#include "tests/unit/config_kit.h"
#include "tests/unit/unit.h"

static const char ini_path[] = SPD_TEST_NAME ".ini";

/* What a command said. */
static char said[2][50000]; /* standard output and error */

static const char good[] = "[limits]\n"
                           "user-rate = 64kbit\n"
                           "[test \"voice\"]\n"
                           "command = stream\n"
                           "target = h\n"
                           "every = 90s\n"
                           "[test \"day\"]\n"
                           "command = burst\n"
                           "target = [2001:db8::7]:862\n"
                           "calendar = daily\n"
                           "[allow \"all \xC3\xA4\"]\n"
                           "users = EXAMPLE\\bob\n";

static void write_ini(const char *text)
{
    FILE *file = fopen(ini_path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int run(const char *const *arguments)
{
    static const char *const paths[2] = { SPD_TEST_NAME ".out", SPD_TEST_NAME ".err" };
    FILE *streams[2] = { stdout, stderr }, *files[2];
    struct spd_settings settings;
    struct spd_diag diag = { 0 };
    char *argv[8];
    int argc = 0, saved[2], code;

    for (; arguments[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc];
    if (spd_options_parse(SPD_COMMAND_CONFIG, "check|show [FILE]...", false, argc, argv, &settings,
                          &diag))
        return SPD_EXIT_USAGE;
    for (int i = 0; i < 2; i++) {
        files[i] = fopen(paths[i], "wb+");
        assert_non_null(files[i]);
        fflush(streams[i]);
        saved[i] = dup(i + 1);
        assert_true(saved[i] >= 0 && dup2(fileno(files[i]), i + 1) >= 0);
    }
    code = spd_command_config(&settings);
    for (int i = 0; i < 2; i++) {
        size_t n;

        fflush(streams[i]);
        assert_true(dup2(saved[i], i + 1) >= 0);
        close(saved[i]);
        rewind(files[i]);
        n = fread(said[i], 1, sizeof(said[i]) - 1, files[i]);
        said[i][n] = '\0';
        fclose(files[i]);
        remove(paths[i]);
    }
    return code;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static int tidy_up(void **state)
{
    (void)state;
    remove(ini_path);
    return 0;
}

static void check_tells_what_a_good_file_is_about(void **state)
{
    (void)state;
    write_ini(good);
    assert_int_equal(RUN("check", ini_path), SPD_EXIT_OK);
    assert_non_null(strstr(said[0], ini_path));
    assert_non_null(strstr(said[0], ": good, with 2 tests and 1 rule\n"));
    assert_non_null(strstr(said[0], "  voice: stampede stream h, every 90 s\n"));
    assert_non_null(strstr(said[0], "  day: stampede burst [2001:db8::7]:862, next 2"));
    assert_non_null(strstr(said[0], " 00:00:00\n"));
    assert_string_equal(said[1], "");
}

static void check_tells_all_that_is_wrong(void **state)
{
    (void)state;
    write_ini("[limits]\nuser-rate = fast\nspeed = 3\n");
    assert_int_equal(RUN("check", ini_path), SPD_EXIT_USAGE);
    assert_string_equal(said[0], "");
    assert_non_null(strstr(said[1], ".ini:2: [limits] user-rate = fast: give bit/s"));
    assert_non_null(strstr(said[1], ".ini:3: [limits] speed: no such key"));
    assert_int_equal(RUN("show", ini_path), SPD_EXIT_USAGE);
    assert_string_equal(said[0], "");
}

static void check_counts_what_it_does_not_tell(void **state)
{
    static char text[4000];
    size_t n = (size_t)snprintf(text, sizeof(text), "[limits]\n");
    char more[40];

    (void)state;
    for (int i = 0; i < SPD_CONFIG_PROBLEMS_MAX + 7; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "k%d = 1\n", i);
    write_ini(text);
    assert_int_equal(RUN("check", ini_path), SPD_EXIT_USAGE);
    snprintf(more, sizeof(more), "stampede: and %d more\n", 7);
    assert_non_null(strstr(said[1], more));
}

static void a_file_that_is_not_there_is_no_wrong_use(void **state)
{
    (void)state;
    assert_int_equal(RUN("check", "no-such-file.ini"), SPD_EXIT_ENVIRONMENT);
    assert_non_null(strstr(said[1], "no-such-file.ini: cannot be read"));
}

static void wrong_words_are_refused(void **state)
{
    (void)state;
    write_ini(good);
    assert_int_equal(RUN("chekc", ini_path), SPD_EXIT_USAGE);
    assert_non_null(strstr(said[1], "chekc: give check or show"));
    assert_int_equal(RUN("check", ini_path, "x.ini"), SPD_EXIT_USAGE);
    assert_non_null(strstr(said[1], "x.ini"));
    assert_int_equal(RUN("check", ini_path, "--json"), SPD_EXIT_USAGE);
    assert_non_null(strstr(said[1], "--json"));
}

static const json_t *find(const json_t *array, const char *key, const char *value)
{
    size_t i;
    const json_t *item;

    json_array_foreach(array, i, item)
    {
        const char *text = json_string_value(json_object_get(item, key));

        if (text && strcmp(text, value) == 0)
            return item;
    }
    fail_msg("there is no %s \"%s\"", key, value);
    return NULL;
}

static void show_gives_programs_json(void **state)
{
    const json_t *sections, *section, *value;
    json_error_t error;
    json_t *root;

    (void)state;
    write_ini(good);
    assert_int_equal(RUN("show", ini_path, "--json"), SPD_EXIT_OK);
    root = json_loads(said[0], JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s in line %d", error.text, error.line);
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "stampede.config/1");
    assert_string_equal(json_string_value(json_object_get(root, "file")), ini_path);
    sections = json_object_get(root, "sections");
    assert_int_equal(json_array_size(sections), 8);
    section = find(sections, "section", "limits");
    assert_true(json_is_null(json_object_get(section, "name")));
    value = find(json_object_get(section, "values"), "key", "user-rate");
    assert_string_equal(json_string_value(json_object_get(value, "value")), "64kbit");
    assert_int_equal(json_integer_value(json_object_get(value, "line")), 2);
    value = find(json_object_get(section, "values"), "key", "total-tests");
    assert_string_equal(json_string_value(json_object_get(value, "value")), "16");
    assert_true(json_is_null(json_object_get(value, "line")));
    section = find(sections, "name", "all \xC3\xA4");
    value = find(json_object_get(section, "values"), "key", "users");
    assert_string_equal(json_string_value(json_object_get(value, "value")), "EXAMPLE\\bob");
    value = find(json_object_get(section, "values"), "key", "max-rate");
    assert_true(json_is_null(json_object_get(value, "value")));
    section = find(sections, "name", "day");
    (void)find(json_object_get(section, "values"), "key", "bursts"); /* an option of its command */
    json_decref(root);
}

static void show_gives_people_an_ini_file(void **state)
{
    (void)state;
    write_ini(good);
    assert_int_equal(RUN("show", ini_path), SPD_EXIT_OK);
    write_ini(said[0]);
    assert_int_equal(RUN("check", ini_path), SPD_EXIT_OK);
    assert_non_null(strstr(said[0], ": good, with 2 tests and 1 rule\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_tells_what_a_good_file_is_about),
        cmocka_unit_test(check_tells_all_that_is_wrong),
        cmocka_unit_test(check_counts_what_it_does_not_tell),
        cmocka_unit_test(a_file_that_is_not_there_is_no_wrong_use),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(show_gives_programs_json),
        cmocka_unit_test(show_gives_people_an_ini_file),
    };

    return cmocka_run_group_tests(tests, config_kit_set_up, tidy_up);
}
