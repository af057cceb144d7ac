/* Results and files for the tests of results. */
#include "tests/unit/result_kit.h"

#include <stdlib.h>
#include <string.h>

#include "common/analysis/fate.h"
#include "common/base/assert.h"

/* Programs that run at the same time share the folder, not the name. */
static const char path[] = SPD_TEST_NAME ".tmp";

void kit_compute(struct kit *kit)
{
    spd_summary_fini(&kit->summary);
    SPD_ASSERT(spd_fate_judge(&kit->record, NULL, 0) == SPD_ERR_OK);
    SPD_ASSERT(spd_summary_compute(&kit->record, &kit->summary) == SPD_ERR_OK);
    if (kit->host.system[0] == '\0')
        kit->host = (struct spd_host){ .system = "Testix 1.0",
                                       .processor = "paper and pencil",
                                       .n_processors = 2 };
    kit->result = (struct spd_result){ .record = &kit->record,
                                       .summary = &kit->summary,
                                       .host = &kit->host,
                                       .version = "9.8.7" };
}

void kit_fini(struct kit *kit)
{
    spd_summary_fini(&kit->summary);
    builder_fini(&kit->record);
}

FILE *kit_file(void)
{
    FILE *file = fopen(path, "wb+");
    SPD_ASSERT(file != NULL);
    return file;
}

char *kit_contents(FILE *file, size_t *n_bytes)
{
    SPD_ASSERT(fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    SPD_ASSERT(end >= 0);
    char *text = malloc((size_t)end + 1);
    SPD_ASSERT(text != NULL);
    rewind(file);
    SPD_ASSERT(fread(text, 1, (size_t)end, file) == (size_t)end);
    text[end] = '\0';
    if (n_bytes != NULL)
        *n_bytes = (size_t)end;
    return text;
}

void kit_close(FILE *file)
{
    fclose(file);
    remove(path);
}

FILE *kit_unwritable(void)
{
    fclose(kit_file());
    FILE *file = fopen(path, "rb");
    SPD_ASSERT(file != NULL);
    return file;
}
