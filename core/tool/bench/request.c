/* SPDX-License-Identifier: MIT */
/* The arguments of `descent bench`: see request.h. */
#include "tool/bench/request.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/bench/crew.h"
#include "tool/options.h"
#include "tool/words.h"

static const bench_case *find_case(const char *name)
{
    for (size_t i = 0; cases_at(i) != NULL; i++)
        if (strcmp(cases_at(i)->name, name) == 0)
            return cases_at(i);
    return NULL;
}

static int unknown_case(const char *name)
{
    words_nearest search = {.wanted = name};

    for (size_t i = 0; cases_at(i) != NULL; i++)
        words_offer(&search, cases_at(i)->name);
    if (search.best[0] != '\0')
        return options_misuse("bench",
                              "unknown case '%.64s'; did you mean '%s'?", name,
                              search.best);
    return options_misuse("bench",
                          "unknown case '%.64s'; 'descent bench --help' lists "
                          "them",
                          name);
}

static int add_case(request *r, const char *name)
{
    r->cases[r->case_count] = find_case(name);
    return r->cases[r->case_count++] != NULL ? TOOL_OK : unknown_case(name);
}

/* Whether there is such an optimizer is for the runtime to say. */
static int add_optimizer(request *r, const char *name)
{
    char *const to = r->optimizers[r->optimizer_count++];
    const size_t size = sizeof r->optimizers[0];

    if ((size_t)snprintf(to, size, "%s", name) < size)
        return TOOL_OK;
    return options_misuse("bench", "--optimizer: '%.64s...' is too long", name);
}

static int add_threads(request *r, const char *text)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);

    if (strspn(text, "0123456789") != strlen(text) || n < 1 || n > CREW_MOST)
        return options_misuse("bench",
                              "--threads: '%.64s': expected numbers from 1 to "
                              "%d",
                              text, CREW_MOST);
    r->threads[r->thread_count++] = (uint32_t)n;
    return TOOL_OK;
}

/* Hand over what stands between commas. */
static int read_list(request *r, const char *option, size_t *count,
                     const char *text, int (*add)(request *, const char *))
{
    char word[256];
    int status = TOOL_OK;

    for (const char *end; status == TOOL_OK; text = end + 1) {
        end = text + strcspn(text, ",");
        if (end == text)
            return options_misuse("bench", "%s: expected names between commas",
                                  option);
        if (*count == REQUEST_MOST)
            return options_misuse("bench", "%s: more than %d are too many",
                                  option, REQUEST_MOST);
        snprintf(word, sizeof word, "%.*s", (int)(end - text), text);
        status = add(r, word);
        if (*end == '\0')
            break;
    }
    return status;
}

static int read_seconds(request *r, const char *text)
{
    enum { MOST = 3600 };
    char *end;

    r->seconds = strtod(text, &end);
    if (*text != '\0' && *end == '\0' && r->seconds > 0 && r->seconds <= MOST)
        return TOOL_OK;
    return options_misuse("bench",
                          "--seconds: '%.64s': expected a number above 0, of "
                          "%d at most",
                          text, MOST);
}

static int read_option(request *r, int option)
{
    switch (option) {
    case 'c':
        return read_list(r, "--case", &r->case_count, optarg, add_case);
    case 'o':
        return read_list(r, "--optimizer", &r->optimizer_count, optarg,
                         add_optimizer);
    case 't':
        return read_list(r, "--threads", &r->thread_count, optarg, add_threads);
    case 's':
        return read_seconds(r, optarg);
    case 'j':
        r->json = true;
        return TOOL_OK;
    case 'l':
        r->shapes = true;
        return TOOL_OK;
    default:
        r->help = true;
        return TOOL_OK;
    }
}

/* One thread and two, where there are two processors. */
static void usual_threads(request *r)
{
    cpu_set_t set;
    /* A set may be too small for the processors of a large machine. */
    const long n = sched_getaffinity(0, sizeof set, &set) == 0
                       ? CPU_COUNT(&set)
                       : sysconf(_SC_NPROCESSORS_ONLN);

    r->threads[r->thread_count++] = 1;
    if (n > 1)
        r->threads[r->thread_count++] = 2;
}

int request_read(request *r, int argc, char **argv)
{
    static const struct option table[] = {
        {"case", required_argument, NULL, 'c'},
        {"optimizer", required_argument, NULL, 'o'},
        {"threads", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"shapes", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option, status = TOOL_OK;

    *r = (request){.seconds = 1};
    while (status == TOOL_OK && (option = options_next(argc, argv, ":h", table,
                                                       "bench")) != OPTIONS_END)
        status = option == OPTIONS_WRONG ? TOOL_USAGE : read_option(r, option);
    if (status != TOOL_OK)
        return status;
    if (optind < argc)
        return options_misuse("bench", "'%.64s': expected options only",
                              argv[optind]);
    if (r->case_count == 0)
        for (size_t i = 0; cases_at(i) != NULL; i++)
            r->cases[r->case_count++] = cases_at(i);
    if (r->thread_count == 0)
        usual_threads(r);
    return TOOL_OK;
}
