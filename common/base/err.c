/*
 * Names and texts of the errors, and messages for people. Any thread. Not for
 * the measuring threads between packets: spd_diag_set formats.
 */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>

#include "common/base/text.h"

#define ERR_NAME(name, text) #name,
#define ERR_TEXT(name, text) text,
static const char *const err_names[] = { SPD_ERR_LIST(ERR_NAME) };
static const char *const err_texts[] = { SPD_ERR_LIST(ERR_TEXT) };

const char *spd_err_name(enum spd_err err)
{
    return (unsigned)err < SPD_ERR_COUNT ? err_names[err] : "UNKNOWN";
}

const char *spd_err_text(enum spd_err err)
{
    return (unsigned)err < SPD_ERR_COUNT ? err_texts[err] : "unknown error";
}

int spd_err_is_unreachable(enum spd_err err)
{
    return err == SPD_ERR_REFUSED || err == SPD_ERR_HOST_UNREACHABLE ||
           err == SPD_ERR_NET_UNREACHABLE || err == SPD_ERR_PROHIBITED;
}

enum spd_err spd_diag_set(struct spd_diag *diag, enum spd_err err, int32_t os_code,
                          const char *format, ...)
{
    if (!diag)
        return err;

    /* Formatted aside, because an argument may be the old text of *diag. Four
     * bytes more than fit, so that the cut can see a character boundary. */
    char text[sizeof diag->text + 4];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    spd_text_copy(diag->text, sizeof diag->text, n < 0 ? format : text);
    /* Names from users and peers end up in messages: a control character must
     * neither break the line nor reach the terminal. */
    for (char *p = diag->text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = ' ';
    }
    diag->err = err;
    diag->os_code = os_code;
    return err;
}
