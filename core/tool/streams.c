/* SPDX-License-Identifier: MIT */
/* The standard streams of the command: see streams.h. */
#include "tool/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool/tool.h"
#include "tool/words.h"

/* Runs at every exit, also at a script's os.exit(). */
static void check_output(void)
{
    const int failed_before = ferror(stdout);

    errno = 0;
    if (fflush(stdout) == 0 && !failed_before)
        return;
    /* The reason of an earlier failure is gone by now. */
    streams_error("standard output: %s",
                  errno != 0 ? strerror(errno) : "not everything was written");
    _exit(TOOL_FAILED);
}

void streams_open(void)
{
    /* A closed descriptor is occupied the wrong way round, so that using it is
     * still an error. */
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF)
            (void)open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    if (atexit(check_output) != 0)
        abort();
}

void streams_error(const char *format, ...)
{
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("descent: ", stderr);
    words_write(stderr, text, false);
    putc('\n', stderr);
}

void streams_failure(void)
{
    fputs("descent: ", stderr);
    words_write(stderr, descent_error_message(), true);
    putc('\n', stderr);
}

size_t streams_width(void)
{
    enum { USUAL = 80, LEAST = 60, MOST = 100 };
    struct winsize window;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
        return USUAL;
    return window.ws_col < LEAST  ? LEAST
           : window.ws_col > MOST ? MOST
                                  : window.ws_col;
}
