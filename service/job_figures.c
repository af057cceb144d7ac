/*
 * Any thread.
 */
#include "service/job_figures.h"

#define US SPD_NS_PER_US
#define MS SPD_NS_PER_MS

const spd_ns spd_job_bucket_ns[SPD_JOB_BUCKETS] = {
    10 * US, 20 * US, 50 * US, 100 * US, 200 * US, 500 * US, 1 * MS,    2 * MS,    5 * MS,
    10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1000 * MS, 2000 * MS, 5000 * MS,
};

void spd_job_way_add(struct spd_job_way *way, spd_ns pdv_ns)
{
    size_t i = 0;

    if (pdv_ns == SPD_NS_UNKNOWN)
        return;
    while (i < SPD_JOB_BUCKETS && pdv_ns > spd_job_bucket_ns[i])
        i++;
    way->buckets[i]++;
    way->n++;
    way->sum_ns += pdv_ns;
}
