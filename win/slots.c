/*
 * The concurrency limit of a port. Runs on the threads that wait on it, and at
 * the end of a thread that still holds a slot: fiber-local storage calls back
 * then, as no other means does for threads that we did not start.
 */
#include "win/slots.h"

static void give_one(struct spd_slots *slots)
{
    AcquireSRWLockExclusive(&slots->lock);
    slots->n_free++;
    ReleaseSRWLockExclusive(&slots->lock);
    WakeConditionVariable(&slots->freed);
}

/* A thread ends and still holds completions. */
static void NTAPI thread_ended(PVOID value)
{
    if (value != NULL)
        give_one(value);
}

enum spd_err spd_slots_init(struct spd_slots *slots, unsigned n_slots)
{
    InitializeSRWLock(&slots->lock);
    InitializeConditionVariable(&slots->freed);
    slots->n_free = n_slots;
    slots->fls = FlsAlloc(thread_ended);
    return slots->fls != FLS_OUT_OF_INDEXES ? SPD_ERR_OK : SPD_ERR_LIMIT;
}

void spd_slots_fini(struct spd_slots *slots)
{
    /* Calls thread_ended for every thread that lives and holds a slot. */
    if (slots->fls != FLS_OUT_OF_INDEXES)
        FlsFree(slots->fls);
    slots->fls = FLS_OUT_OF_INDEXES;
}

bool spd_slots_take(struct spd_slots *slots, DWORD timeout_ms, bool (*give_up)(void *context),
                    void *context)
{
    ULONGLONG start_ms = timeout_ms == 0 || timeout_ms == INFINITE ? 0 : GetTickCount64();
    bool taken = false;

    AcquireSRWLockExclusive(&slots->lock);
    while (slots->n_free == 0 && !give_up(context)) {
        DWORD left_ms = timeout_ms;

        if (timeout_ms != 0 && timeout_ms != INFINITE) {
            ULONGLONG passed_ms = GetTickCount64() - start_ms;
            left_ms = passed_ms < timeout_ms ? timeout_ms - (DWORD)passed_ms : 0;
        }
        if (left_ms == 0 || !SleepConditionVariableSRW(&slots->freed, &slots->lock, left_ms, 0))
            break;
    }
    if (slots->n_free > 0) {
        slots->n_free--;
        taken = true;
    }
    ReleaseSRWLockExclusive(&slots->lock);
    if (taken && !FlsSetValue(slots->fls, slots)) {
        /* Without a value the slot would be lost with the thread. */
        give_one(slots);
        taken = false;
    }
    return taken;
}

void spd_slots_give(struct spd_slots *slots)
{
    if (FlsGetValue(slots->fls) == NULL)
        return;
    FlsSetValue(slots->fls, NULL);
    give_one(slots);
}

void spd_slots_wake(struct spd_slots *slots)
{
    /* Under the lock, so that no thread is between its look at give_up and its
     * sleep. */
    AcquireSRWLockExclusive(&slots->lock);
    ReleaseSRWLockExclusive(&slots->lock);
    WakeAllConditionVariable(&slots->freed);
}
